"""Models logged by MLflow's own client and run by Python workers: their answers are those of the library."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import mlflow
import numpy as np
import pandas as pd
import pytest
from conftest import Refused, Server, promote, rows
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

# Classes of this module travel with their pickles, as those of a notebook do.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore")

#: What most models here need; the first test takes what MLflow writes itself.
NEEDS = ["mlflow-skinny==3.12.0", "scikit-learn==1.9.1", "pandas", "numpy", "cloudpickle"]


def test_a_classifier_of_sklearn_as_it_is_logged_answers_labels_and_probabilities(
    server: Server, serve: Callable[..., str]
) -> None:
    frame, target = rows()
    model = RandomForestClassifier(20, random_state=1).fit(frame, target)
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    name = serve(
        lambda name: mlflow.sklearn.log_model(model, name="m", signature=signature, registered_model_name=name)
    )
    outputs = server.infer(name, frame)
    assert list(outputs) == ["label", "probabilities"]
    np.testing.assert_array_equal(outputs["label"], model.predict(frame))
    np.testing.assert_array_equal(outputs["probabilities"], model.predict_proba(frame))
    metadata = server.call("GET", f"/v2/models/{name}")
    assert metadata["platform"] == "gingham_python_sklearn"
    described = [(output["name"], output["datatype"], output["shape"]) for output in metadata["outputs"]]
    assert described[:2] == [("label", "BYTES", [-1]), ("probabilities", "FP64", [-1, 3])]
    place = server.call("GET", f"/api/v1/deployments/{name}")["computed_by"]
    assert (place["engine"], place["provider"], place["device"]) == ("python", "cpu", "cpu")
    version = server.call("GET", f"/api/v1/models/{name}/versions/1")
    assert version["engine"].startswith("python: of the flavors python_function, sklearn")


def test_words_and_holes_reach_a_pipeline_as_they_are(server: Server, serve: Callable[..., str]) -> None:
    frame, target = rows()
    frame = frame.assign(colour=np.where(frame["weight"] > 0, "red", "blue"))
    frame.loc[::7, "height"] = np.nan
    columns = ColumnTransformer(
        [("numbers", SimpleImputer(), ["height", "weight"]), ("words", OneHotEncoder(handle_unknown="ignore"), ["colour"])]
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, target)
    signature = mlflow.models.infer_signature(frame, target)
    name = serve(
        lambda name: mlflow.sklearn.log_model(
            model, name="m", signature=signature, registered_model_name=name, pip_requirements=NEEDS
        )
    )
    outputs = server.infer(name, frame)
    np.testing.assert_array_equal(outputs["label"], model.predict(frame))
    np.testing.assert_array_equal(outputs["probabilities"], model.predict_proba(frame))


def test_a_model_without_a_signature_names_its_columns_itself(server: Server, serve: Callable[..., str]) -> None:
    frame, _ = rows()
    target = frame["height"] * 2 + frame["weight"] ** 2
    model = LinearRegression().fit(frame, target)
    name = serve(
        lambda name: mlflow.sklearn.log_model(
            model, name="m", registered_model_name=name, pip_requirements=NEEDS
        )
    )
    np.testing.assert_array_equal(server.infer(name, frame)["prediction"], model.predict(frame))


class Both(mlflow.pyfunc.PythonModel):
    """A model of nobody's library, with two outputs."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        height = model_input["height"]
        return pd.DataFrame({"double": 2 * height, "sign": np.where(height > 0, "up", "down")})


def test_a_function_of_ones_own_answers_several_outputs(server: Server, serve: Callable[..., str]) -> None:
    frame, _ = rows()
    frame = frame[["height"]]
    expected = Both().predict(None, frame)
    signature = mlflow.models.infer_signature(frame, expected)
    name = serve(
        lambda name: mlflow.pyfunc.log_model(
            name="m", python_model=Both(), signature=signature, registered_model_name=name, pip_requirements=NEEDS
        )
    )
    outputs = server.infer(name, frame)
    np.testing.assert_array_equal(outputs["double"], expected["double"])
    np.testing.assert_array_equal(outputs["sign"], expected["sign"])


class Sums(mlflow.pyfunc.PythonModel):
    """Takes rows of a tensor, and gives two numbers a row."""

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> np.ndarray:
        if model_input.dtype != np.float32 or model_input.shape[1:] != (2, 3):
            raise TypeError(f"{model_input.dtype} {model_input.shape}")
        return np.stack([model_input.sum(axis=(1, 2)), model_input.max(axis=(1, 2))], axis=1)


def test_tensors_keep_their_shape_and_type(server: Server, serve: Callable[..., str]) -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    expected = Sums().predict(None, values)
    signature = mlflow.models.infer_signature(values, expected)
    name = serve(
        lambda name: mlflow.pyfunc.log_model(
            name="m", python_model=Sums(), signature=signature, registered_model_name=name, pip_requirements=NEEDS
        )
    )
    frame = pd.DataFrame(values.reshape(4, 6), columns=[f"input_{at}" for at in range(6)])
    np.testing.assert_array_equal(server.infer(name, frame)["prediction"], expected)


class Odd(mlflow.pyfunc.PythonModel):
    """Behaves badly for some rows."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
        import os
        import signal
        import time

        first = model_input["x"].iloc[0]
        if first == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if first == 2:
            time.sleep(600)
        if first == 3:
            return model_input["x"].to_numpy()[:1]
        if first == 4:
            raise ValueError("no such row")
        return 2 * model_input["x"].to_numpy()


def test_models_that_crash_hang_or_answer_nonsense_are_told_of(server: Server, serve: Callable[..., str]) -> None:
    frame = pd.DataFrame({"x": [20.0, 30.0]})
    signature = mlflow.models.infer_signature(frame, np.array([1.0]))
    name = serve(
        lambda name: mlflow.pyfunc.log_model(
            name="m", python_model=Odd(), signature=signature, registered_model_name=name, pip_requirements=NEEDS
        )
    )
    np.testing.assert_array_equal(server.infer(name, frame)["prediction"], [40, 60])
    for first, status, words in [
        (1, 500, ""),
        (2, 504, "the engine `python` did not answer within 5 s"),
        (3, 500, ""),
        (4, 500, ""),
    ]:
        with pytest.raises(Refused) as refused:
            server.infer(name, pd.DataFrame({"x": [float(first), 20.0]}))
        assert (refused.value.status, words in str(refused.value)) == (status, True), (first, str(refused.value))
        # The next rows are answered.
        np.testing.assert_array_equal(server.infer(name, frame)["prediction"], [40, 60])
    log = Path(server.log.name).read_text()
    for words in [
        "two workers ended on these rows: one crashed (SIGSEGV)",
        "the model gave 1 rows of `prediction` for 2 rows",
        "the model raised ValueError: no such row",
    ]:
        assert words in log, words


def test_rows_that_are_answered_otherwise_refuse_the_deployment(
    server: Server, register: Callable[..., str], serve: Callable[..., str]
) -> None:
    frame, _ = rows(8)
    frame = frame[["height"]]

    def log(factor: float) -> Callable[[str], Any]:
        model = LinearRegression().fit(frame, frame["height"] * factor)
        return lambda name: mlflow.sklearn.log_model(
            model,
            name="m",
            signature=mlflow.models.infer_signature(frame, model.predict(frame)),
            input_example=frame,
            registered_model_name=name,
            pip_requirements=NEEDS,
        )

    name = serve(log(2))
    kept = server.call("GET", f"/api/v1/models/{name}/versions/1/expected-rows")
    assert "answered first to the input example" in kept["source"]
    np.testing.assert_allclose(kept["outputs"][0]["values"], frame["height"] * 2)
    register(log(3), name)
    expected = {
        "inputs": [{"name": "height", "values": [1.0, 2.0]}],
        "outputs": [{"name": "prediction", "values": [3.0, 6.5]}],
        "tolerance": 1e-6,
    }
    told = server.call("PUT", f"/api/v1/models/{name}/versions/2/expected-rows", expected)
    assert (told["version"], told["rows"]) == (2, 2)
    promote(name, 2)
    deployment = server.call("GET", f"/api/v1/deployments/{name}")
    assert (deployment["version"], deployment["state"]) == (1, "failed")
    assert deployment["message"].startswith("row 1 of the stored rows: `prediction` is 6"), deployment["message"]
    assert deployment["message"].endswith("it was 6.5")
    np.testing.assert_allclose(server.infer(name, frame)["prediction"], frame["height"] * 2)
    expected["outputs"][0]["values"] = [3.0, 6.0]
    server.call("PUT", f"/api/v1/models/{name}/versions/2/expected-rows", expected)
    promote(name, 2)
    np.testing.assert_allclose(server.infer(name, frame)["prediction"], frame["height"] * 3)
    with pytest.raises(Refused, match="has 3 elements for 2 rows"):
        expected["outputs"][0]["values"] = [3.0, 6.0, 9.0]
        server.call("PUT", f"/api/v1/models/{name}/versions/2/expected-rows", expected)


def test_an_environment_that_is_there_needs_neither_uv_nor_a_network(
    folder: Path, serve: Callable[..., str], server: Server
) -> None:
    frame, _ = rows(8)
    model = LinearRegression().fit(frame, frame["height"])
    name = serve(
        lambda name: mlflow.sklearn.log_model(
            model, name="m", registered_model_name=name, pip_requirements=NEEDS
        )
    )
    np.testing.assert_allclose(server.infer(name, frame)["prediction"], model.predict(frame))
    server.stop()
    server.__init__(folder, GINGHAM_UV="/nonexistent/uv", UV_OFFLINE="1")  # type: ignore[misc]
    np.testing.assert_allclose(server.infer(name, frame)["prediction"], model.predict(frame))
    server.stop()
    server.__init__(folder)  # type: ignore[misc]


def test_without_uv_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    frame, _ = rows(8)
    model = LinearRegression().fit(frame, frame["height"])
    other = Server(tmp_path / "data", GINGHAM_UV="/nonexistent/uv")
    try:
        mlflow.set_tracking_uri(other.url)
        mlflow.set_experiment("workers")
        with mlflow.start_run():
            mlflow.sklearn.log_model(model, name="m", registered_model_name="m", pip_requirements=NEEDS)
        promote("m")
        with pytest.raises(Refused, match="the program `uv` is not here; `pip install uv` brings it"):
            other.call("POST", "/api/v1/deployments", {"model": "m"})
    finally:
        other.stop()
