"""What a monitor gives away: its report in three forms, rules played on its past, its rows, and figures for Grafana."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests

import gingham

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

Run = Callable[..., str]

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
DAYS = 21
CHANGED_ON_DAY = 14
UNLABELLED_ROWS = 96


@pytest.fixture(scope="module")
def run(url: str) -> Run:
    """Runs the program against the server; answers what it prints."""
    binary = os.environ.get("GINGHAM_BINARY")
    if not binary:
        pytest.skip("GINGHAM_BINARY names no program; `cargo xtask test clients` builds one")

    def go(*arguments: object, ends_with: int = 0) -> str:
        done = subprocess.run(
            [binary, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "GINGHAM_URL": url},
        )
        assert done.returncode == ends_with, done.stdout + done.stderr
        return done.stdout if ends_with == 0 else done.stderr

    return go


@pytest.fixture(scope="module")
def frame() -> Any:
    """Three weeks of 96 houses a day, which are half as large again from the third week on."""
    rng = np.random.default_rng(4)
    rows = DAYS * 96
    size = rng.normal(100, 15, rows)
    size[CHANGED_ON_DAY * 96 :] *= 1.5
    return pd.DataFrame(
        {
            "event_time": [START + timedelta(minutes=15 * row) for row in range(rows)],
            "entity": [f"house-{row}" for row in range(rows)],
            "size": size,
            "town": rng.choice(["Oslo", "Bergen"], rows),
            "prediction": 3 * size,
            "label": 3 * size + rng.normal(0, 5, rows),
        }
    )


@pytest.fixture(scope="module")
def model(client: gingham.Client, frame: Any) -> str:
    """A model whose rows and labels are there, all windows judged."""
    name = f"houses-{os.getpid()}-{datetime.now().timestamp():.0f}"
    ids = client.log_predictions(frame.drop(columns="label"), model=name, version=2)
    known = frame["event_time"] + timedelta(hours=1)
    labels = pd.DataFrame({"prediction_id": list(ids), "label": frame["label"], "label_time": known})
    client.log_outcomes(labels.iloc[: len(frame) - UNLABELLED_ROWS], model=name)
    seen = client._transport.post(f"/api/v1/monitors/{name}/evaluate", {})
    assert seen["windows_evaluated"] == DAYS - 1
    return name


def test_a_report_says_the_same_in_every_form(run: Run, model: str, frame: Any, tmp_path: Path) -> None:
    told = json.loads(run("report", model, "--json"))
    written = tmp_path / "report.json"
    run("report", model, "--to", written)
    assert json.loads(written.read_text())["windows"] == told["windows"]
    days = told["windows"]
    assert len(days) == DAYS - 1
    labelled = frame.iloc[: len(frame) - UNLABELLED_ROWS]
    for day, window in enumerate(days):
        rows = labelled.iloc[day * 96 : (day + 1) * 96]
        error = (rows["prediction"] - rows["label"]).abs().mean()
        assert window["rows"] == window["labelled"] == 96
        assert window["metric"]["mae"] == pytest.approx(error, rel=1e-9)
    drifted = [window["from"][:10] for window in days if window["drift_state"] == "drift"]
    assert drifted[0] == "2026-01-16", "the second day of the change, as two of three days must show it"
    assert "size" in told["alerts"][0]["title"] and "town" not in told["alerts"][0]["title"]

    markdown = run("report", model)
    page = tmp_path / "report.html"
    run("report", model, "--to", page)
    html = page.read_text()
    assert page.stat().st_size < 1_000_000
    assert not re.search(r"<script|<link|src=|url\(|@import", html), "nothing is fetched and nothing runs"
    assert html.count("<svg") >= 3
    for text in (markdown, html):
        assert "size" in text and "town" in text and "middle value is" in text
        assert "What to do" in text or "See the values that came" in text
        assert "2026-01-15" in text, "since when"

    week = json.loads(run("report", model, "--window", "2026-01-03..2026-01-06", "--json"))
    assert [window["from"][:10] for window in week["windows"]] == ["2026-01-03", "2026-01-04", "2026-01-05"]
    assert "html" in run("report", model, "--to", tmp_path / "report.docx", ends_with=1)


def project(folder: Path, model: str, threshold: float, windows: int) -> Path:
    folder.mkdir()
    (folder / "prepare.sql").write_text("select * from input")
    (folder / "gingham.yaml").write_text(
        f"""
model: {model}
data: {{ dataset: houses, time: event_time }}
pipeline:
  prepare: prepare.sql
  time: event_time
  target: label
  features: [size, town]
  evaluate: {{ last: 1w, metric: mae }}
  candidates: [{{ id: linear, trainer: linear }}]
promotion: {{ alias: champion, rules: [{{ metric: mae, at_most: 100 }}] }}
monitor:
  window: 1d
  drift: {{ reference: training, threshold: {threshold}, persist: {{ windows: {windows}, of: {windows + 1} }} }}
"""
    )
    return folder


def test_a_rule_is_played_on_the_past_before_it_is_saved(run: Run, model: str, tmp_path: Path) -> None:
    def drift_of(threshold: float, windows: int) -> Any:
        folder = project(tmp_path / f"{threshold}-{windows}", model, threshold, windows)
        played = json.loads(run("rules", "simulate", folder, "--json"))
        assert played["windows"] == DAYS - 1
        return next(rule for rule in played["rules"] if rule["rule"] == "drift")

    usual = drift_of(0.25, 2)
    assert [at[:10] for at in usual["fires"]] == ["2026-01-16"]
    # Five windows in a row of a change of six days: later, and once.
    patient = drift_of(0.25, 5)
    assert [at[:10] for at in patient["fires"]] == ["2026-01-19"]
    assert patient["breached"] == usual["breached"] == 6
    wide = drift_of(50.0, 2)
    assert (wide["fires"], wide["firing_windows"], wide["breached"]) == ([], 0, 0)
    said = run("rules", "simulate", project(tmp_path / "said", model, 0.25, 2))
    assert "drift" in said and "2026-01-16" in said
    # Nothing was saved: the monitor that is in force is still the usual one.
    assert len(json.loads(run("report", model, "--json"))["alerts"]) == 1


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_predictions_are_exported_with_their_labels(
    run: Run, model: str, frame: Any, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"rows.{ending}"
    run("export", "predictions", "--model", model, "--from", "2026-01-20", "--to", "2026-01-22", "--to-file", file)
    if ending == "csv":
        with file.open() as lines:
            rows = list(csv.DictReader(lines))
    elif ending == "json":
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    else:
        rows = pd.read_parquet(file).to_dict("records")
    expected = frame.iloc[19 * 96 :]
    assert len(rows) == len(expected) == 2 * 96
    named = {name: name if name in rows[0] else f"feature_{name}" for name in ("size", "town")}
    for row, (_, want) in zip(rows, expected.iterrows()):
        assert (row["entity"], row[named["town"]]) == (want["entity"], want["town"]), "oldest first"
        assert float(row["prediction"]) == want["prediction"] and float(row[named["size"]]) == want["size"]
    labels = [row["label"] for row in rows]
    assert [float(label) for label in labels[:96]] == expected["label"].tolist()[:96]
    assert all(label in (None, "") or label != label for label in labels[96:]), "not known yet"
    before = tmp_path / f"before.{ending}"
    run(
        *("export", "predictions", "--model", model, "--known-by", "2020-01-01T00:00:00Z"),
        *("--to-file", before),
    )
    kept = pd.read_parquet(before) if ending == "parquet" else before.read_text().splitlines()[ending == "csv" :]
    assert len(kept) == 0, "nothing was known then"


def test_dashboards_ask_for_figures_that_the_server_gives(run: Run, model: str, url: str, tmp_path: Path) -> None:
    requests.get(f"{url}/api/v1/status", timeout=10)
    figures = requests.get(f"{url}/metrics", timeout=10).text
    given: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", figures, re.MULTILINE):
        given.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    folder = tmp_path / "boards"
    files = json.loads(run("dashboards", "--to", folder, "--json"))
    assert len(files) == 2
    asked = set()
    for file in files:
        board = json.loads(Path(file).read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                query = target["expr"]
                names = re.findall(r"gingham_\w+", query)
                assert names, query
                for name in names:
                    assert name in given, f"{panel['title']}: {name} is not among the figures"
                asked.update(names)
                for name, wanted in re.findall(r"(gingham_\w+)\{([^}]*)\}", query):
                    for label in re.findall(r"(\w+)(?:=~|!=|=)", wanted):
                        assert label in given[name], f"{panel['title']}: {name} has no label {label}"
                for group in re.findall(r"by \(([^)]*)\)", query):
                    known = set.union(*(given[name] for name in names))
                    assert {label.strip() for label in group.split(",")} <= known, query
    assert {name for name in given if name.startswith("gingham_monitor_")} <= asked, "each figure is shown"
    worth = re.search(rf'gingham_monitor_drift{{model="{model}",column="size"}} (\S+)', figures)
    assert worth is not None and float(worth.group(1)) > 0.25
