"""Explanations beside the libraries' own: XGBoost's and LightGBM's contributions of the same booster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
