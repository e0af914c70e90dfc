"""Suites of Great Expectations and schemas of Pandera, saved by the tools themselves, judge the same rows alike here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

sm = pytest.importorskip("statsmodels.api")

pytestmark = [
    pytest.mark.skipif(
        "GINGHAM_BINARY" not in os.environ, reason="GINGHAM_BINARY names no binary; `cargo xtask test clients` does"
    ),
    pytest.mark.filterwarnings("ignore"),
]


def survey() -> Any:
    """Fair's survey: 6,366 rows, with a column of words."""
    frame = sm.datasets.fair.load_pandas().data
    frame["job"] = frame["occupation"].astype(int).astype(str).radd("job ")
    return frame


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([os.environ["GINGHAM_BINARY"], *arguments], cwd=folder, capture_output=True, text=True, check=False)


def results(folder: Path, suite: str) -> list[dict[str, Any]]:
    imported = run(folder, "checks", "import", suite, "--file", "rows.csv", "--source", "rows.csv", "--out", "checks.yaml")
    assert imported.returncode == 0 and " 0 parts were not" in imported.stderr, imported.stderr
    tested = run(folder, "--json", "test", "checks.yaml")
    assert tested.returncode == 2, "a failed check ends with 2"
    found: list[dict[str, Any]] = json.loads(tested.stdout)["sources"][0]["verdict"]["results"]
    return found


def test_a_suite_of_great_expectations_judges_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "false")
    gx = pytest.importorskip("great_expectations")
    expect = pytest.importorskip("great_expectations.expectations")
    frame = survey()
    frame.to_csv(tmp_path / "rows.csv", index=False)
    context = gx.get_context(mode="ephemeral")
    suite = gx.ExpectationSuite(
        name="survey",
        expectations=[
            expect.ExpectColumnValuesToNotBeNull(column="age"),
            expect.ExpectColumnValuesToBeBetween(column="age", min_value=18, max_value=40),
            expect.ExpectColumnValuesToBeBetween(column="age", min_value=18, max_value=40, mostly=0.8),
            expect.ExpectColumnValuesToBeInSet(column="job", value_set=["job 1", "job 2", "job 3"], mostly=0.9),
            expect.ExpectColumnValuesToMatchRegex(column="job", regex=r"^job \d$"),
            expect.ExpectColumnValueLengthsToEqual(column="job", value=5),
            expect.ExpectColumnMeanToBeBetween(column="age", min_value=29, max_value=30),
            expect.ExpectColumnMeanToBeBetween(column="age", min_value=10, max_value=20),
            expect.ExpectColumnStdevToBeBetween(column="age", min_value=6, max_value=7),
            expect.ExpectColumnUniqueValueCountToBeBetween(column="occupation", min_value=1, max_value=5),
            expect.ExpectTableRowCountToBeBetween(min_value=6000, max_value=7000),
            expect.ExpectTableRowCountToEqual(value=1),
            expect.ExpectColumnPairValuesAToBeGreaterThanB(column_A="age", column_B="yrs_married"),
        ],
    )
    written = suite.to_json_dict()
    (tmp_path / "suite.json").write_text(json.dumps(written, default=str))
    asset = context.data_sources.add_pandas("here").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})

    def key(expectation: Any) -> str:
        arguments = {name: value for name, value in expectation["kwargs"].items() if name != "batch_id" and value is not None}
        return json.dumps([expectation["type"], arguments], sort_keys=True)

    theirs = {
        key(one.expectation_config.to_json_dict()): bool(one.success) for one in batch.validate(suite).results
    }
    found = results(tmp_path, "suite.json")
    assert len(found) == len(written["expectations"])
    for expectation, result in zip(written["expectations"], found):
        assert (result["outcome"] == "pass") == theirs[key(expectation)], (expectation, result)
    assert {True, False} == set(theirs.values())


def test_a_schema_of_pandera_counts_the_same_failing_rows(tmp_path: Path) -> None:
    pandera = pytest.importorskip("pandera.pandas")
    frame = survey()
    frame.to_csv(tmp_path / "rows.csv", index=False)
    check = pandera.Check
    schema = pandera.DataFrameSchema(
        {
            "age": pandera.Column(float, [check.ge(18), check.le(40)]),
            "job": pandera.Column(str, check.str_matches(r"^job [1-5]$")),
            "children": pandera.Column(float, check.isin([0, 1, 2, 3, 4])),
            "yrs_married": pandera.Column(float, check.in_range(0.5, 23, include_min=False)),
        }
    )
    (tmp_path / "schema.yaml").write_text(schema.to_yaml())
    with pytest.raises(pandera.errors.SchemaErrors) as raised:
        schema.validate(frame, lazy=True)
    theirs = raised.value.failure_cases.groupby(["column", "check"]).size()
    ours: dict[str, int] = {}
    for result in results(tmp_path, "schema.yaml"):
        if result["failing_rows"]:
            column = result["target"].split("`")[1]
            ours[column] = ours.get(column, 0) + result["failing_rows"]
    by_column = theirs.groupby("column").sum().to_dict()
    assert ours == by_column and len(by_column) >= 3, (ours, theirs)
