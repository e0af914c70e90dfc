"""A server of their own for the tests of workers: they kill processes and start it anew."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnxruntime
import pandas as pd
import pytest

with warnings.catch_warnings():
    # MLflow warns of its own type hints.
    warnings.simplefilter("ignore")
    import mlflow.pyfunc

UV = Path(sys.executable).parent / "uv"
#: ONNX Runtime for processors, out of its wheel.
RUNTIME = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"), "")


class Refused(Exception):
    """What a server says when it says no."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status


class Server:
    """`gingham up` in a folder."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(folder.with_suffix(".log"), "ab")
        command = [os.environ["GINGHAM_BINARY"], "up", "--data", str(folder), "--port", str(self.port)]
        environment = {**os.environ, "GINGHAM_UV": str(UV), "GINGHAM_PYTHON_CALL_SECONDS": "5"}
        environment |= {"ORT_DYLIB_PATH": str(RUNTIME), **variables}
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=2).close()
                return
            except OSError:
                assert self.process.poll() is None, folder.with_suffix(".log").read_text()[-2000:]
                assert time.monotonic() < deadline, "the server is not ready"
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", data, {"content-type": "application/json", **headers}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=1800) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from error

    def infer(self, name: str, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """All outputs for these rows, by the Open Inference Protocol."""
        answer = self.call("POST", f"/v2/models/{name}/infer", {"inputs": tensors(frame)})
        return {output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in answer["outputs"]}

    def workers(self) -> list[int]:
        """The processes of workers."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                parent = (folder / "stat").read_text().rsplit(") ", 1)[1].split()[1]
                command = (folder / "cmdline").read_bytes()
            except (OSError, IndexError):
                continue
            if parent == str(self.process.pid) and b"One worker of Gingham" in command:
                found.append(int(folder.name))
        return found


def tensors(frame: pd.DataFrame) -> list[dict[str, Any]]:
    def tensor(name: str) -> dict[str, Any]:
        column = frame[name]
        words = not pd.api.types.is_numeric_dtype(column)
        data = [None if pd.isna(value) else value for value in column.tolist()]
        return {"name": name, "shape": [len(frame)], "datatype": "BYTES" if words else "FP64", "data": data}

    return [tensor(name) for name in frame]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get("GINGHAM_BINARY"):
        pytest.skip("GINGHAM_BINARY names no program; `cargo xtask test workers` builds one")
    return tmp_path_factory.mktemp("workers") / "data"


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    yield server
    server.stop()


@pytest.fixture
def register(server: Server) -> Callable[..., str]:
    """Logs a model with MLflow's client and registers it as a version; answers its name."""

    def registered(log: Callable[[str], Any], name: str | None = None) -> str:
        name = name or f"model-{uuid.uuid4().hex[:8]}"
        mlflow.set_tracking_uri(server.url)
        mlflow.set_experiment("workers")
        with mlflow.start_run():
            log(name)
        return name

    return registered


def promote(name: str, version: int = 1) -> None:
    mlflow.MlflowClient().set_registered_model_alias(name, "champion", str(version))


@pytest.fixture
def serve(server: Server, register: Callable[..., str]) -> Callable[..., str]:
    """The same, and lets an endpoint of that name answer with it."""

    def served(log: Callable[[str], Any]) -> str:
        name = register(log)
        promote(name)
        server.call("POST", "/api/v1/deployments", {"model": name})
        return name

    return served


def rows(count: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers with holes and words with holes, and which of three classes each row is of."""
    random = np.random.default_rng(4)
    height, weight = random.normal(size=count), random.normal(size=count)
    frame = pd.DataFrame({"height": height, "weight": weight})
    classes = np.array(["high", "low", "mid"])
    return frame, classes[(np.where(height > 0.5, 0, np.where(height < -0.5, 1, 2))).astype(int)]
