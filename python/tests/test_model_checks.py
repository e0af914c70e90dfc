"""Checks of models through the API: what is worse on a slice, leaks, drifts or breaks its consumers is stopped."""

from __future__ import annotations

import datetime
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gingham
from gingham import checks

#: Hours of rows in the first version.
HOURS = 1_400

SPEC = """
model: {name}
owner: team
data: {{ dataset: {name}, source: rows.csv, time: at }}
pipeline:
  prepare: prepare.sql
  time: at
  target: y
  features: [{features}]
  evaluate: {{ last: 12d, metric: mae }}
  candidates:
    - {{ id: boosted, trainer: gradient_boosting, params: {{ trees: 60, learning_rate: 0.2, leaves: 15 }} }}
promotion:
  rules:
    - {{ metric: mae, at_most: 1000 }}
deployment: {{ name: {name}, alias: champion }}
model_checks:
  - {{ id: slices, metric: mae, no_worse_than: champion, by: 20%, each: grp, owner: team, reason: both groups count }}
  - {{ id: leak, leakage: {{ alone: 0.97, duplicates: 1 }} }}
  - {{ id: consumers, consumers: true }}
  - {{ id: resembles, drift: {{ against: champion, columns: [x] }} }}
  - {{ id: up, direction: {{ column: x, step: {{ plus: 10 }}, may: not_lower, tolerance: 5 }}, mostly: 0.9, severity: warn }}
  - {{ id: same, parity: {{ with: served }} }}
  - {{ id: safe, no_unsafe_files: true }}
  - {{ id: fast, latency: {{ p99_ms: 2000 }}, severity: warn }}
"""

PREPARE = "select cast(at as timestamp) as at, x, z, grp, y from input order by at"


def row(hour: int, chance: random.Random, shift: float = 0.0) -> str:
    at = datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=hour)
    x, z, group = chance.uniform(0, 50) + shift, chance.uniform(0, 10), chance.choice("ab")
    y = (2 * x if group == "a" else 3 * x + 40) + z + chance.gauss(0, 3)
    return f"{at.isoformat()}Z,{x:.3f},{z:.3f},{group},{y:.3f}"


def table(first: int, hours: int, shift: float = 0.0) -> str:
    chance = random.Random(first)
    return "\n".join(["at,x,z,grp,y", *(row(first + hour, chance, shift) for hour in range(hours))]) + "\n"


class Model:
    """A model in a folder, applied by the command line to the server."""

    def __init__(self, folder: Path, url: str, name: str, client: gingham.Client) -> None:
        self.folder, self.url, self.name, self.client = folder, url, name, client
        (folder / "rows.csv").write_text(table(0, HOURS))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        binary = os.environ["GINGHAM_BINARY"]
        environment = {**os.environ, "GINGHAM_URL": self.url}
        return subprocess.run([binary, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)

    def apply(self, features: str = "x, z, grp", prepare: str = PREPARE) -> subprocess.CompletedProcess[str]:
        (self.folder / "gingham.yaml").write_text(SPEC.format(name=self.name, features=features))
        (self.folder / "prepare.sql").write_text(prepare)
        return self.run("apply")

    def train(self) -> subprocess.CompletedProcess[str]:
        return self.run("train", self.name)

    def version(self, number: int) -> dict[str, Any]:
        answer: dict[str, Any] = self.client._transport.get(f"/api/v1/models/{self.name}/versions/{number}")
        return answer

    def verdict(self, number: int) -> checks.Results:
        asked: dict[str, Any] = {"object": f"version:{self.name}@{number}", "limit": 1}
        answer = self.client._transport.get("/api/v1/verdicts", asked)["items"][0]
        return checks.Results(answer["results"], verdict=answer["id"])

    def champion(self) -> int:
        return self.client.models.get(self.name).aliases["champion"]

    def stopped_by(self, check: str) -> checks.Result:
        """That the second version did not take the alias, and because of this check."""
        decision = self.version(2)["promotion"]
        assert decision["promoted"] is False, decision
        assert self.champion() == 1
        verdict = self.verdict(2)
        result = verdict.by_id(check)
        assert result.outcome == "fail" and result.severity == "block", str(verdict)
        return result


@pytest.fixture
def model(tmp_path: Path, url: str, client: gingham.Client, fresh: Callable[[str], str]) -> Model:
    if "GINGHAM_BINARY" not in os.environ:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    model = Model(tmp_path, url, fresh("proven"), client)
    applied = model.apply()
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert model.champion() == 1
    return model


def test_a_good_version_passes_and_its_verdict_is_kept(model: Model) -> None:
    verdict = model.verdict(1)
    assert verdict.outcome == "pass", str(verdict)
    assert [result.id for result in verdict][:3] == ["promotion-1", "slices", "leak"]
    assert verdict.by_id("slices").reason == "both groups count"
    tested = model.run("test", "--model", f"{model.name}@champion", "--junit", "checks.xml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert 'name="leak"' in (model.folder / "checks.xml").read_text()
    shown = model.run("show", "version", f"{model.name}@1").stdout
    assert "promotion-1" in shown and "leak" in shown


def test_a_version_that_is_worse_on_a_slice_is_stopped(model: Model) -> None:
    # Group b is hidden from training, and only there: the rows to judge by still have it.
    until = datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=HOURS - 12 * 24 - 2)
    prepare = f"select * from ({PREPARE}) where grp = 'a' or at > timestamp '{until.isoformat()}'"
    model.apply(prepare=prepare)
    model.train()
    result = model.stopped_by("slices")
    assert "where `grp` is `b`" in result.message and "`a`" not in result.message, result.message


def test_a_version_that_leaks_is_stopped(model: Model) -> None:
    prepare = "select cast(at as timestamp) as at, x, z, grp, y + 0.001 * z as hint, y from input order by at"
    model.apply(features="x, z, grp, hint", prepare=prepare)
    model.train()
    assert "`hint` alone explains" in model.stopped_by("leak").message


def test_a_version_that_drifts_is_stopped(model: Model) -> None:
    (model.folder / "more.csv").write_text(table(HOURS, HOURS, shift=25.0))
    pushed = model.run("push", model.name, "more.csv")
    assert pushed.returncode == 0, pushed.stderr
    model.train()
    assert "1 of 1 columns drifted" in model.stopped_by("resembles").message


def test_a_version_that_breaks_its_consumers_schema_is_stopped(model: Model) -> None:
    model.apply(features="x, grp")
    model.train()
    assert "sends `z`, which the model does not take" in model.stopped_by("consumers").message


def test_checks_of_the_caller_are_evaluated_and_kept(model: Model, client: gingham.Client) -> None:
    results = checks.test_model(
        f"{model.name}@1",
        checks=[
            {"id": "mae", "metric": "mae", "at_most": 0.001},
            {"id": "auc", "metric": "roc_auc", "at_least": 0.5},
            {"id": "cases", "cases": [{"inputs": {"x": 10, "grp": "a", "z": 5}, "between": [5, 45]}]},
            {"id": "licences", "licences": {"allow": ["MIT"]}},
        ],
        packages=[{"name": "odd", "version": "1", "licence": "Proprietary"}],
        client=client,
    )
    assert [result.outcome for result in results] == ["fail", "error", "pass", "fail"], str(results)
    with pytest.raises(checks.CheckFailure, match="Proprietary"):
        results.assert_passed()
    with pytest.raises(gingham.Invalid, match=r"checks\[0\].*did you mean `mae`"):
        checks.test_model(f"{model.name}@1", checks=[{"id": "a", "metric": "mea", "at_most": 1}], client=client)


def test_a_backtest_compares_with_what_was_served(model: Model, client: gingham.Client) -> None:
    chance = random.Random(5)
    rows: list[dict[str, Any]] = [{"x": chance.uniform(0, 50), "z": chance.uniform(0, 10), "grp": chance.choice("ab")} for _ in range(200)]
    answer = client.predict(model.name, rows, event_time="2024-04-01T00:00:00Z", ids=True)
    truth = [(2 * row["x"] if row["grp"] == "a" else 3 * row["x"] + 40) + row["z"] for row in rows]
    labels = [{"prediction_id": id, "value": value} for id, value in zip(answer.ids[:150], truth)]
    client.log_labels(model.name, labels)
    found = checks.backtest(f"{model.name}@1", last="30d", client=client)
    assert (found["requests"], found["labelled"]) == (200, 150)
    assert found["candidate"] == pytest.approx(found["served"]), "the same version scores what it served"
    assert found["moved"]["greatest"] == 0 and found["changed"] == []

    # A version without the groups is worse on real traffic, and what changed most is named.
    model.apply(features="x, z")
    model.train()
    tried = model.run("backtest", f"{model.name}@2", "--last", "30d")
    assert tried.returncode == 2, tried.stdout + tried.stderr
    assert "worse for certain" in tried.stdout
    found = checks.backtest(f"{model.name}@2", client=client)
    assert found["interval"]["low"] > 0 and found["slices"][0]["worse"]
    assert found["changed"][0]["prediction_id"] in answer.ids
    verdicts = client._transport.get("/api/v1/verdicts", {"object": f"version:{model.name}@2", "limit": 1})
    assert [result["check_id"] for result in verdicts["items"][0]["results"]] == ["backtest", "backtest-slices"]


def test_a_prediction_is_explained_by_parts_that_add_up(model: Model, client: gingham.Client) -> None:
    answer = client.predict(model.name, [{"x": 40.0, "z": 5.0, "grp": "b"}], ids=True)
    told = client._transport.get(f"/api/v1/predictions/{answer.ids[0]}/explanation")
    added = {feature["feature"]: feature["contribution"] for feature in told["features"]}
    assert told["base"] + sum(added.values()) == pytest.approx(answer[0], rel=1e-9)
    assert added["x"] > 0 and added["grp"] > 0 and abs(added["z"]) < abs(added["x"])
    said = model.run("explain", answer.ids[0])
    assert said.returncode == 0 and "grp" in said.stdout, said.stderr
    leaning = model.run("explain", "--model", f"{model.name}@1")
    assert leaning.returncode == 0 and "becomes worst when `x` is shuffled" in leaning.stdout, leaning.stderr
