"""A full drift report of two Parquet files: Gingham beside Evidently, in one run.

    python monitoring.py BINARY FOLDER ROWS

prints JSON: processor seconds, wall seconds and peak memory of each. Each runs in a process of its own; Evidently's import
is measured apart and left out. What is compared is made here: 20 columns of numbers and 5 of texts, as in the tests.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

PEER = """
import json, resource, sys, time
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
before, began = used(), time.perf_counter()
report = Report([DataDriftPreset()]).run(pd.read_parquet(sys.argv[2]), pd.read_parquet(sys.argv[1]))
text = report.json()
print(json.dumps({
    "cpu_s": used() - before,
    "wall_s": time.perf_counter() - began,
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "answer_bytes": len(text),
}))
"""


def make(folder: Path, rows: int) -> tuple[Path, Path]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    paths = []
    for name in ("reference", "current"):
        path = folder / f"{name}-{rows}.parquet"
        paths.append(path)
        if path.exists():
            continue
        columns = {}
        for at in range(20):
            columns[f"n{at}"] = [
                lambda: rng.normal(0, 1, rows),
                lambda: rng.lognormal(0, 1, rows),
                lambda: rng.exponential(2.0, rows),
                lambda: np.where(rng.random(rows) < 0.6, 0.0, rng.gamma(2.0, 3.0, rows)),
                lambda: rng.uniform(0, 10, rows),
            ][at % 5]()
        for at, levels in enumerate([3, 5, 12, 40, 1000]):
            weights = 1 / np.arange(1, levels + 1)
            columns[f"c{at}"] = rng.choice([f"v{i}" for i in range(levels)], rows, p=weights / weights.sum())
        pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=131_072)
    return paths[0], paths[1]


def ours(binary: str, one: Path, two: Path) -> dict[str, float]:
    script = (
        "import json, resource, subprocess, sys, time\n"
        "began = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps({'cpu_s': used.ru_utime + used.ru_stime, 'wall_s': time.perf_counter() - began,"
        " 'peak_mib': used.ru_maxrss / 1024, 'answer_bytes': len(done.stdout)}))\n"
    )
    return last_line([sys.executable, "-c", script, binary, "drift", str(one), str(two), "--json"])


def peer(one: Path, two: Path) -> dict[str, float]:
    return last_line([sys.executable, "-c", PEER, str(one), str(two)])


def last_line(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"failed: {done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def main() -> None:
    binary, folder, rows = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    one, two = make(folder, rows)
    results = {"gingham": [ours(binary, one, two) for _ in range(3)], "evidently": [peer(one, two)]}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
