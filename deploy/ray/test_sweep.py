#!/usr/bin/env python3
"""Holds the Ray driver against one call of `windtunnel sweep`: several node processes, one of which is killed in mid-run.

    python deploy/ray/test_sweep.py target/release/windtunnel

Skips with a word where Ray is not installed.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

try:
    from ray.cluster_utils import Cluster
except ImportError:
    print("skipped: ray is not installed (pip install ray)")
    sys.exit(0)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SWEEP = """apiVersion: windtunnel/v1
kind: Sweep
metadata: {name: ray}
spec:
  scenario: ai-model-training.yaml
  parameters: [{path: autoscaling.clusterAutoscaler.scaleDownUnneededTime, values: [2m, 5m, 10m, 20m]}]
  seeds: {from: 1, count: 12}
"""


def results(folder: pathlib.Path) -> dict:
    return {name: (folder / name).read_bytes() for name in ("runs.csv", "sweep.json", "cost-against-wait.svg")}


def main() -> int:
    binary = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "windtunnel").resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        scenario = (ROOT / "scenarios/ai-model-training.yaml").read_text()
        (folder / "ai-model-training.yaml").write_text(scenario)
        for beside in ("manifests", "traces", "training"):
            source = ROOT / "scenarios" / beside
            if source.exists():
                subprocess.run(["cp", "-r", str(source), str(folder)], check=True)
        (folder / "sweep.yaml").write_text(SWEEP)
        subprocess.run([binary, "sweep", "sweep.yaml", "--out", "whole", "-q"], cwd=folder, check=True)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        workers = [cluster.add_node(num_cpus=1) for _ in range(2)]
        driver = subprocess.Popen(
            [sys.executable, str(ROOT / "deploy/ray/sweep.py"), "sweep.yaml", "--shards", "24", "--out", "joined",
             "--address", cluster.address, "--binary", binary],
            cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "RAY_ADDRESS": cluster.address},
        )
        for line in driver.stderr:
            print(line, end="")
            if "shard" in line and "done" in line and workers:
                print("a worker is killed")
                cluster.remove_node(workers.pop(), allow_graceful=False)
                workers.clear()
        if driver.wait() != 0:
            return 1
        same = results(folder / "joined") == results(folder / "whole")
        print("the same bytes" if same else "DIFFERENT")
        time.sleep(0.1)
        cluster.shutdown()
        return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
