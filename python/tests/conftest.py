"""What the tests share: a running server, named by GINGHAM_URL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

import gingham


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


@pytest.fixture
def fresh() -> Callable[[str], str]:
    """Names that nobody has used before."""
    return lambda word: f"{word}-{uuid.uuid4().hex[:12]}"
