"""The Open Inference Protocol, as Triton's client and plain requests speak it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import numpy
import pytest
import requests

from traffic_row import NUMBERS, WORDS, array

tritonhttp = pytest.importorskip("tritonclient.http")



@pytest.fixture(scope="module")
def triton(url: str) -> Any:
    client = tritonhttp.InferenceServerClient(urlsplit(url).netloc)
    yield client
    client.close()


def inputs_of(metadata: Any, rows: int) -> list[Any]:
    tensors = []
    for field in metadata["inputs"]:
        name, datatype = field["name"], field["datatype"]
        tensor = tritonhttp.InferInput(name, [rows], datatype)
        values = array(field, rows, numpy.int64 if datatype == "INT64" else numpy.float64)
        tensor.set_data_from_numpy(values, binary_data=False)
        tensors.append(tensor)
    return tensors


def test_triton_finds_a_live_and_ready_server(triton: Any) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("traffic")
    assert not triton.is_model_ready("no-such-model")


def test_triton_reads_metadata(triton: Any) -> None:
    assert triton.get_server_metadata()["name"]
    metadata = triton.get_model_metadata("traffic")
    assert metadata["name"] == "traffic"
    assert {field["name"] for field in metadata["inputs"]} >= set(NUMBERS) | set(WORDS)


def test_triton_infers_by_name_in_json(triton: Any) -> None:
    metadata = triton.get_model_metadata("traffic")
    wanted = [tritonhttp.InferRequestedOutput(metadata["outputs"][0]["name"], binary_data=False)]
    answer = triton.infer("traffic", inputs_of(metadata, 3), outputs=wanted, request_id="r-7")
    volumes = answer.as_numpy(metadata["outputs"][0]["name"])
    assert volumes.shape[0] == 3
    assert (volumes > 3000).all() and numpy.ptp(volumes) == 0
    assert answer.get_response()["id"] == "r-7"


def test_triton_is_told_what_is_wrong(triton: Any) -> None:
    tensor = tritonhttp.InferInput("humidity", [1], "FP64")
    tensor.set_data_from_numpy(numpy.array([1.0]), binary_data=False)
    with pytest.raises(Exception, match="humidity"):
        triton.infer("traffic", [tensor])


def test_plain_requests_infer(url: str) -> None:
    metadata = requests.get(f"{url}/v2/models/traffic", timeout=10).json()
    everything: dict[str, Any] = {**NUMBERS, **WORDS}
    body = {
        "id": "a",
        "inputs": [
            {"name": field["name"], "datatype": field["datatype"], "shape": [1], "data": [everything[field["name"]]]}
            for field in metadata["inputs"]
        ],
    }
    answer = requests.post(f"{url}/v2/models/traffic/infer", json=body, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == "a"
    assert answer.json()["outputs"][0]["data"][0] > 3000


def test_a_request_that_does_not_fit_is_400_and_names_the_field(url: str) -> None:
    body = {"inputs": [{"name": "hour", "datatype": "BYTES", "shape": [1], "data": ["five"]}]}
    answer = requests.post(f"{url}/v2/models/traffic/infer", json=body, timeout=10)
    assert answer.status_code == 400
    assert "hour" in answer.text


def test_an_unknown_model_is_404(url: str) -> None:
    assert requests.get(f"{url}/v2/models/no-such-model", timeout=10).status_code == 404
    answer = requests.post(f"{url}/v2/models/no-such-model/infer", json={"inputs": []}, timeout=10)
    assert answer.status_code == 404
