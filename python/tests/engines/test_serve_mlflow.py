"""Models logged with MLflow's flavors, registered, given an alias, and served: what comes back is what the library says."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
import uuid
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

URL = os.environ.get("GINGHAM_URL")
pytestmark = [
    pytest.mark.skipif(not URL, reason="GINGHAM_URL names no server"),
    # MLflow warns of its own type hints.
    pytest.mark.filterwarnings("ignore"),
]


def post(path: str, body: dict[str, Any]) -> Any:
    """Sends JSON; a refusal is an assertion with its words."""
    request = urllib.request.Request(
        f"{URL}{path}", json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error


def rows() -> tuple[pd.DataFrame, np.ndarray]:
    """Two columns of numbers, and two classes."""
    random = np.random.default_rng(4)
    frame = pd.DataFrame(random.normal(size=(300, 2)), columns=["height", "weight"])
    return frame, (frame["height"] + frame["weight"] ** 2 > 0.5).to_numpy().astype(int)


def serve(log: Any) -> str:
    """Logs, registers and gives the alias; answers the endpoint's name."""
    name = f"model-{uuid.uuid4().hex[:8]}"
    mlflow.set_tracking_uri(URL)
    mlflow.set_experiment("engines")
    with mlflow.start_run():
        log(name)
    client = mlflow.MlflowClient()
    version = client.search_model_versions(f"name = '{name}'")[0].version
    client.set_registered_model_alias(name, "champion", version)
    post("/api/v1/deployments", {"model": name})
    return name


def answer(name: str, frame: pd.DataFrame) -> np.ndarray:
    """The first output of the endpoint for these rows."""
    inputs = [
        {"name": column, "shape": [len(frame)], "datatype": "FP64", "data": frame[column].tolist()} for column in frame
    ]
    outputs = post(f"/v2/models/{name}/infer", {"inputs": inputs})["outputs"]
    return np.array(outputs[0]["data"])


def test_a_booster_of_xgboost_answers_its_probabilities() -> None:
    import xgboost

    frame, target = rows()
    model = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(frame, target), 10)
    expected = model.predict(xgboost.DMatrix(frame))
    signature = mlflow.models.infer_signature(frame, expected)
    name = serve(lambda name: mlflow.xgboost.log_model(model, name="m", signature=signature, registered_model_name=name))
    np.testing.assert_allclose(answer(name, frame), expected, rtol=1e-6)


def test_a_classifier_of_xgboost_answers_its_labels() -> None:
    import xgboost

    frame, target = rows()
    model = xgboost.XGBClassifier(n_estimators=8).fit(frame, target)
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    name = serve(
        lambda name: mlflow.xgboost.log_model(
            model, name="m", signature=signature, registered_model_name=name, model_format="json"
        )
    )
    np.testing.assert_array_equal(answer(name, frame), model.predict(frame))


def test_a_booster_of_lightgbm_answers_to_the_last_bits() -> None:
    import lightgbm

    frame, target = rows()
    model = lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(frame, target), 10)
    name = serve(lambda name: mlflow.lightgbm.log_model(model, name="m", registered_model_name=name))
    np.testing.assert_allclose(answer(name, frame), model.predict(frame), rtol=1e-12)


def test_a_pipeline_of_sklearn_is_served_through_onnx() -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame, target = rows()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, target)
    graph = to_onnx(model, frame.to_numpy(np.float32)[:1], options={"zipmap": False})
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    name = serve(lambda name: mlflow.onnx.log_model(graph, name="m", signature=signature, registered_model_name=name))
    np.testing.assert_array_equal(answer(name, frame), model.predict(frame))


def test_the_endpoint_follows_its_alias() -> None:
    import xgboost

    frame, target = rows()
    first = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(frame, target), 2)
    second = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(frame, target), 30)
    name = serve(lambda name: mlflow.xgboost.log_model(first, name="m", registered_model_name=name))
    np.testing.assert_allclose(answer(name, frame), first.predict(xgboost.DMatrix(frame)), rtol=1e-6)
    with mlflow.start_run():
        mlflow.xgboost.log_model(second, name="m", registered_model_name=name)
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", "2")
    np.testing.assert_allclose(answer(name, frame), second.predict(xgboost.DMatrix(frame)), rtol=1e-6)
