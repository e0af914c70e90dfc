"""The package against a real, empty server."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from pathlib import Path

import pytest

import gingham

Fresh = Callable[[str], str]


def test_the_server_says_who_it_is(client: gingham.Client) -> None:
    info = client.info()
    assert info["name"] == "gingham"
    assert info["version"]


def test_the_status_of_an_empty_server_needs_no_attention(client: gingham.Client) -> None:
    status = client.status()
    assert status["alerts_firing"] == 0
    assert {"needs_attention", "models", "deployments", "recent_events"} <= set(status)


def test_a_run_keeps_what_was_logged(client: gingham.Client, fresh: Fresh) -> None:
    with client.runs.start(experiment=fresh("churn"), name="first try", tags={"team": "crm"}) as run:
        run.log_params({"depth": 6, "loss": "log"})
        for step, value in enumerate([0.80, 0.91, 0.89]):
            run.log_metric("auc", value, step=step)
        run.set_tag("note", "kept")
    kept = client.runs.get(run.id).read()
    assert kept["name"] == "first try"
    assert kept["status"].upper() == "FINISHED"
    assert kept["params"] == {"depth": "6", "loss": "log"}
    assert kept["metrics"]["auc"] == pytest.approx(0.89)
    assert kept["tags"]["team"] == "crm" and kept["tags"]["note"] == "kept"
    assert [(point["step"], point["value"]) for point in run.metric("auc")] == [
        (0, 0.80),
        (1, 0.91),
        (2, 0.89),
    ]


def test_a_run_that_raises_has_failed(client: gingham.Client, fresh: Fresh) -> None:
    with pytest.raises(ZeroDivisionError):
        with client.runs.start(experiment=fresh("churn")) as run:
            1 / 0
    assert client.runs.get(run.id).read()["status"].upper() == "FAILED"


def test_infinity_and_nan_are_metrics(client: gingham.Client, fresh: Fresh) -> None:
    with client.runs.start(experiment=fresh("odd")) as run:
        run.log_metrics({"nan": math.nan, "up": math.inf, "down": -math.inf})
    assert {"nan", "up", "down"} <= set(client.runs.get(run.id).read()["metrics"])


def test_what_does_not_exist_is_not_found(client: gingham.Client) -> None:
    with pytest.raises(gingham.NotFound):
        client.models.get("no-such-model")
    with pytest.raises(gingham.NotFound):
        client.runs.get("0" * 32)
    with pytest.raises(gingham.NotFound):
        client.predict("no-such-deployment", [{"a": 1}])
    with pytest.raises(gingham.NotFound):
        client.datasets.get("no-such-dataset")


def test_a_file_becomes_a_version_and_the_next_file_the_next(
    client: gingham.Client, fresh: Fresh, tmp_path: Path
) -> None:
    name = fresh("orders")
    plain = tmp_path / "a.csv"
    plain.write_text("at,amount\n2024-01-01 00:00:00,1.5\n2024-01-01 01:00:00,2.5\n")
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(b"at,amount\n2024-01-01 02:00:00,3.5\n"))
    client.datasets.push(name, plain)
    client.datasets.push(name, packed, origin="the second day")
    versions = list(client.datasets.versions(name))
    assert sorted(version["number"] for version in versions) == [1, 2]
    assert max(version["rows_total"] for version in versions) == 3


def test_a_frame_becomes_a_version(client: gingham.Client, fresh: Fresh) -> None:
    pandas = pytest.importorskip("pandas")
    name = fresh("frame")
    client.datasets.push(name, pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]}))
    assert [version["rows_total"] for version in client.datasets.versions(name)] == [3]


def test_a_broken_row_is_named_by_its_line(
    client: gingham.Client, fresh: Fresh, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n1,2\n3\n")
    with pytest.raises(gingham.Invalid) as caught:
        client.datasets.push(fresh("broken"), broken)
    assert "3" in caught.value.detail


def test_something_else_than_rows_is_refused(client: gingham.Client) -> None:
    with pytest.raises(TypeError, match="DataFrame"):
        client.datasets.push("orders", 3)


def test_sql_gives_rows_by_column_name(client: gingham.Client) -> None:
    rows = client.sql("select 1 as one, 'a' as word, cast(null as double) as nothing")
    assert rows == [{"one": 1, "word": "a", "nothing": None}]
    assert list(rows.columns) == ["one", "word", "nothing"]
    assert not rows.truncated


def test_sql_becomes_a_frame(client: gingham.Client) -> None:
    pytest.importorskip("pandas")
    frame = client.sql("select 1 as n union all select 2 order by n").to_pandas()
    assert frame["n"].tolist() == [1, 2]


def test_more_rows_than_asked_for_are_cut_and_said_so(client: gingham.Client) -> None:
    query = "select * from (values (1), (2), (3), (4), (5)) as t(n) order by n"
    rows = client.sql(query, limit=2)
    assert [row["n"] for row in rows] == [1, 2]
    assert rows.truncated
    assert not client.sql(query, limit=5).truncated


def test_sql_that_writes_is_refused(client: gingham.Client) -> None:
    with pytest.raises(gingham.Invalid):
        client.sql("drop table predictions")


def test_an_empty_server_has_no_alerts(client: gingham.Client) -> None:
    assert list(client.alerts.list(state="firing")) == []
    with pytest.raises(gingham.NotFound):
        client.alerts.get("no-such-alert")
