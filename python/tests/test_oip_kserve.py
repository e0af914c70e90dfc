"""The Open Inference Protocol as KServe's own client speaks it.

The client is heavy, and its messages clash with those of Triton's client in one process, so it has an environment of its
own: `cargo xtask test kserve` makes it. Where the client is not installed these tests are skipped.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from traffic_row import MODEL, NUMBERS, WORDS, array

kserve = pytest.importorskip("kserve", reason="the `kserve` client is not installed")


def first(url: str, metadata: Any) -> float:
    inputs = [
        {
            "name": field["name"],
            "datatype": field["datatype"],
            "shape": [1],
            "data": array(field, 1).tolist(),
        }
        for field in metadata["inputs"]
    ]
    answer = requests.post(f"{url}/v2/models/{MODEL}/infer", json={"inputs": inputs}, timeout=10)
    return float(answer.json()["outputs"][0]["data"][0])


def kserve_inputs(metadata: Any, rows: int, use_binary: bool) -> list[Any]:
    inputs = []
    for field in metadata["inputs"]:
        values = array(field, rows)
        tensor = kserve.InferInput(field["name"], list(values.shape), field["datatype"])
        tensor.set_data_from_numpy(values, binary_data=use_binary)
        inputs.append(tensor)
    return inputs


@pytest.mark.parametrize("use_binary", [False, True])
def test_kserve_speaks_rest(url: str, metadata: Any, output: str, use_binary: bool) -> None:
    async def ask() -> Any:
        client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2", retries=1))
        assert await client.is_server_live(url) and await client.is_server_ready(url)
        assert await client.is_model_ready(url, MODEL)
        request = kserve.InferRequest(
            model_name=MODEL, request_id="k-1", infer_inputs=kserve_inputs(metadata, 2, use_binary)
        )
        try:
            return await client.infer(url, request, model_name=MODEL)
        finally:
            await client.close()

    answer = asyncio.run(ask())
    tensor = next(tensor for tensor in answer.outputs if tensor.name == output)
    assert tensor.as_numpy() == pytest.approx([first(url, metadata)] * 2)


def test_kserve_speaks_its_first_protocol(url: str, metadata: Any) -> None:
    async def ask() -> Any:
        client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v1", retries=1))
        try:
            return await client.infer(url, {"instances": [NUMBERS | WORDS] * 2}, model_name=MODEL)
        finally:
            await client.close()

    predictions = asyncio.run(ask())["predictions"]
    assert predictions == pytest.approx([first(url, metadata)] * 2)


@pytest.mark.parametrize("use_binary", [False, True])
def test_kserve_speaks_grpc(url: str, metadata: Any, output: str, use_binary: bool) -> None:
    async def ask() -> Any:
        client = kserve.InferenceGRPCClient(url=urlsplit(url).netloc)
        assert await client.is_server_live() and await client.is_model_ready(MODEL)
        request = kserve.InferRequest(
            model_name=MODEL, request_id="k-2", infer_inputs=kserve_inputs(metadata, 2, use_binary)
        )
        try:
            return await client.infer(request)
        finally:
            await client.close()

    answer = asyncio.run(ask())
    tensor = next(tensor for tensor in answer.outputs if tensor.name == output)
    assert tensor.as_numpy() == pytest.approx([first(url, metadata)] * 2)
