"""Erasing somebody says which datasets still hold them and which models were trained on those."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import gingham

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ERASED = "c-17"


def gingham_says(url: str, *arguments: object) -> Any:
    binary = os.environ.get("GINGHAM_BINARY")
    if not binary:
        pytest.skip("GINGHAM_BINARY names no program; `cargo xtask test clients` builds one")
    done = subprocess.run(
        [binary, "--json", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GINGHAM_URL": url},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def project(folder: Path, name: str, customers: list[str]) -> Path:
    """A model that learns the spending of these customers."""
    rng = np.random.default_rng(len(customers))
    rows = 600
    age = rng.integers(18, 80, rows)
    frame = pd.DataFrame(
        {
            "at": [START + timedelta(hours=row) for row in range(rows)],
            "customer": [customers[row % len(customers)] for row in range(rows)],
            "age": age,
            "spent": 3.0 * age + rng.normal(0, 1, rows),
        }
    )
    folder.mkdir()
    frame.to_csv(folder / "rows.csv", index=False)
    (folder / "prepare.sql").write_text("select * from input")
    (folder / "gingham.yaml").write_text(
        f"""
model: {name}
data: {{ dataset: {name}-rows, source: rows.csv, time: at }}
pipeline:
  prepare: prepare.sql
  time: at
  target: spent
  features: [age]
  evaluate: {{ last: 5d, metric: mae }}
  candidates: [{{ id: linear, trainer: linear }}]
promotion: {{ alias: champion, rules: [{{ metric: mae, at_most: 100 }}] }}
"""
    )
    return folder


def test_an_erasure_names_the_models_that_learned_from_the_erased(
    client: gingham.Client, url: str, tmp_path: Path
) -> None:
    unique = uuid.uuid4().hex[:10]
    knows, knows_not = f"knows-{unique}", f"knows-not-{unique}"
    gingham_says(url, "apply", project(tmp_path / "one", knows, [f"c-{at}" for at in range(30)]))
    gingham_says(url, "apply", project(tmp_path / "two", knows_not, ["d-17", "c-170", "C-17"]))
    scored = pd.DataFrame(
        {
            "event_time": [START + timedelta(hours=row) for row in range(40)],
            "entity": [ERASED if row % 4 == 0 else f"c-{row + 100}" for row in range(40)],
            "age": 40.0,
            "prediction": 120.0,
        }
    )
    client.log_predictions(scored, model=knows, version=1)
    told = gingham_says(url, "archive", "erase", ERASED, "--model", knows, "--reason", "asked for it")
    assert [(rows["model"], rows["predictions"]) for rows in told["erased"]] == [(knows, 10)]
    assert f"{knows}-rows" in told["datasets"] and f"{knows_not}-rows" not in told["datasets"]
    assert f"{knows}@1" in told["trained_on"] and f"{knows_not}@1" not in told["trained_on"]
    left = client.sql(f"select entity from \"{knows}\".predictions where event_time < timestamp '2026-01-03'")
    assert len(left) == 30 and all(row["entity"] != ERASED for row in left)
