"""What a server of the Open Inference Protocol must do, asked by plain requests and Triton's own clients."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any
from urllib.parse import urlsplit

import numpy
import pytest
import requests

from traffic_row import MODEL, NUMBERS, WORDS, array

tritonhttp = pytest.importorskip("tritonclient.http")
tritongrpc = pytest.importorskip("tritonclient.grpc")
from tritonclient.utils import InferenceServerException  # noqa: E402

OUTPUT_ID = "prediction_id"


@pytest.fixture(scope="module")
def http(url: str) -> Any:
    with tritonhttp.InferenceServerClient(urlsplit(url).netloc) as client:
        yield client


@pytest.fixture(scope="module")
def grpc(url: str) -> Any:
    with tritongrpc.InferenceServerClient(urlsplit(url).netloc) as client:
        yield client


WORD = {numpy.float64: "FP64", numpy.float32: "FP32", numpy.float16: "FP16", numpy.int64: "INT64"}


def triton_inputs(module: Any, metadata: Any, rows: int, kind: Any = numpy.float64, **how: Any) -> list[Any]:
    tensors = []
    for field in metadata["inputs"]:
        values = array(field, rows, kind)
        tensor = module.InferInput(
            field["name"], list(values.shape), "BYTES" if field["datatype"] == "BYTES" else WORD[kind]
        )
        tensor.set_data_from_numpy(values, **how)
        tensors.append(tensor)
    return tensors


def body(metadata: Any, rows: int = 1, nested: bool = False) -> dict[str, Any]:
    inputs = []
    for field in metadata["inputs"]:
        values = array(field, rows).tolist()
        inputs.append(
            {
                "name": field["name"],
                "datatype": field["datatype"],
                "shape": [rows, 1] if nested else [rows],
                "data": [[value] for value in values] if nested else values,
            }
        )
    return {"id": "c-1", "inputs": inputs}


def post(url: str, content: Any, version: str | None = None, **how: Any) -> requests.Response:
    path = f"/v2/models/{MODEL}" + (f"/versions/{version}" if version else "") + "/infer"
    if isinstance(content, dict):
        return requests.post(url + path, json=content, timeout=10, **how)
    return requests.post(url + path, data=content, timeout=10, **how)


def first(url: str, metadata: Any) -> float:
    return float(post(url, body(metadata)).json()["outputs"][0]["data"][0])


def test_health_is_told_by_the_status(url: str) -> None:
    for path in ("/v2/health/live", "/v2/health/ready", f"/v2/models/{MODEL}/ready"):
        assert requests.get(url + path, timeout=10).status_code == 200


def test_the_server_names_itself_and_its_extensions(url: str) -> None:
    server = requests.get(f"{url}/v2", timeout=10).json()
    assert server["name"] and server["version"]
    assert {"binary_tensor_data", "model_repository"} <= set(server["extensions"])


def test_metadata_tells_names_types_shapes_and_versions(metadata: Any) -> None:
    assert metadata["name"] == MODEL and metadata["platform"].startswith("gingham_")
    assert all(isinstance(version, str) for version in metadata["versions"])
    for tensor in metadata["inputs"] + metadata["outputs"]:
        assert set(tensor) == {"name", "datatype", "shape"} and tensor["shape"][0] == -1


def test_metadata_of_a_version_is_that_of_the_model(url: str, metadata: Any) -> None:
    version = metadata["versions"][0]
    answer = requests.get(f"{url}/v2/models/{MODEL}/versions/{version}", timeout=10)
    assert answer.status_code == 200 and answer.json()["inputs"] == metadata["inputs"]
    ready = requests.get(f"{url}/v2/models/{MODEL}/versions/{version}/ready", timeout=10).json()
    assert ready == {"name": MODEL, "ready": True}


def test_flat_and_nested_data_are_one(url: str, metadata: Any) -> None:
    flat, nested = post(url, body(metadata, 3)), post(url, body(metadata, 3, nested=True))
    assert flat.status_code == nested.status_code == 200
    assert flat.json()["outputs"] == nested.json()["outputs"]


def test_an_answer_has_the_fields_of_the_protocol(url: str, metadata: Any, output: str) -> None:
    answer = post(url, body(metadata, 2)).json()
    assert answer["model_name"] == MODEL and answer["model_version"] in metadata["versions"]
    assert answer["id"] == "c-1"
    [tensor] = answer["outputs"]
    assert tensor["name"] == output and tensor["shape"] == [2] and tensor["datatype"] == "FP64"


def test_no_id_is_made_up(url: str, metadata: Any) -> None:
    content = body(metadata)
    del content["id"]
    assert "id" not in post(url, content).json()


def test_outputs_come_in_the_order_asked_for(url: str, metadata: Any, output: str) -> None:
    for names in ([OUTPUT_ID, output], [output, OUTPUT_ID], [OUTPUT_ID]):
        answer = post(url, body(metadata) | {"outputs": [{"name": name} for name in names]}).json()
        assert [tensor["name"] for tensor in answer["outputs"]] == names


def test_unknown_parameters_are_ignored(url: str, metadata: Any) -> None:
    content = body(metadata) | {"parameters": {"priority": 3, "whatever": "x"}}
    content["inputs"][0]["parameters"] = {"content_type": "np"}
    assert post(url, content).status_code == 200


def test_a_version_can_be_named(url: str, metadata: Any) -> None:
    assert post(url, body(metadata), metadata["versions"][0]).status_code == 200
    assert post(url, body(metadata), "9999").status_code == 404


def test_null_is_a_missing_number(url: str, metadata: Any) -> None:
    content = body(metadata)
    for tensor in content["inputs"]:
        if tensor["name"] == "rain_1h":
            tensor["data"] = [None]
    assert post(url, content).status_code in (200, 400)
    for tensor in content["inputs"]:
        if tensor["name"] == "rain_1h":
            tensor["datatype"] = "INT64"
    refused = post(url, content)
    assert refused.status_code == 400 and "rain_1h" in refused.json()["error"]


def test_whole_numbers_fit_every_integer_type(url: str, metadata: Any) -> None:
    expected = first(url, metadata)
    for datatype in ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP32"):
        content = body(metadata)
        for tensor in content["inputs"]:
            if tensor["name"] == "hour":
                tensor["datatype"], tensor["data"] = datatype, [17]
        answer = post(url, content)
        assert answer.status_code == 200, answer.text
        assert answer.json()["outputs"][0]["data"][0] == pytest.approx(expected)


def broken(change: Any) -> Any:
    def of(metadata: Any) -> Any:
        content = body(metadata)
        change(content)
        return content

    return of


BROKEN = {
    "no inputs": broken(lambda content: content.pop("inputs")),
    "empty inputs": broken(lambda content: content.update(inputs=[])),
    "an unknown input": broken(lambda content: content["inputs"][0].update(name="humidity")),
    "inputs of different length": broken(lambda content: content["inputs"][0].update(shape=[2], data=[1, 2])),
    "an input twice": broken(lambda content: content["inputs"].append(content["inputs"][0])),
    "a wrong shape": broken(lambda content: content["inputs"][0].update(shape=[2])),
    "a negative shape": broken(lambda content: content["inputs"][0].update(shape=[-1])),
    "three dimensions": broken(lambda content: content["inputs"][0].update(shape=[1, 1, 1])),
    "a shape of words": broken(lambda content: content["inputs"][0].update(shape=["x"])),
    "an unknown type": broken(lambda content: content["inputs"][0].update(datatype="FLOAT")),
    "words for numbers": broken(lambda content: content["inputs"][0].update(data=["x"])),
    "numbers for words": broken(lambda content: content["inputs"][-1].update(datatype="BYTES", data=[7])),
    "too many elements": broken(lambda content: content["inputs"][0].update(data=[1, 2])),
    "ragged data": broken(lambda content: content["inputs"][0].update(data=[[1], [2, 3]])),
    "an object as data": broken(lambda content: content["inputs"][0].update(data={"a": 1})),
    "half precision in JSON": broken(lambda content: content["inputs"][0].update(datatype="FP16")),
    "an unknown output": broken(lambda content: content.update(outputs=[{"name": "nothing"}])),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_request_that_does_not_fit_is_400_with_an_error_and_nothing_else(url: str, metadata: Any, what: str) -> None:
    answer = post(url, BROKEN[what](metadata))
    assert answer.status_code == 400, f"{what}: {answer.status_code} {answer.text}"
    assert list(answer.json()) == ["error"] and isinstance(answer.json()["error"], str)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"inputs": NaN}', b"[" * 10_000])
def test_a_body_that_is_no_request_is_400(url: str, text: bytes) -> None:
    answer = post(url, text, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and list(answer.json()) == ["error"]


def test_an_unknown_model_is_404_with_an_error(url: str, metadata: Any) -> None:
    for answer in (
        requests.get(f"{url}/v2/models/nothing", timeout=10),
        requests.get(f"{url}/v2/models/nothing/ready", timeout=10),
        requests.post(f"{url}/v2/models/nothing/infer", json=body(metadata), timeout=10),
    ):
        assert answer.status_code == 404 and list(answer.json()) == ["error"]


def test_the_wrong_method_is_405_with_an_error(url: str) -> None:
    answer = requests.get(f"{url}/v2/models/{MODEL}/infer", timeout=10)
    assert answer.status_code == 405 and list(answer.json()) == ["error"]


def test_a_body_over_the_limit_is_413(url: str) -> None:
    answer = post(url, b" " * (33 << 20), headers={"content-type": "application/json"})
    assert answer.status_code == 413 and list(answer.json()) == ["error"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_requests_are_read(url: str, metadata: Any, encoding: str) -> None:
    text = json.dumps(body(metadata)).encode()
    packed = gzip.compress(text) if encoding == "gzip" else zlib.compress(text)
    answer = post(url, packed, headers={"content-encoding": encoding, "content-type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_answers_are_compressed_for_who_asks(url: str, metadata: Any) -> None:
    answer = post(url, body(metadata, 500), headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200 and answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["outputs"][0]["data"]) == 500


def test_triton_sends_and_receives_bytes(http: Any, url: str, metadata: Any, output: str) -> None:
    answer = http.infer(MODEL, triton_inputs(tritonhttp, metadata, 3), request_id="b-1")
    assert answer.get_response()["id"] == "b-1"
    assert answer.as_numpy(output) == pytest.approx([first(url, metadata)] * 3)


@pytest.mark.parametrize(("into", "out"), [(True, True), (True, False), (False, True), (False, False)])
def test_triton_may_mix_bytes_and_json(
    http: Any, url: str, metadata: Any, output: str, into: bool, out: bool
) -> None:
    wanted = [tritonhttp.InferRequestedOutput(name, binary_data=out) for name in (OUTPUT_ID, output)]
    answer = http.infer(MODEL, triton_inputs(tritonhttp, metadata, 2, binary_data=into), outputs=wanted)
    assert answer.as_numpy(output) == pytest.approx([first(url, metadata)] * 2)
    assert answer.as_numpy(OUTPUT_ID).shape == (2,)


@pytest.mark.parametrize("kind", [numpy.float64, numpy.float32, numpy.float16])
def test_triton_sends_every_float(http: Any, metadata: Any, output: str, kind: Any) -> None:
    answer = http.infer(MODEL, triton_inputs(tritonhttp, metadata, 1, kind))
    assert numpy.isfinite(answer.as_numpy(output)).all()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_triton_compresses_both_ways(http: Any, metadata: Any, output: str, algorithm: str) -> None:
    answer = http.infer(
        MODEL,
        triton_inputs(tritonhttp, metadata, 300),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert answer.as_numpy(output).shape == (300,)


def test_sizes_that_do_not_add_up_are_400(url: str) -> None:
    head = json.dumps(
        {
            "inputs": [
                {"name": "hour", "shape": [1], "datatype": "FP64", "parameters": {"binary_data_size": 8}},
            ]
        }
    ).encode()
    for length, tail in ((len(head), b"123"), (len(head) + 99, b"12345678"), ("x", b"12345678"), (len(head), b"1" * 9)):
        answer = post(url, head + tail, headers={"Inference-Header-Content-Length": str(length)})
        assert answer.status_code == 400 and list(answer.json()) == ["error"]


def test_triton_reads_metadata_settings_and_statistics(http: Any, metadata: Any) -> None:
    assert http.get_model_metadata(MODEL) == metadata
    config = http.get_model_config(MODEL)
    assert config["name"] == MODEL and len(config["input"]) == len(metadata["inputs"])
    http.infer(MODEL, triton_inputs(tritonhttp, metadata, 1))
    [stats, *_] = http.get_inference_statistics(MODEL)["model_stats"]
    assert stats["inference_stats"]["success"]["count"] >= 1 and stats["inference_count"] >= 1


def test_triton_indexes_unloads_and_loads(http: Any, metadata: Any, output: str) -> None:
    [entry, *_] = [entry for entry in http.get_model_repository_index() if entry["name"] == MODEL]
    assert entry["state"] == "READY"
    http.unload_model(MODEL)
    try:
        assert not http.is_model_ready(MODEL)
        states = {entry["name"]: entry["state"] for entry in http.get_model_repository_index()}
        assert states[MODEL] == "UNAVAILABLE"
    finally:
        http.load_model(MODEL)
    assert http.is_model_ready(MODEL)
    assert http.infer(MODEL, triton_inputs(tritonhttp, metadata, 1)).as_numpy(output).shape == (1,)


def test_triton_is_told_what_is_wrong(http: Any, metadata: Any) -> None:
    inputs = triton_inputs(tritonhttp, metadata, 1)
    inputs[0].set_shape([2])
    with pytest.raises(InferenceServerException, match="400"):
        http.infer(MODEL, inputs)


def test_triton_speaks_grpc(grpc: Any, url: str, metadata: Any, output: str) -> None:
    assert grpc.is_server_live() and grpc.is_server_ready() and grpc.is_model_ready(MODEL)
    answer = grpc.infer(MODEL, triton_inputs(tritongrpc, metadata, 3), request_id="g-1")
    assert answer.get_response().id == "g-1"
    assert answer.as_numpy(output) == pytest.approx([first(url, metadata)] * 3)


def test_grpc_metadata_settings_statistics_and_index(grpc: Any, metadata: Any) -> None:
    assert grpc.get_server_metadata().name == "gingham"
    model = grpc.get_model_metadata(MODEL)
    assert [tensor.name for tensor in model.inputs] == [tensor["name"] for tensor in metadata["inputs"]]
    assert grpc.get_model_config(MODEL).config.name == MODEL
    assert grpc.get_inference_statistics(MODEL).model_stats[0].name == MODEL
    assert MODEL in [entry.name for entry in grpc.get_model_repository_index().models]


def test_grpc_outputs_come_in_the_order_asked_for(grpc: Any, metadata: Any, output: str) -> None:
    wanted = [tritongrpc.InferRequestedOutput(name) for name in (OUTPUT_ID, output)]
    answer = grpc.infer(MODEL, triton_inputs(tritongrpc, metadata, 1), outputs=wanted)
    assert [tensor.name for tensor in answer.get_response().outputs] == [OUTPUT_ID, output]
    assert len(answer.as_numpy(OUTPUT_ID)[0]) == 36


def test_grpc_failures_have_their_codes(grpc: Any, metadata: Any) -> None:
    inputs = triton_inputs(tritongrpc, metadata, 1)
    with pytest.raises(InferenceServerException) as unknown:
        grpc.infer("nothing", inputs)
    assert unknown.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(InferenceServerException) as version:
        grpc.infer(MODEL, inputs, model_version="9999")
    assert version.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(InferenceServerException) as missing:
        grpc.infer(MODEL, [inputs[0], inputs[0]])
    assert missing.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_grpc_takes_messages_beyond_four_mebibytes(grpc: Any, metadata: Any, output: str) -> None:
    rows = 10_000
    inputs = triton_inputs(tritongrpc, metadata, rows)
    words = next(field["name"] for field in metadata["inputs"] if field["datatype"] == "BYTES")
    long = tritongrpc.InferInput(words, [rows], "BYTES")
    long.set_data_from_numpy(numpy.array(["a" * 600] * rows, dtype=object))
    inputs = [long if tensor.name() == words else tensor for tensor in inputs]
    assert grpc.infer(MODEL, inputs).as_numpy(output).shape == (rows,)


def test_grpc_and_rest_agree_to_the_bit(grpc: Any, http: Any, metadata: Any, output: str) -> None:
    by_grpc = grpc.infer(MODEL, triton_inputs(tritongrpc, metadata, 5)).as_numpy(output)
    by_rest = http.infer(MODEL, triton_inputs(tritonhttp, metadata, 5)).as_numpy(output)
    assert (by_grpc == by_rest).all()


@pytest.mark.parametrize(
    "content",
    [
        {"dataframe_records": [NUMBERS | WORDS]},
        {"dataframe_split": {"columns": list(NUMBERS | WORDS), "data": [list((NUMBERS | WORDS).values())]}},
        {"instances": [NUMBERS | WORDS]},
        {"inputs": {name: [value] for name, value in (NUMBERS | WORDS).items()}},
    ],
)
def test_mlflow_formats_are_taken(url: str, metadata: Any, content: Any) -> None:
    answer = requests.post(f"{url}/serve/{MODEL}/invocations", json=content, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == pytest.approx([first(url, metadata)])
    assert requests.get(f"{url}/serve/{MODEL}/ping", timeout=10).status_code == 200


def test_mlflow_csv_is_taken(url: str, metadata: Any) -> None:
    row = NUMBERS | WORDS
    table = ",".join(row) + "\n" + ",".join(str(value) for value in row.values()) + "\n"
    answer = requests.post(
        f"{url}/serve/{MODEL}/invocations", data=table, headers={"content-type": "text/csv"}, timeout=10
    )
    assert answer.json()["predictions"] == pytest.approx([first(url, metadata)])


def test_the_plain_endpoint_answers_as_its_document_says(url: str) -> None:
    document = requests.get(f"{url}/serve/{MODEL}/openapi.json", timeout=10).json()
    answer = requests.post(f"{url}/serve/{MODEL}/predict", json=NUMBERS | WORDS, timeout=10).json()
    schema = document["components"]["schemas"]["Answer"]
    assert set(answer) == set(schema["required"])
    assert document["components"]["schemas"]["Row"]["additionalProperties"] is False
