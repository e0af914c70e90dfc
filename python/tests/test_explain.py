"""Explanations beside the libraries' own: XGBoost's and LightGBM's contributions of the same booster, those of the
package `shap` for boosting that was trained here, and scikit-learn's permutation importance."""

from __future__ import annotations

import datetime
import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

import gingham

mlflow = pytest.importorskip("mlflow")
numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
datasets = pytest.importorskip("sklearn.datasets")

# MLflow warns of its own type hints.
pytestmark = pytest.mark.filterwarnings("ignore")


def serve(url: str, client: gingham.Client, name: str, log: Callable[[str], Any]) -> None:
    mlflow.set_tracking_uri(url)
    with mlflow.start_run():
        log(name)
    registry = mlflow.MlflowClient()
    version = registry.search_model_versions(f"name = '{name}'")[0].version
    registry.set_registered_model_alias(name, "champion", version)
    client._transport.post("/api/v1/deployments", {"model": name})


def compared(client: gingham.Client, name: str, frame: Any, contributions: Any, tolerance: float) -> None:
    answer = client.predict(name, frame.to_dict("records"), ids=True)
    for id, expected in zip(answer.ids, contributions):
        told = client._transport.get(f"/api/v1/predictions/{id}/explanation")
        added = {feature["feature"]: feature["contribution"] for feature in told["features"]}
        found = [*(added[column] for column in frame.columns), told["base"]]
        numpy.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
        assert told["base"] + sum(added.values()) == pytest.approx(told["prediction"], rel=1e-6)


def patients(rows: int = 12) -> tuple[Any, Any, Any]:
    """The diabetes data of scikit-learn; some values taken away."""
    frame, target = datasets.load_diabetes(return_X_y=True, as_frame=True)
    frame = frame.copy()
    frame.loc[::7, "bmi"] = numpy.nan
    return frame, target, frame.head(rows)


def test_a_regressor_of_xgboost(url: str, client: gingham.Client, fresh: Callable[[str], str]) -> None:
    xgboost = pytest.importorskip("xgboost")
    frame, target, few = patients()
    model = xgboost.train({"max_depth": 4}, xgboost.DMatrix(frame, target), 25)
    signature = mlflow.models.infer_signature(frame, model.predict(xgboost.DMatrix(frame)))
    name = fresh("explained")
    serve(url, client, name, lambda name: mlflow.xgboost.log_model(model, name="m", signature=signature, registered_model_name=name))
    compared(client, name, few, model.predict(xgboost.DMatrix(few), pred_contribs=True), 1e-4)


def test_a_classifier_of_lightgbm(url: str, client: gingham.Client, fresh: Callable[[str], str]) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    frame, target, few = patients()
    data = lightgbm.Dataset(frame, (target > 140).astype(int))
    model = lightgbm.train({"objective": "binary", "num_leaves": 7, "verbose": -1}, data, 20)
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    name = fresh("explained")
    serve(url, client, name, lambda name: mlflow.lightgbm.log_model(model, name="m", signature=signature, registered_model_name=name))
    compared(client, name, few, model.predict(few, pred_contrib=True), 1e-9)


HOURS = 1_000
FEATURES = ("x", "z", "w")
SPEC = """
model: {name}
owner: team
data: {{ dataset: {name}, source: rows.csv, time: at }}
pipeline:
  prepare: prepare.sql
  time: at
  target: y
  features: [x, z, w]
  evaluate: {{ last: 10d, metric: mae }}
  candidates:
    - {{ id: boosted, trainer: gradient_boosting, params: {{ trees: 40, learning_rate: 0.2, leaves: 9 }} }}
promotion: {{ rules: [{{ metric: mae, at_most: 1000 }}] }}
deployment: {{ name: {name}, alias: champion }}
"""


class Boosted:
    """A model that was boosted here, with the rows that it learnt from and those it was judged by."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        self.name, self.url = name, url
        chance = random.Random(3)
        start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
        rows = []
        for hour in range(HOURS):
            x, z, w = chance.uniform(0, 50), chance.uniform(0, 10), chance.uniform(-1, 1)
            y = 2 * x + (z - 5) ** 2 + (10 if w > 0 and x > 25 else 0) + chance.gauss(0, 1)
            rows.append((start + datetime.timedelta(hours=hour), round(x, 3), round(z, 3), round(w, 3), round(y, 3)))
        frame = pandas.DataFrame(rows, columns=["at", "x", "z", "w", "y"])
        written = frame.assign(at=[at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in frame["at"]])
        # A feature that is missing now and then goes its own way at the nodes.
        for table in (frame, written):
            table.loc[::9, "w"] = numpy.nan
        written.to_csv(folder / "rows.csv", index=False)
        (folder / "gingham.yaml").write_text(SPEC.format(name=name))
        (folder / "prepare.sql").write_text("select cast(at as timestamp) as at, x, z, w, y from input order by at")
        applied = subprocess.run(
            [os.environ["GINGHAM_BINARY"], "apply"], cwd=folder, env={**os.environ, "GINGHAM_URL": url}, capture_output=True, text=True, timeout=300, check=False
        )
        assert applied.returncode == 0, applied.stdout + applied.stderr
        judged = datetime.timedelta(days=10)
        split = frame["at"].iloc[-1] - judged
        self.learnt, self.judged_by = frame[frame["at"] < split], frame[frame["at"] >= split]
        version = requests.get(f"{url}/api/v1/models/{name}/versions/1", timeout=30).json()
        assert version["training_rows"]["rows"] == len(self.learnt), (version["training_rows"], len(self.learnt))
        assert version["evaluation_rows"]["rows"] == len(self.judged_by)

    def file(self) -> Any:
        return requests.get(f"{self.url}/api/v1/models/{self.name}/versions/1/file", timeout=30).json()


@pytest.fixture(scope="module")
def boosted(tmp_path_factory: pytest.TempPathFactory, url: str) -> Boosted:
    if "GINGHAM_BINARY" not in os.environ:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    return Boosted(tmp_path_factory.mktemp("boosted"), url, f"boosted-{random.SystemRandom().getrandbits(48):x}")


def tree_of_shap(tree: dict[str, Any], places: list[int], learnt: Any) -> dict[str, Any]:
    """A tree of our file as `shap` takes it, with how many of the rows came to each node."""
    nodes = len(tree["feature"])
    leaf = numpy.array(tree["feature"]) < 0
    left = numpy.where(leaf, -1, numpy.array(tree["left"]))
    right = numpy.where(leaf, -1, left + 1)
    missing = set(tree.get("missing_left", []))
    default = numpy.array([-1 if leaf[node] else left[node] if node in missing else right[node] for node in range(nodes)])
    features = numpy.array([-2 if leaf[node] else places[tree["feature"][node]] for node in range(nodes)])
    thresholds = numpy.where(leaf, 0.0, numpy.array(tree["value"]))
    weights = numpy.zeros(nodes)
    for row in learnt:
        node = 0
        while True:
            weights[node] += 1
            if leaf[node]:
                break
            value = row[features[node]]
            node = default[node] if numpy.isnan(value) else left[node] if value <= thresholds[node] else right[node]
    return {
        "children_left": left, "children_right": right, "children_default": default, "features": features,
        "thresholds": thresholds, "values": numpy.where(leaf, numpy.array(tree["value"]), 0.0).reshape(-1, 1), "node_sample_weight": weights,
    }


def test_boosting_that_was_trained_here_is_explained_as_shap_does(boosted: Boosted, client: gingham.Client) -> None:
    shap = pytest.importorskip("shap")
    file = boosted.file()
    names = [field["name"] for field in file["signature"]["inputs"]]
    places = [FEATURES.index(name) for name in names]
    learnt = boosted.learnt[list(FEATURES)].to_numpy()
    body = file["body"]["trees"]
    trees = [tree_of_shap(tree, places, learnt) for tree in body["trees"]]
    assert len(trees) > 10, "there is something to explain"
    explainer = shap.TreeExplainer({"trees": trees, "base_offset": body["base"]})
    few = boosted.judged_by[list(FEATURES)].head(20)
    expected = explainer.shap_values(few.to_numpy(), check_additivity=False)
    rows = json.loads(few.to_json(orient="records"))
    answer = client.predict(boosted.name, rows, ids=True)
    for row, id in enumerate(answer.ids):
        told = client._transport.get(f"/api/v1/predictions/{id}/explanation")
        added = {feature["feature"]: feature["contribution"] for feature in told["features"]}
        found = [added[name] for name in FEATURES]
        numpy.testing.assert_allclose(found, numpy.ravel(expected[row]), rtol=1e-6, atol=1e-6)
        assert told["base"] == pytest.approx(float(numpy.ravel(explainer.expected_value)[0]), rel=1e-9)
        assert told["base"] + sum(added.values()) == pytest.approx(told["prediction"], rel=1e-9)
        assert told["prediction"] == pytest.approx(float(answer[row]), rel=1e-9)
        assert "from the rows it learnt from" in told["method"]


def test_permutation_importance_is_that_of_scikit_learn(boosted: Boosted, client: gingham.Client) -> None:
    inspection = pytest.importorskip("sklearn.inspection")
    told = client._transport.post(f"/api/v1/models/{boosted.name}/versions/1/importance", {})
    inputs, truth = boosted.judged_by[list(FEATURES)], boosted.judged_by["y"].to_numpy()

    def score(_: Any, rows: Any, truth: Any) -> float:
        frame = pandas.DataFrame(rows, columns=list(FEATURES))
        answer = client.predict(boosted.name, json.loads(frame.to_json(orient="records", double_precision=15)))
        return -float(numpy.abs(numpy.array(list(answer), float) - truth).mean())

    class Asked:
        """What scikit-learn takes for a fitted model."""

        def fit(self) -> None: ...

    assert told["metric"] == "mae" and told["rows"] == len(truth)
    assert told["value"] == pytest.approx(-score(None, inputs, truth), rel=1e-9)
    theirs = inspection.permutation_importance(Asked(), inputs, truth, scoring=score, n_repeats=5, random_state=0)
    ours = {feature["feature"]: feature for feature in told["features"]}
    for place, name in enumerate(FEATURES):
        spread = ours[name]["deviation"] + float(theirs.importances_std[place])
        assert abs(ours[name]["mean"] - float(theirs.importances_mean[place])) <= 4 * spread / 5**0.5 + 1e-9, name
        assert ours[name]["deviation"] == pytest.approx(float(numpy.std(ours[name]["repeats"])), rel=1e-9)
    order = [feature["feature"] for feature in told["features"]]
    assert order[0] == FEATURES[int(numpy.argmax(theirs.importances_mean))] == "x"
