"""`gingham data` and a server's artifacts in Google Cloud Storage and Azure. The first is a double of the XML API that
comes with these tests; the second is Microsoft's Azurite, where GINGHAM_AZURITE names its program (`npm install azurite`
takes two minutes, so that nobody waits for it unasked)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import gcs_double
import pytest
import requests
from test_artifacts import Data, digest_of, free_port, journey, noise, wait_for

AZURITE_ACCOUNT = "devstoreaccount1"
# The key that every Azurite has; it is printed in its documentation.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture(scope="module")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    return path


class Cloud:
    def __init__(self, remote: str, environment: dict[str, str], bucket: gcs_double.Bucket | None) -> None:
        self.remote = remote
        self.environment = {**environment, "NO_PROXY": "127.0.0.1,localhost"}
        self.bucket = bucket


@pytest.fixture(scope="module")
def google() -> Iterator[Cloud]:
    server, bucket = gcs_double.serve()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    account = {
        "private_key": "private_key", "private_key_id": "private_key_id", "client_email": "client_email",
        "disable_oauth": True, "gcs_base_url": f"http://127.0.0.1:{server.server_port}",
    }
    environment = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account), "GOOGLE_ALLOW_HTTP": "true"}
    yield Cloud("gs://gingham-data/team", environment, bucket)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    program = os.environ.get("GINGHAM_AZURITE")
    if not program:
        pytest.skip("GINGHAM_AZURITE names no Azurite")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [program, "--silent", "--skipApiVersionCheck", "--blobPort", str(port), "--location",
         str(tmp_path_factory.mktemp("azurite"))],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address, process)
        make_container(address, "gingham-data")
        environment = {
            "AZURE_STORAGE_ACCOUNT_NAME": AZURITE_ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": AZURITE_KEY,
            "AZURE_STORAGE_ENDPOINT": f"{address}/{AZURITE_ACCOUNT}", "AZURE_ALLOW_HTTP": "true",
        }
        yield Cloud("az://gingham-data/team", environment, None)
    finally:
        process.kill()
        process.wait()


def make_container(address: str, container: str) -> None:
    """Signed as Azure's documents on Shared Key say."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    resource = f"/{AZURITE_ACCOUNT}/{AZURITE_ACCOUNT}/{container}\nrestype:container"
    own = "\n".join(f"{name}:{value}" for name, value in sorted(headers.items()))
    text = "PUT\n" + "\n" * 11 + own + "\n" + resource
    signature = hmac.new(base64.b64decode(AZURITE_KEY), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {AZURITE_ACCOUNT}:{base64.b64encode(signature).decode()}"
    made = requests.put(
        f"{address}/{AZURITE_ACCOUNT}/{container}?restype=container", headers={**headers, "Content-Length": "0"}
    )
    assert made.status_code == 201, made.text


@pytest.fixture(params=["google", "azure"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    found: Cloud = request.getfixturevalue(request.param)
    return found


def test_data_goes_to_a_bucket_and_back(binary: str, cloud: Cloud, tmp_path: Path) -> None:
    journey(binary, tmp_path, ["--to", cloud.remote], ["--from", cloud.remote], cloud.environment)


def test_pushes_at_once_all_become_versions(binary: str, cloud: Cloud, tmp_path: Path) -> None:
    homes = []
    for number in range(4):
        home = Data(binary, tmp_path / f"home-{number}", cloud.environment)
        (home.folder / "d").mkdir()
        (home.folder / "d/file").write_bytes(noise(100 + number, 300_000))
        home("add", "d")
        homes.append(home)
    remote = f"{cloud.remote}/racing"
    pushing = [
        subprocess.Popen(
            [binary, "data", "push", "d", "--to", remote], cwd=home.folder, env=home.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for home in homes
    ]
    for process in pushing:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    for number in range(1, 5):
        homes[0]("pull", f"d@{number}", "--from", remote, "--into", f"v{number}")
    versions = {(homes[0].folder / f"v{number}/file").read_bytes() for number in range(1, 5)}
    assert versions == {noise(100 + number, 300_000) for number in range(4)}


def test_a_store_that_fails_half_way_shows_nothing_and_a_second_push_carries_on(
    binary: str, google: Cloud, tmp_path: Path
) -> None:
    assert google.bucket is not None
    remote = f"{google.remote}/failing"
    here = Data(binary, tmp_path / "here", google.environment)
    (here.folder / "d").mkdir()
    for number in range(40):
        (here.folder / f"d/{number}").write_bytes(noise(number, 2_000_000))
    here("add", "d")
    # The push writes a few packs and then its name: it fails at each of these places once.
    for allowed in (0, 1, 2, 3, 4):
        with google.bucket.lock:
            google.bucket.fail_puts_after = allowed
        pushed = subprocess.run(
            [binary, "data", "push", "d", "--to", remote], cwd=here.folder, env=here.environment,
            capture_output=True, text=True, timeout=120,
        )
        with google.bucket.lock:
            left = google.bucket.fail_puts_after
            google.bucket.fail_puts_after = None
        if pushed.returncode == 0:
            assert left is not None and left >= 0
            break
        assert "the object store cannot" in pushed.stderr, pushed.stderr
        there = Data(binary, tmp_path / f"there-{allowed}", google.environment)
        nothing = subprocess.run(
            [binary, "data", "pull", "d", "--from", remote], cwd=there.folder, env=there.environment,
            capture_output=True, text=True, timeout=120,
        )
        assert nothing.returncode != 0 and "d" in nothing.stderr, nothing.stdout
    here("push", "d", "--to", remote)
    there = Data(binary, tmp_path / "there", google.environment)
    there("pull", "d", "--from", remote)
    assert digest_of(there.folder / "d") == digest_of(here.folder / "d")
