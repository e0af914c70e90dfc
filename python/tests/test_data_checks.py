"""`gingham.checks` on tables of Python: the same checks as `gingham test`, by the same program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import gingham
from gingham import checks

pytestmark = pytest.mark.skipif(
    "GINGHAM_BINARY" not in os.environ, reason="GINGHAM_BINARY names no binary; `cargo xtask test clients` does"
)

COLUMNS: dict[str, list[Any]] = {"id": [1, 2, 3, 3], "price": [1.5, -2.0, None, 4.0], "shop": ["a", "b", "z", "a"]}
CHECKS: list[dict[str, Any]] = [
    {"id": "keys", "unique": ["id"], "owner": "shop-team"},
    {"id": "price", "column": "price", "between": [0, None], "mostly": 0.5},
    {"id": "shop", "references": {"columns": ["shop"], "source": "shops", "to": ["name"]}, "severity": "warn"},
]


def tables() -> list[Any]:
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    made = [pandas.DataFrame(COLUMNS), pyarrow.table(COLUMNS)]
    try:
        import polars
    except ImportError:
        return made
    return [*made, polars.DataFrame(COLUMNS)]


def test_every_kind_of_table_gets_the_same_results(tmp_path: Path) -> None:
    shops = tmp_path / "shops.csv"
    shops.write_text("name\na\nb\n")
    found = [checks.run(table, CHECKS, others={"shops": shops}) for table in tables()]
    for results in found:
        assert [result.outcome for result in results] == ["fail", "pass", "warn"], str(results)
        assert results.by_id("keys").failing_rows == 1 and results.by_id("keys").owner == "shop-team"
        assert results.by_id("keys").sample[0]["id"] == 3
    assert [str(results) for results in found] == [str(found[0])] * len(found)


def test_what_fails_is_raised_with_its_sentence() -> None:
    results = checks.run(tables()[0], CHECKS[:2])
    assert not results.passed and [result.id for result in results.failed] == ["keys"]
    with pytest.raises(checks.CheckFailure, match="keys: 1 of 4 rows") as caught:
        results.assert_passed()
    assert caught.value.results is results
    assert checks.run(tables()[0], CHECKS[1:2]).assert_passed().outcome == "pass"
    assert list(results.to_pandas()["outcome"]) == ["fail", "pass"]
    assert "<td>fail<td>keys" in results._repr_html_()


def test_checks_that_cannot_be_read_are_refused_with_the_word_that_was_meant() -> None:
    with pytest.raises(gingham.GinghamError, match="pirce"):
        checks.run(tables()[0], [{"id": "a", "column": "pirce", "not_null": True}])
    with pytest.raises(gingham.GinghamError, match="does not compile"):
        checks.run(tables()[0], [{"id": "a", "column": "shop", "matches": "("}])
    with pytest.raises(TypeError, match="list"):
        checks.run([1, 2], CHECKS)


def test_drift_against_another_table_is_found() -> None:
    pandas = pytest.importorskip("pandas")
    before = pandas.DataFrame({"x": [float(n % 50) for n in range(2_000)]})
    after = pandas.DataFrame({"x": [float(n % 50) + 10 for n in range(2_000)]})
    check = [{"id": "x", "drift": {"against": "before", "columns": ["x"]}}]
    assert checks.run(before, check, others={"before": before}).passed
    assert "drifted" in checks.run(after, check, others={"before": before}).failed[0].message


def test_a_pattern_cannot_hang() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a" * 50_000 + "!"] * 20})
    results = checks.run(frame, [{"id": "evil", "column": "text", "matches": "^(a+)+$"}])
    assert results[0].failing_rows == 20


def test_licences_of_this_environment_are_listed() -> None:
    found = {package["name"]: package for package in checks.licences()}
    assert found["pytest"]["version"] and "MIT" in (found["pytest"]["licence"] or "")
