"""The tables that Gingham writes are ordinary Delta tables: read without Gingham."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gingham

deltalake = pytest.importorskip("deltalake")


def tables(data: Path) -> dict[str, Any]:
    """Every Delta table under the data folder by its path."""
    return {
        str(log.parent.relative_to(data)): deltalake.DeltaTable(str(log.parent))
        for log in sorted(data.rglob("_delta_log"))
    }


def the_one(data: Path, ending: str) -> Any:
    found = {path: table for path, table in tables(data).items() if path.endswith(ending)}
    assert len(found) == 1, f"tables: {sorted(tables(data))}"
    return next(iter(found.values()))


def test_predictions_are_there_to_the_last_row(client: gingham.Client, data: Path) -> None:
    [row] = client.sql("select count(*) as n, min(event_time) as first from traffic.predictions")
    table = the_one(data, "traffic/predictions").to_pyarrow_table()
    ids = table.column("prediction_id").to_pylist()
    assert len(set(ids)) == len(ids)
    assert 0 < len(ids) <= row["n"]
    assert {"event_time", "version", "prediction", "hour", "weather_main"} <= set(table.column_names)


def test_labels_are_there(client: gingham.Client, data: Path) -> None:
    [row] = client.sql("select count(*) as n from traffic.labels")
    assert 0 < the_one(data, "traffic/labels").to_pyarrow_table().num_rows <= row["n"]


def test_each_version_of_the_dataset_can_be_read_back(client: gingham.Client, data: Path) -> None:
    versions = list(client.datasets.versions("traffic"))
    largest = max(version["rows_total"] for version in versions)
    found = [path for path in tables(data) if "traffic" in path and "predictions" not in path and "labels" not in path]
    counts = {path: tables(data)[path].to_pyarrow_table().num_rows for path in found}
    assert largest in counts.values(), counts
