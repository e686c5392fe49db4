#!/usr/bin/env python3
"""Six GPU placement policies by the method of "Beware of Fragmentation" (USENIX ATC 2023), as a table.

usage: compare.py [--windtunnel target/release/windtunnel] [--seeds 10] [--policies Random,FGD] [--pods LIST.csv] [--jobs 2]

For each seed: the pods in a random order, topped up by draws with replacement (or thinned out) until they ask for 130 %
of the cluster's GPUs; the nodes with GPUs in a random order, the first of which wins ties. Pods come a second apart, run
for ever, and one that finds no node is not placed later either, since nothing is ever freed. A row is a policy, a cell
the percentage of the cluster's GPUs that is allocated when pods for 90, 100, ... percent of it have arrived, as a mean
over the seeds. The random numbers are Python's and not those of the study's own simulator, so only means compare.
"""
import argparse
import csv
import pathlib
import random
import statistics
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DATA = ROOT / "data" / "openb-2023"
LEVELS = [90, 100, 110, 120, 130]
TARGET = 1.3
# Policy: its score plugin, and which GPU a part of one takes.
POLICIES = {
    "Random": ("RandomNode", "Random"),
    "DotProd": ("GpuDotProduct", "Fullest"),
    "GpuClustering": ("GpuClustering", "Fullest"),
    "GpuPacking": ("GpuPacking", "Fullest"),
    "BestFit": ("GpuBestFit", "Fullest"),
    "FGD": ("FragmentationGradient", "FragmentationGradient"),
}


def read_pods(path):
    pods = []
    for row in csv.DictReader(open(path)):
        gpus = int(row["num_gpu"])
        milli = min(int(row["gpu_milli"]), 1000) if gpus else 0
        models = row.get("gpu_spec") or ""
        pods.append((row["name"], int(row["cpu_milli"]), int(row["memory_mib"]), gpus, milli, models))
    return sorted(pods)


def read_nodes():
    rows = csv.DictReader(open(DATA / "openb_node_list_all_node.csv"))
    nodes = [(r["sn"], int(r["cpu_milli"]), int(r["memory_mib"]), int(r["gpu"]), r["model"]) for r in rows]
    return sorted(node for node in nodes if node[3] > 0)


def asked(pod):
    return pod[3] * pod[4]


def tuned(pods, target, rng):
    """The pods in a random order, with as many more or fewer as it takes to ask for the target."""
    listed = list(pods)
    rng.shuffle(listed)
    total = sum(map(asked, listed))
    while total > target:
        total -= asked(listed.pop(rng.randrange(len(listed))))
    if sum(map(asked, pods)) > target:
        return listed
    while True:
        pod = rng.choice(pods)
        # As the study's code has it: one GPU's part decides, not that of all of them.
        if total + pod[4] > target:
            return listed
        listed.append(pod)
        total += asked(pod)


def typical(pods):
    kinds = Counter((pod[1], pod[3], pod[4] or 1000, pod[5]) for pod in pods)
    kind = '{{cpu: "{}m", gpus: {}, gpuMilli: {}, gpuModels: [{}], count: {}}}'
    listed = (kind.format(cpu, gpus, milli, models.replace("|", ", "), count)
              for (cpu, gpus, milli, models), count in sorted(kinds.items()))
    return "[" + ", ".join(listed) + "]"


def prepare(folder, pods, nodes, seed):
    """Writes the lists of one seed; returns its pods in the order of their arrival."""
    rng = random.Random(seed)
    arriving = tuned(pods, TARGET * 1000 * sum(node[3] for node in nodes), rng)
    with open(folder / f"pods-{seed}.csv", "w") as out:
        print("name,arrival_s,duration_s,cpu_milli,memory_bytes,gpus,gpu_milli,gpu_model", file=out)
        for at, (_, cpu, memory, gpus, milli, models) in enumerate(arriving):
            print(f"p{at:05},{at + 1},,{cpu},{memory << 20},{gpus},{milli if gpus == 1 else ''},{models}", file=out)
    shuffled = list(nodes)
    rng.shuffle(shuffled)
    with open(folder / f"nodes-{seed}.csv", "w") as out:
        print("name,cpu_milli,memory_bytes,gpus,gpu_model", file=out)
        for name, cpu, memory, gpus, model in shuffled:
            print(f"{name},{cpu},{memory << 20},{gpus},{model}", file=out)
    return arriving


def simulate(arguments, folder, policy, seed, count, kinds):
    """Which pods, by their place in the order of arrival, got a node."""
    score, device = POLICIES[policy]
    out = folder / f"{policy}-{seed}"
    settings = {
        "replay.format": "csv",
        "replay.pods": folder / f"pods-{seed}.csv",
        "replay.nodes": folder / f"nodes-{seed}.csv",
        "duration": f"{count + 10}s",
        "sampleInterval": "1h",
        "scheduler.scoreWeights.FragmentationGradient": 0,
        f"scheduler.scoreWeights.{score}": 1,
        "scheduler.gpuDevice": device,
        "scheduler.typicalPods": kinds,
    }
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [arguments.windtunnel, "run", HERE / "fgd.yaml", "--seed", str(seed), "--out", out, "--no-plots", "-q", *sets]
    subprocess.run(command, check=True)
    with open(out / "pods.csv") as rows:
        return {int(row["pod"].rsplit("/", 1)[-1][1:]) for row in csv.DictReader(rows) if row["node"]}


def allocation(arriving, placed, capacity):
    """Percent allocated by percent arrived: means of the arrivals that fall in each bin."""
    bins, arrived, used = {}, 0, 0
    for index, pod in enumerate(arriving):
        arrived += asked(pod)
        used += asked(pod) if index in placed else 0
        bins.setdefault(round(100 * arrived / capacity), []).append(round(100 * used / capacity, 2))

    def cell(level):
        events = bins.get(level) or bins.get(level - 1, []) + bins.get(level + 1, [])
        return round(statistics.mean(events), 2)

    return [cell(level) for level in LEVELS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windtunnel", default=str(ROOT / "target" / "release" / "windtunnel"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--pods", type=pathlib.Path, default=DATA / "openb_pod_list_default.csv")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    pods, nodes = read_pods(arguments.pods), read_nodes()
    capacity = 1000 * sum(node[3] for node in nodes)
    kinds = typical(pods)
    policies = arguments.policies.split(",")
    cells = {policy: [] for policy in policies}
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.jobs) as pool:
        folder = pathlib.Path(temporary)
        lists = {seed: prepare(folder, pods, nodes, seed) for seed in range(1, arguments.seeds + 1)}
        runs = [(policy, seed) for policy in policies for seed in lists]
        simulated = pool.map(lambda run: simulate(arguments, folder, *run, len(lists[run[1]]), kinds), runs)
        for (policy, seed), placed in zip(runs, simulated):
            cells[policy].append(allocation(lists[seed], placed, capacity))
    print("| policy | " + " | ".join(f"{level} %" for level in LEVELS) + " |")
    print("|---" * (len(LEVELS) + 1) + "|")
    for policy, rows in cells.items():
        means = [statistics.mean(column) for column in zip(*rows)]
        print(f"| {policy} | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")


if __name__ == "__main__":
    main()
