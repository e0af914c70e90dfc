"""Thirty checks over 1 million rows of 25 columns beside Great Expectations; prints one JSON object.

usage: checks.py GINGHAM FOLDER [--quick]

The suite is written as Great Expectations saves it and brought in by `gingham checks import`, so that both evaluate
the same thirty; those with a condition on rows are written twice, as its conditions are no SQL. CPU seconds of Great Expectations are those of reading and validating, without its imports; ours are
those of the whole process. A bare scan decodes every column with Arrow and does nothing else. Outcomes and numbers of failing rows of both are compared: a disagreement ends the run.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 100_000 if "--quick" in sys.argv else 1_000_000
SELECTED = {"n17": "n18 > 50", "c1": "n19 > 50"}
LEVELS = np.array(["north", "south", "east", "west", "middle"])


def table(rows: int) -> pa.Table:
    """Twenty numbers and five words a row; a few values are missing, a few far out."""
    chance = np.random.default_rng(7)
    columns: dict[str, pa.Array] = {"n00": pa.array(np.arange(rows, dtype=np.int64))}
    for index in range(1, 20):
        values = chance.normal(50.0, 10.0, rows)
        values[chance.random(rows) < 0.0001] = 1e6
        columns[f"n{index:02}"] = pa.array(values, mask=chance.random(rows) < (0.02 if index % 4 == 0 else 0.0))
    for index in range(5):
        words = LEVELS[chance.integers(0, len(LEVELS), rows)]
        columns[f"c{index}"] = pa.array(words, mask=chance.random(rows) < 0.01)
    return pa.table(columns)


def expectations() -> list[dict]:
    """Thirty, of the kinds that are used most."""

    def expect(kind: str, **arguments: object) -> dict:
        return {"type": f"expect_{kind}", "kwargs": arguments}

    found = [
        expect("table_row_count_to_be_between", min_value=1, max_value=ROWS),
        expect("table_column_count_to_equal", value=25),
        expect("column_values_to_be_unique", column="n00"),
        expect("column_values_to_be_increasing", column="n00"),
        expect("column_mean_to_be_between", column="n01", min_value=0, max_value=1000),
        expect("column_stdev_to_be_between", column="n02", min_value=0, max_value=1e6),
        expect("column_max_to_be_between", column="n03", min_value=0, max_value=100),
        expect("column_min_to_be_between", column="n05", min_value=-100, max_value=100),
        expect("column_median_to_be_between", column="n06", min_value=49, max_value=51),
        expect("column_sum_to_be_between", column="n07", min_value=0),
        expect("column_pair_values_a_to_be_greater_than_b", column_A="n09", column_B="n10"),
        expect("column_value_z_scores_to_be_less_than", column="n11", threshold=3, double_sided=True),
        expect("column_distinct_values_to_equal_set", column="c0", value_set=LEVELS.tolist()),
        expect("column_unique_value_count_to_be_between", column="c1", min_value=1, max_value=5),
        expect("column_most_common_value_to_be_in_set", column="c2", value_set=LEVELS.tolist()),
    ]
    found.append(
        expect("column_quantile_values_to_be_between", column="n08", quantile_ranges={"quantiles": [0.9], "value_ranges": [[60, 65]]})
    )
    found += [expect("column_values_to_not_be_null", column=f"n{index:02}") for index in (1, 4)]
    found += [
        expect("column_values_to_be_between", column=f"n{index:02}", min_value=0, max_value=100, mostly=0.99)
        for index in range(13, 17)
    ]
    found += [expect("column_values_to_be_in_set", column=f"c{index}", value_set=["north", "south", "east", "west"]) for index in (2, 3)]
    found.append(expect("column_values_to_match_regex", column="c3", regex="^[a-z]+$"))
    found.append(expect("column_values_to_not_match_regex", column="c4", regex="dd"))
    found.append(expect("column_value_lengths_to_be_between", column="c1", min_value=4, max_value=5))
    found.append(expect("column_values_to_not_be_in_set", column="c0", value_set=["nowhere"]))
    # Only in rows that meet a condition; they stand last.
    found.append(
        expect("column_values_to_be_between", column="n17", min_value=0, max_value=100, mostly=0.99, row_condition=SELECTED["n17"], condition_parser="pandas")
    )
    found.append(expect("column_values_to_be_in_set", column="c1", value_set=LEVELS.tolist(), row_condition=SELECTED["c1"], condition_parser="pandas"))
    assert len(found) == 30, len(found)
    return found


def carry(gingham: str, folder: Path) -> None:
    """Writes the same suite for us: brought in where that is possible."""
    wanted = expectations()
    suite = folder / "unconditional.json"
    suite.write_text(json.dumps({"expectations": [one for one in wanted if "row_condition" not in one["kwargs"]]}))
    written = folder / "checks.yaml"
    command = [gingham, "checks", "import", str(suite), "--file", "rows.parquet", "--out", str(written)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for one in wanted:
        column = one["kwargs"].get("column")
        if "row_condition" not in one["kwargs"]:
            continue
        what = {"between": [0, 100], "mostly": 0.99} if column == "n17" else {"in_set": LEVELS.tolist()}
        check = {"id": f"{column}-selected", "column": column, "where": SELECTED[column]} | what
        # JSON is YAML too.
        written.write_text(f"{written.read_text().rstrip()}\n    - {json.dumps(check)}\n")


def scan(rows: Path) -> None:
    """In a process of its own: decodes every column and prints the CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in pq.ParquetFile(rows).iter_batches(batch_size=16_384):
        pass
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def theirs(rows: Path, suite: Path) -> None:
    """In a process of its own: validates with Great Expectations and prints outcomes, CPU seconds and memory."""
    import great_expectations as gx
    import pandas as pd

    before = resource.getrusage(resource.RUSAGE_SELF)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    frame = pd.read_parquet(rows)
    source = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    batch = source.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    wanted = [
        getattr(gx.expectations, "".join(part.title() for part in one["type"].split("_")))(**one["kwargs"])
        for one in json.loads(suite.read_text())["expectations"]
    ]
    result = batch.validate(gx.ExpectationSuite(name="suite", expectations=wanted))
    outcomes = []
    found = {json.dumps(one.expectation_config.kwargs | {"t": one.expectation_config.type}, sort_keys=True, default=str): one for one in result.results}
    for one in wanted:
        config = one.configuration
        match = [r for key, r in found.items() if r.expectation_config.type == config.type and r.expectation_config.kwargs.get("column") == config.kwargs.get("column")]
        outcomes.append([bool(match[0].success), match[0].result.get("unexpected_count")])
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"outcomes": outcomes, "cpu": cpu, "mb": after.ru_maxrss / 1024}))


def ours(gingham: str, folder: Path) -> dict:
    """The same by `gingham test`."""
    command = [gingham, "--json", "test", str(folder / "checks.yaml")]
    with (folder / "ours.json").open("w") as out:
        process = subprocess.Popen(command, stdout=out)
        # What `wait4` tells of memory begins with that of this process, which the child was forked from.
        megabytes = 0.0
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            megabytes = max(megabytes, most_memory(process.pid))
            time.sleep(0.005)
        _, status, usage = ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 2):
        raise SystemExit(f"{command} ended with {process.returncode}")
    results = json.loads((folder / "ours.json").read_text())["sources"][0]["verdict"]["results"]
    return {
        "results": results,
        "cpu": usage.ru_utime + usage.ru_stime,
        "mb": megabytes,
    }


def most_memory(process: int) -> float:
    """The most memory that a process has had so far, in MB; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    gingham, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    rows, suite = folder / "rows.parquet", folder / "suite.json"
    pq.write_table(table(ROWS), rows, compression="zstd", row_group_size=131_072)
    suite.write_text(json.dumps({"expectations": expectations()}))
    carry(gingham, folder)
    mine = ours(gingham, folder)
    peer = json.loads(subprocess.run([sys.executable, __file__, "--theirs", str(rows), str(suite)], check=True, capture_output=True).stdout.splitlines()[-1])
    if len(mine["results"]) != len(peer["outcomes"]):
        raise SystemExit(f"{len(mine['results'])} checks here, {len(peer['outcomes'])} there")
    apart = []
    for one, (success, unexpected) in zip(mine["results"], peer["outcomes"], strict=True):
        # A repeated key counts from its second row on here, from its first there; there are none in these rows.
        same_count = unexpected is None or unexpected == one["failing_rows"]
        if (one["outcome"] == "pass") != success or not same_count:
            apart.append(f"{one['check_id']}: {one['message']}; there {success}, {unexpected}")
    if apart:
        raise SystemExit("\n".join(["the two disagree:", *apart]))
    # Memory at a fifth of the rows tells whether it grows with them.
    small = folder / "small"
    small.mkdir(exist_ok=True)
    pq.write_table(table(ROWS // 5), small / "rows.parquet", compression="zstd", row_group_size=131_072)
    (small / "checks.yaml").write_text((folder / "checks.yaml").read_text())
    less = ours(gingham, small)
    bare = float(subprocess.run([sys.executable, __file__, "--scan", str(rows)], check=True, capture_output=True).stdout)
    print(
        json.dumps(
            {
                "checks: bare scan with Arrow, CPU s": round(bare, 3),
                "checks: gingham, CPU s": round(mine["cpu"], 3),
                "checks: gingham, memory MB": round(mine["mb"], 1),
                "checks: gingham, memory MB for a fifth of the rows": round(less["mb"], 1),
                "checks: Great Expectations, CPU s": round(peer["cpu"], 3),
                "checks: Great Expectations, memory MB": round(peer["mb"], 1),
                "checks: Great Expectations / gingham, times the CPU": round(peer["cpu"] / mine["cpu"], 2),
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1] == "--theirs":
        theirs(Path(sys.argv[2]), Path(sys.argv[3]))
    elif sys.argv[1] == "--scan":
        scan(Path(sys.argv[2]))
    else:
        main()
