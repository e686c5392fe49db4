"""Makes jobs-ee9e8c-week6.csv from the condensed trace's jobs.csv: python3 extract.py jobs.csv > jobs-ee9e8c-week6.csv"""

import csv
import sys

WEEK = 7 * 86400
print("job,arrival_s,model,batch_size,num_gpus,total_steps")
with open(sys.argv[1]) as trace:
    jobs = [job for job in csv.DictReader(trace) if job["virtual_cluster"] == "ee9e8c"]
jobs = [job for job in jobs if 6 * WEEK <= float(job["arrival_s"]) < 7 * WEEK and int(job["num_gpus"]) <= 8]
for index, job in enumerate(jobs):
    arrival, steps = int(float(job["arrival_s"]) - 6 * WEEK), max(1, int(float(job["duration_s"])))
    print(f"ee9e8c-{index},{arrival},wall-seconds,,{job['num_gpus']},{steps}")
