"""Rows in Arrow files as pyarrow and pandas write them, through the command line into datasets and back to the value."""

from __future__ import annotations

import datetime
import decimal
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pyarrow = pytest.importorskip("pyarrow")
feather = pytest.importorskip("pyarrow.feather")

UTC = datetime.timezone.utc
AT = datetime.datetime(2026, 1, 31, 12, 0, 0, 250_000, UTC)
COLUMNS = {
    "small": pyarrow.array([1, None, -3], pyarrow.int8()),
    "large": pyarrow.array([2**40, 0, None], pyarrow.int64()),
    "unsigned": pyarrow.array([1, 2, 3], pyarrow.uint16()),
    "real": pyarrow.array([0.5, None, -2.25], pyarrow.float32()),
    "money": pyarrow.array([decimal.Decimal("12.25"), None, decimal.Decimal("-0.50")], pyarrow.decimal128(10, 2)),
    "ok": pyarrow.array([True, None, False]),
    "road": pyarrow.array(["Straße", None, "it's"], pyarrow.large_string()),
    "kind": pyarrow.array(["a", "b", None]).dictionary_encode(),
    "day": pyarrow.array([datetime.date(1999, 12, 31), None, datetime.date(2020, 2, 29)]),
    "seen": pyarrow.array([AT, None, AT], pyarrow.timestamp("ns", "Europe/Berlin")),
}
ROWS = [
    [1, 2**40, 1, 0.5, 12.25, True, "Straße", "a", "1999-12-31T00:00:00Z", "2026-01-31T12:00:00.250Z"],
    [None, 0, 2, None, None, None, None, "b", None, None],
    [-3, None, 3, -2.25, -0.5, False, "it's", None, "2020-02-29T00:00:00Z", "2026-01-31T12:00:00.250Z"],
]


def as_file(table: Any, path: Path) -> None:
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=2):
            writer.write_batch(batch)


def as_stream(table: Any, path: Path) -> None:
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


FORMS: dict[str, Callable[[Any, Path], None]] = {
    "roads.arrow": as_file,
    "roads.arrows": as_stream,
    "roads.feather": lambda table, path: feather.write_feather(table, path),  # LZ4, as pandas writes it
    "packed.feather": lambda table, path: feather.write_feather(table, path, compression="zstd"),
}


@pytest.fixture(scope="module")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    return path


@pytest.fixture
def gingham(binary: str, url: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [binary, *words], cwd=tmp_path, env={**os.environ, "GINGHAM_URL": url}, capture_output=True, text=True,
            timeout=120,
        )
        assert (ran.returncode == 0) == ok, ran.stdout + ran.stderr
        return ran

    return run


@pytest.mark.parametrize("name", FORMS)
def test_what_pyarrow_writes_comes_back_to_the_value(
    name: str, gingham: Callable[..., Any], tmp_path: Path, fresh: Callable[[str], str]
) -> None:
    FORMS[name](pyarrow.table(COLUMNS), tmp_path / name)
    dataset = fresh("arrow")
    gingham("push", dataset, name)
    page = json.loads(gingham("--json", "dataset", "rows", dataset).stdout)
    assert [column["name"] for column in page["columns"]] == list(COLUMNS)
    assert [column["type"] for column in page["columns"]] == [
        "int", "int", "int", "real", "real", "bool", "text", "text", "time", "time"
    ]
    assert page["rows"] == ROWS
    version = json.loads(gingham("--json", "dataset", "show", f"{dataset}@1").stdout)
    file = version["origin"]["files"][0]
    assert (file["name"], file["bytes"]) == (name, (tmp_path / name).stat().st_size)


def test_what_pandas_writes_comes_back(gingham: Callable[..., Any], tmp_path: Path, fresh: Callable[[str], str]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"speed": range(10_000), "road": pandas.Categorical(["a", "b"] * 5_000)})
    frame.to_feather(tmp_path / "frame.feather")
    dataset = fresh("pandas")
    gingham("push", dataset, "frame.feather")
    page = json.loads(gingham("--json", "dataset", "rows", dataset, "--offset", "9998").stdout)
    assert (page["rows"], page["rows_total"]) == ([[9998, "a"], [9999, "b"]], 10_000)


def test_a_column_that_has_no_place_here_is_named(
    gingham: Callable[..., Any], tmp_path: Path, fresh: Callable[[str], str]
) -> None:
    as_file(pyarrow.table({"a": [1], "places": [[1.0, 2.0]]}), tmp_path / "lists.arrow")
    refused = gingham("push", fresh("lists"), "lists.arrow", ok=False)
    assert "`places`" in refused.stderr and "lists.arrow" in refused.stderr, refused.stderr
