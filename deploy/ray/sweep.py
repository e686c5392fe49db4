#!/usr/bin/env python3
"""Runs a Windtunnel sweep on a Ray cluster: a task a shard, and the merged results of all of them.

    python deploy/ray/sweep.py scenarios/sweeps/hpa-target.yaml --shards 16

Needs `pip install ray` here, and the program `windtunnel` on every worker (`--binary` says where). The folder that this is called
in is sent to the workers, for the sweep names files in it; `results`, `target` and `.git` are left out. A task whose worker is
lost is started again elsewhere; a call that was broken off goes on with the shards that it has when it is called again.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import ray

LEFT_OUT = ["results", "target", ".git", "*.jsonl"]


@ray.remote(num_cpus=1, max_retries=8)
def run_shard(binary: str, arguments: list[str], index: int, of: int) -> bytes:
    """Carries a shard out on a worker and gives back its file."""
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "sweep", *arguments, "--shard", f"{index}/{of}", "--out", folder, "--jobs", "1", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            # No loss of a worker: it would fail everywhere.
            raise RuntimeError(f"shard {index}/{of}: {done.stderr.strip()}")
        return (pathlib.Path(folder) / f"shard-{index}-of-{of}.jsonl").read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep", help="sweep file, below this folder")
    parser.add_argument("--shards", type=int, required=True, help="tasks; some for each core of the cluster are good")
    parser.add_argument("--out", help="folder of the results [default: results/NAME of the sweep's file]")
    parser.add_argument("--address", default=None, help="of the Ray cluster [default: RAY_ADDRESS, else one on this machine]")
    parser.add_argument("--binary", default="windtunnel", help="the program on the workers and here")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="as of `windtunnel sweep`")
    options = parser.parse_args()

    out = pathlib.Path(options.out or pathlib.Path("results") / pathlib.Path(options.sweep).stem)
    shards = out / "shards"
    shards.mkdir(parents=True, exist_ok=True)
    arguments = [options.sweep] + [f"--set={setting}" for setting in options.set]

    def file_of(index: int) -> pathlib.Path:
        return shards / f"shard-{index}-of-{options.shards}.jsonl"

    ray.init(address=options.address, runtime_env={"working_dir": ".", "excludes": LEFT_OUT}, log_to_driver=False)
    missing = [index for index in range(options.shards) if not file_of(index).exists()]
    tasks = {run_shard.remote(options.binary, arguments, index, options.shards): index for index in missing}
    print(f"{len(missing)} of {options.shards} shards to run", file=sys.stderr)
    failed = []
    while tasks:
        done, _ = ray.wait(list(tasks), num_returns=1)
        index = tasks.pop(done[0])
        try:
            text = ray.get(done[0])
        except ray.exceptions.RayError as error:
            failed.append(f"shard {index}: {error}")
            continue
        # Whole or not at all.
        part = file_of(index).with_suffix(".part")
        part.write_bytes(text)
        part.rename(file_of(index))
        print(f"shard {index}/{options.shards} done, {len(tasks)} to come", file=sys.stderr)
    if failed:
        print("\n".join(failed), file=sys.stderr)
        return 1
    files = [str(file_of(index)) for index in range(options.shards)]
    return subprocess.run([options.binary, "merge", *files, "--out", str(out), "--force"]).returncode


if __name__ == "__main__":
    sys.exit(main())
