"""What the tests share: a running server, named by GINGHAM_URL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

import gingham
from traffic_row import MODEL


@pytest.fixture(scope="session")
def url() -> str:
    address = os.environ.get("GINGHAM_URL")
    if not address:
        pytest.skip("GINGHAM_URL names no server; `cargo xtask test clients` starts one")
    return address


@pytest.fixture(scope="session")
def client(url: str) -> gingham.Client:
    return gingham.connect(url)


@pytest.fixture(scope="session")
def data() -> Path:
    folder = os.environ.get("GINGHAM_DATA")
    if not folder:
        pytest.skip("GINGHAM_DATA names no data folder; `cargo xtask test archive` makes one")
    return Path(folder)


@pytest.fixture(scope="module")
def metadata(url: str) -> Any:
    """What the model of the demo says of itself."""
    return requests.get(f"{url}/v2/models/{MODEL}", timeout=10).json()


@pytest.fixture(scope="module")
def output(metadata: Any) -> str:
    """The name of its first output."""
    return str(metadata["outputs"][0]["name"])


@pytest.fixture
def fresh() -> Callable[[str], str]:
    """Names that nobody has used before."""
    return lambda word: f"{word}-{uuid.uuid4().hex[:12]}"
