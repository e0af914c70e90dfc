"""Labels and probabilities through every protocol, against ONNX Runtime and scikit-learn."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from conftest import Refused, Server, rows
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from tritonclient.utils import InferenceServerException

tritonhttp = pytest.importorskip("tritonclient.http")
tritongrpc = pytest.importorskip("tritonclient.grpc")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def trained() -> tuple[Any, Any, pd.DataFrame]:
    frame, target = rows(200)
    model = GradientBoostingClassifier(n_estimators=20, random_state=2).fit(frame.to_numpy(), target)
    graph = to_onnx(model, frame.to_numpy(np.float32)[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    return model, graph, frame


@pytest.fixture
def name(serve: Callable[..., str], trained: tuple[Any, Any, pd.DataFrame]) -> str:
    model, graph, frame = trained
    signature = mlflow.models.infer_signature(frame, model.predict(frame.to_numpy()))
    return serve(
        lambda name: mlflow.onnx.log_model(graph, name="m", signature=signature, registered_model_name=name)
    )


def test_a_graph_answers_as_its_oracle_by_every_protocol(
    server: Server, name: str, trained: tuple[Any, Any, pd.DataFrame]
) -> None:
    model, graph, frame = trained
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, scores = session.run(None, {session.get_inputs()[0].name: frame.to_numpy(np.float32)})
    np.testing.assert_array_equal(labels, model.predict(frame.to_numpy()))
    first, second = (output.name for output in session.get_outputs())

    # The Open Inference Protocol over JSON.
    outputs = server.infer(name, frame)
    assert list(outputs) == [first, second]
    np.testing.assert_array_equal(outputs[first], labels)
    np.testing.assert_allclose(outputs[second], scores, atol=1e-6)

    # As bytes over HTTP and over gRPC, by the client that people have.
    for client, library in [
        (tritonhttp.InferenceServerClient(f"127.0.0.1:{server.port}"), tritonhttp),
        (tritongrpc.InferenceServerClient(f"127.0.0.1:{server.port}"), tritongrpc),
    ]:
        metadata = client.get_model_metadata(name, **({} if library is tritonhttp else {"as_json": True}))
        assert [output["datatype"] for output in metadata["outputs"]][:2] == ["BYTES", "FP64"]
        inputs = []
        for column in frame:
            tensor = library.InferInput(column, [len(frame)], "FP64")
            tensor.set_data_from_numpy(frame[column].to_numpy())
            inputs.append(tensor)
        answer = client.infer(name, inputs)
        np.testing.assert_array_equal(answer.as_numpy(first), labels.astype(object).astype("S").astype(object))
        np.testing.assert_allclose(answer.as_numpy(second), scores, atol=1e-6)
        only = client.infer(name, inputs, outputs=[library.InferRequestedOutput(second)])
        assert only.as_numpy(first) is None and only.as_numpy(second).shape == (len(frame), 3)
        client.close()

    # KServe's first protocol, and one output alone.
    instances = frame.to_dict("records")
    predictions = server.call("POST", f"/v1/models/{name}:predict", {"instances": instances})["predictions"]
    assert [row[first] for row in predictions] == labels.tolist()
    np.testing.assert_allclose([row[second] for row in predictions], scores, atol=1e-6)
    wanted = {"instances": instances, "parameters": {"outputs": [first]}}
    assert server.call("POST", f"/v1/models/{name}:predict", wanted)["predictions"] == labels.tolist()

    # MLflow gives all outputs of a graph.
    body = {"dataframe_records": instances}
    predictions = server.call("POST", f"/serve/{name}/invocations", body)["predictions"]
    assert [row[first] for row in predictions] == labels.tolist()

    # The typed endpoint, as its document says.
    row = server.call("POST", f"/serve/{name}/predict", instances[0])
    assert row[first] == labels[0] and len(row[second]) == 3
    schema = server.call("GET", f"/serve/{name}/openapi.json")["components"]["schemas"]["Answer"]["properties"]
    assert schema[first] == {"type": "string"}
    assert (schema[second]["type"], schema[second]["minItems"]) == ("array", 3)
    assert set(row) == set(schema)


def test_a_graph_takes_its_own_tensor_as_well_as_its_columns(server: Server, serve: Callable[..., str]) -> None:
    random = np.random.default_rng(6)
    values = random.normal(size=(40, 10)).astype(np.float32)
    model = LogisticRegression().fit(values, values[:, 0] + values[:, 7] > 0)
    graph = to_onnx(model, values[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    name = serve(lambda name: mlflow.onnx.log_model(graph, name="m", registered_model_name=name))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, scores = session.run(None, {"X": values})
    first, second = (output.name for output in session.get_outputs())

    # What it says of itself is what people send.
    for client, library, more in [
        (tritonhttp.InferenceServerClient(f"127.0.0.1:{server.port}"), tritonhttp, {}),
        (tritongrpc.InferenceServerClient(f"127.0.0.1:{server.port}"), tritongrpc, {"as_json": True}),
    ]:
        (told,) = client.get_model_metadata(name, **more)["inputs"]
        assert (told["name"], told["datatype"], [int(length) for length in told["shape"]]) == ("X", "FP32", [-1, 10])
        for binary in [{"binary_data": True}, {"binary_data": False}] if library is tritonhttp else [{}]:
            whole = library.InferInput("X", [40, 10], "FP32")
            whole.set_data_from_numpy(values, **binary)
            answer = client.infer(name, [whole])
            np.testing.assert_array_equal(answer.as_numpy(first), labels)
            np.testing.assert_allclose(answer.as_numpy(second), scores, atol=1e-6)
        columns = []
        for at in range(10):
            column = library.InferInput(f"X_{at}", [40], "FP32")
            column.set_data_from_numpy(values[:, at].copy())
            columns.append(column)
        np.testing.assert_array_equal(client.infer(name, columns).as_numpy(second), answer.as_numpy(second))
        narrow = library.InferInput("X", [40, 9], "FP32")
        narrow.set_data_from_numpy(values[:, :9].copy())
        with pytest.raises(InferenceServerException, match=r"`X`: the shape \[40, 9\] is not `\[n, 10\]`"):
            client.infer(name, [narrow])
        with pytest.raises(InferenceServerException, match="`X_0`: it is given twice|given twice"):
            client.infer(name, [whole, columns[0]])
        client.close()

    # JSON nested, MLflow's named tensors, KServe's lists, and the columns by their names.
    nested = {"name": "X", "shape": [40, 10], "datatype": "FP32", "data": values.tolist()}
    outputs = server.call("POST", f"/v2/models/{name}/infer", {"inputs": [nested]})["outputs"]
    assert outputs[0]["data"] == labels.tolist()
    for body in [{"inputs": {"X": values.tolist()}}, {"instances": values.tolist()}]:
        predictions = server.call("POST", f"/serve/{name}/invocations", body)["predictions"]
        assert [row[first] for row in predictions] == labels.tolist(), list(body)
    frame = pd.DataFrame(values.astype(float), columns=[f"X_{at}" for at in range(10)])
    np.testing.assert_array_equal(server.infer(name, frame)[first], labels)


def test_a_graph_over_images_takes_rows_of_several_dimensions(server: Server, serve: Callable[..., str]) -> None:
    helper = onnx.helper
    graph = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Flatten", ["pixels"], ["flat"]),
                helper.make_node("ReduceSum", ["flat", "axes"], ["sum"], keepdims=0),
            ],
            "sums",
            [helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, ["n", 2, 3])],
            [helper.make_tensor_value_info("sum", onnx.TensorProto.FLOAT, ["n"])],
            [helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    name = serve(lambda name: mlflow.onnx.log_model(graph, name="m", registered_model_name=name))
    values = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    client = tritonhttp.InferenceServerClient(f"127.0.0.1:{server.port}")
    (told,) = client.get_model_metadata(name)["inputs"]
    assert (told["name"], told["shape"]) == ("pixels", [-1, 2, 3])
    pixels = tritonhttp.InferInput("pixels", [4, 2, 3], "FP32")
    pixels.set_data_from_numpy(values)
    np.testing.assert_array_equal(client.infer(name, [pixels]).as_numpy("sum"), values.sum(axis=(1, 2)))
    body = {"inputs": {"pixels": values.tolist()}}
    rows = server.call("POST", f"/serve/{name}/invocations", body)["predictions"]
    assert [row["sum"] if isinstance(row, dict) else row for row in rows] == values.sum(axis=(1, 2)).tolist()
    client.close()


def test_labels_and_scores_are_archived_beside_the_prediction(
    server: Server, name: str, trained: tuple[Any, Any, pd.DataFrame]
) -> None:
    model, _, frame = trained
    frame = frame.head(5)
    server.infer(name, frame)
    deadline = time.monotonic() + 60
    query = {"query": f'select * from "{name}".predictions order by height'}
    while True:
        answer = server.call("POST", "/api/v1/sql", query)
        if len(answer["rows"]) == 5:
            break
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    names = [column["name"] if isinstance(column, dict) else column for column in answer["columns"]]
    kept = pd.DataFrame(answer["rows"], columns=names)
    ordered = frame.sort_values("height")
    label = next(column for column in names if column.startswith("output_") and "label" in column)
    assert kept[label].tolist() == model.predict(ordered.to_numpy()).tolist()
    scores = [column for column in names if column.startswith("output_prob")]
    np.testing.assert_allclose(kept[scores].to_numpy(float), model.predict_proba(ordered.to_numpy()), atol=1e-5)


def test_whole_numbers_stay_whole_and_are_the_prediction(server: Server, serve: Callable[..., str]) -> None:
    frame, target = rows(80)
    target = (target == "high").astype(int)
    model = LogisticRegression().fit(frame.to_numpy(), target)
    graph = to_onnx(model, frame.to_numpy(np.float32)[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})
    name = serve(lambda name: mlflow.onnx.log_model(
        graph, name="m", signature=mlflow.models.infer_signature(frame, target), registered_model_name=name
    ))
    answer = server.call(
        "POST",
        f"/v2/models/{name}/infer",
        {"inputs": [{"name": column, "shape": [80], "datatype": "FP64", "data": frame[column].tolist()} for column in frame]},
    )
    assert answer["outputs"][0]["datatype"] == "INT64"
    assert answer["outputs"][0]["data"] == model.predict(frame.to_numpy()).tolist()


def test_what_a_library_predicts_is_what_mlflow_gives_alone(server: Server, serve: Callable[..., str]) -> None:
    import xgboost

    frame, target = rows(80)
    target = (target == "high").astype(int)
    model = xgboost.XGBClassifier(n_estimators=8).fit(frame, target)
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    name = serve(lambda name: mlflow.xgboost.log_model(
        model, name="m", signature=signature, registered_model_name=name, model_format="json"
    ))
    body = {"dataframe_split": {"columns": list(frame), "data": frame.to_numpy().tolist()}}
    predictions = server.call("POST", f"/serve/{name}/invocations", body)["predictions"]
    assert predictions == model.predict(frame).tolist()
    outputs = server.infer(name, frame)
    wide = [values for values in outputs.values() if values.ndim == 2]
    np.testing.assert_allclose(wide[0], model.predict_proba(frame), atol=1e-6)
    body["params"] = {"outputs": [key for key, values in outputs.items() if values.ndim == 2]}
    np.testing.assert_allclose(
        server.call("POST", f"/serve/{name}/invocations", body)["predictions"], model.predict_proba(frame), atol=1e-6
    )


def test_a_card_that_is_not_there_is_refused_and_nothing_falls_back(
    server: Server, name: str, serve: Callable[..., str]
) -> None:
    other = f"{name}-on-a-card"
    with pytest.raises(Refused, match="the engine `onnxruntime` cannot be used"):
        server.call("POST", "/api/v1/deployments", {"model": name, "name": other, "device": "cuda"})
    with pytest.raises(Refused):
        server.infer(other, rows(1)[0])
    with pytest.raises(Refused, match="`gpu` is no device; there are `cpu`, `cuda` and `cuda:1`"):
        server.call("POST", "/api/v1/deployments", {"model": name, "name": other, "device": "gpu"})
    server.infer(name, rows(1)[0])
    with urllib.request.urlopen(f"{server.url}/metrics") as answer:
        told = [line for line in answer.read().decode().splitlines() if line.startswith("gingham_inference_engine_info")]
    mine = [line for line in told if f'deployment="{name}"' in line]
    assert 'engine="gingham"' in mine[0] and 'provider="cpu"' in mine[0] and 'device="cpu"' in mine[0]
