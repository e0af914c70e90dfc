"""A graph that MLflow registers is explained as the package `shap` explains the model that it was made of."""

from __future__ import annotations

import json
import urllib.request
import uuid
from typing import Any

import mlflow
import numpy as np
import pytest
from test_serve_mlflow import URL, post, pytestmark, serve

assert pytestmark, "skipped without a server, as the tests beside it"


def asked(name: str, numbers: np.ndarray) -> list[str]:
    """Asks for all rows and answers the ids of the predictions."""
    ids = []
    for start in range(0, len(numbers), 100):
        part = numbers[start : start + 100]
        # Each column of the graph's one input is a feature of its own.
        columns = [
            {"name": f"X_{place}", "shape": [len(part)], "datatype": "FP32", "data": column.tolist()}
            for place, column in enumerate(part.T)
        ]
        answer = post(f"/v2/models/{name}/infer", {"inputs": columns, "parameters": {"return_prediction_id": True}})
        found = [output for output in answer["outputs"] if output["name"] == "prediction_id"]
        ids += [str(id) for id in found[0]["data"]]
    return ids


def test_the_rows_that_it_answered_stand_in_for_those_it_learnt_from() -> None:
    shap = pytest.importorskip("shap")
    from skl2onnx import to_onnx
    from sklearn import datasets, ensemble

    frame, disease = datasets.load_diabetes(return_X_y=True, as_frame=True)
    numbers = frame.to_numpy().astype(np.float32)
    model = ensemble.GradientBoostingRegressor(n_estimators=25, random_state=0).fit(numbers, disease)
    graph = to_onnx(model, numbers[:1])

    def log(name: str) -> Any:
        signature = mlflow.models.infer_signature(numbers, model.predict(numbers))
        return mlflow.onnx.log_model(graph, name="m", signature=signature, registered_model_name=name)

    name = serve(log)
    # Every row that it learnt from is asked once: what is archived then are just those rows.
    ids = asked(name, numbers)
    explainer = shap.TreeExplainer(model)
    expected = explainer.shap_values(numbers[:5])
    for row in range(5):
        with urllib.request.urlopen(f"{URL}/api/v1/predictions/{ids[row]}/explanation", timeout=60) as answer:
            told = json.load(answer)
        assert "archived requests" in told["method"], told["method"]
        added = [feature["contribution"] for feature in sorted(told["features"], key=lambda each: int(each["feature"].rsplit("_", 1)[-1]))]
        np.testing.assert_allclose(added, expected[row], rtol=1e-3, atol=1e-2)
        assert told["base"] + sum(added) == pytest.approx(told["prediction"], rel=1e-6)
        assert told["base"] == pytest.approx(float(np.ravel(explainer.expected_value)[0]), rel=1e-5)


def test_a_model_that_is_no_sum_of_trees_says_so() -> None:
    from skl2onnx import to_onnx
    from sklearn import datasets, linear_model

    frame, disease = datasets.load_diabetes(return_X_y=True, as_frame=True)
    numbers = frame.to_numpy().astype(np.float32)
    graph = to_onnx(linear_model.Ridge().fit(numbers, disease), numbers[:1])
    signature = mlflow.models.infer_signature(numbers, np.zeros(len(numbers), np.float32))
    name = serve(lambda name: mlflow.onnx.log_model(graph, name="m", signature=signature, registered_model_name=name))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{URL}/api/v1/predictions/{asked(name, numbers[:1])[0]}/explanation", timeout=60)
    problem = json.load(refused.value)
    assert (problem["code"], "no trees" in problem["detail"]) == ("not_explainable", True), problem
    assert uuid.UUID(problem["request_id"]) if "-" in problem["request_id"] else problem["request_id"]
