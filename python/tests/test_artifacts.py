"""Artifacts through MLflow's unmodified client, in one piece, in parts and in ranges; and `gingham data`
against a bucket of an S3-compatible server."""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

READY_WITHIN = 60.0


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        assert process.poll() is None, "the process ended before it was ready"
        try:
            requests.get(address, timeout=2)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"{address} was not ready in {READY_WITHIN} s")


@pytest.fixture(scope="module")
def binary() -> str:
    path = os.environ.get("GINGHAM_BINARY")
    if not path:
        pytest.skip("GINGHAM_BINARY names no binary; `cargo xtask test clients` does")
    return path


@pytest.fixture
def run(url: str, fresh: Callable[[str], str]) -> Iterator[str]:
    import mlflow

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment(fresh("artifacts"))
    with mlflow.start_run() as active:
        yield active.info.run_id


def address_of(url: str, run: str, path: str) -> str:
    import mlflow

    location = mlflow.get_run(run).info.artifact_uri.removeprefix("mlflow-artifacts:")
    return f"{url}/api/2.0/mlflow-artifacts/artifacts{location}/{path}"


def test_a_large_file_is_sent_and_fetched_in_parts(
    url: str, run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(6 << 20))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 << 20))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(5 << 20))
    content = noise(1, (17 << 20) + 12_345)
    file = tmp_path / "large model.bin"
    file.write_bytes(content)
    mlflow.log_artifact(str(file), "deep/er")
    back = mlflow.artifacts.download_artifacts(
        run_id=run, artifact_path="deep/er/large model.bin", dst_path=str(tmp_path / "back")
    )
    assert Path(back).read_bytes() == content


def test_ranges_tags_and_conditions(url: str, run: str, tmp_path: Path) -> None:
    import mlflow

    content = noise(2, 3_000_000)
    file = tmp_path / "f.bin"
    file.write_bytes(content)
    mlflow.log_artifact(str(file))
    address = address_of(url, run, "f.bin")
    whole = requests.get(address)
    assert whole.status_code == 200 and whole.content == content
    assert whole.headers["Accept-Ranges"] == "bytes"
    tag = whole.headers["ETag"]
    part = requests.get(address, headers={"Range": "bytes=1000000-1999999"})
    assert part.status_code == 206 and part.content == content[1_000_000:2_000_000]
    assert part.headers["Content-Range"] == "bytes 1000000-1999999/3000000"
    end = requests.get(address, headers={"Range": "bytes=-10", "If-Range": tag})
    assert end.status_code == 206 and end.content == content[-10:]
    other = requests.get(address, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert other.status_code == 200 and len(other.content) == 3_000_000
    beyond = requests.get(address, headers={"Range": "bytes=3000000-"})
    assert beyond.status_code == 416 and beyond.headers["Content-Range"] == "bytes */3000000"
    assert requests.get(address, headers={"If-None-Match": tag}).status_code == 304
    head = requests.head(address)
    assert head.headers["Content-Length"] == "3000000" and head.headers["ETag"] == tag
    assert requests.delete(address).status_code == 200
    assert requests.get(address).status_code == 404


def test_a_sender_that_disappears_leaves_nothing(url: str, run: str) -> None:
    address = address_of(url, run, "broken.bin")
    host, port = url.removeprefix("http://").split(":")
    path = address.removeprefix(url)
    with socket.create_connection((host, int(port))) as connection:
        head = f"PUT {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head.encode() + noise(3, 4_000_000))
    assert requests.get(address).status_code == 404
    upload = requests.post(
        address.replace("/artifacts/", "/mpu/create/", 1).rsplit("/", 1)[0],
        json={"path": "/tmp/never.bin", "num_parts": 2},
    ).json()
    first = upload["credentials"][0]
    assert requests.put(first["url"], data=noise(4, 500_000), headers=first["headers"]).ok
    completed = requests.post(
        address.replace("/artifacts/", "/mpu/complete/", 1).rsplit("/", 1)[0],
        json={
            "path": "never.bin",
            "upload_id": upload["upload_id"],
            "parts": [{"part_number": 2, "etag": "0" * 64, "url": ""}],
        },
    )
    assert completed.status_code == 400
    assert requests.get(address_of(url, run, "never.bin")).status_code == 404


def test_small_requests_are_answered_while_a_large_file_streams(url: str, run: str) -> None:
    address = address_of(url, run, "stream.bin")
    slowest = 0.0

    def body() -> Iterator[bytes]:
        nonlocal slowest
        block = noise(5, 1 << 20)
        for number in range(96):
            yield number.to_bytes(8, "little") + block
            start = time.monotonic()
            assert requests.get(f"{url}/health", timeout=10).ok
            slowest = max(slowest, time.monotonic() - start)

    assert requests.put(address, data=body()).ok
    assert slowest < 5.0, f"a small request waited {slowest:.1f} s"
    assert requests.get(address, headers={"Range": "bytes=0-7"}).content == (0).to_bytes(8, "little")


# --- gingham data, and a bucket --------------------------------------------------------------------------


class Data:
    """`gingham data` in a folder of its own."""

    def __init__(self, binary: str, folder: Path, environment: dict[str, str]) -> None:
        self.binary, self.folder = binary, folder
        self.environment = {**os.environ, **environment, "NO_COLOR": "1"}
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, *words: str, code: int = 0) -> dict | list:
        ran = subprocess.run(
            [self.binary, "data", *words, "--json"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300,
        )
        assert ran.returncode == code, ran.stderr + ran.stdout
        return json.loads(ran.stdout) if ran.stdout.strip() else {}


def digest_of(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".gingham" not in path.parts)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def fill(folder: Path) -> None:
    folder.mkdir()
    for number in range(200):
        (folder / f"row-{number}.csv").write_text(f"{number},{number * 2}\n" * 50)
    (folder / "images").mkdir()
    (folder / "images/large.bin").write_bytes(noise(6, 9_000_000))


def journey(binary: str, folder: Path, remote: list[str], back: list[str], environment: dict[str, str]) -> None:
    here = Data(binary, folder / "here", environment)
    fill(here.folder / "photos")
    first = here("add", "photos", "-m", "first")
    assert first["version"]["number"] == 1 and first["version"]["files"] == 201
    sent = here("push", "photos", *remote)[0]["moved"]
    assert sent["sent_bytes"] > 9_000_000
    assert here("push", "photos", *remote)[0]["moved"]["sent_bytes"] == 0

    changed = bytearray((here.folder / "photos/images/large.bin").read_bytes())
    changed[4_000_000:4_000_000] = b"put in the middle"
    (here.folder / "photos/images/large.bin").write_bytes(changed)
    (here.folder / "photos/row-7.csv").unlink()
    second = here("add", "photos")
    assert second["version"]["number"] == 2 and second["stored_bytes"] < 1_000_000
    changes = here("diff", "photos@1", "photos@2")["changes"]
    assert {(change["change"], change["path"]) for change in changes} == {
        ("changed", "images/large.bin"), ("removed", "row-7.csv"),
    }
    assert here("push", "photos", *remote)[0]["moved"]["sent_bytes"] < 1_000_000

    there = Data(binary, folder / "there", environment)
    there("pull", "photos", *back)
    assert digest_of(there.folder / "photos") == digest_of(here.folder / "photos")
    there("pull", "photos@1", *back, "--into", "old")
    assert (there.folder / "old/row-7.csv").is_file()
    assert here("verify")["damaged"] == [] and there("verify")["damaged"] == []
    assert here("gc", "--dry-run", "--grace", "0s")["roots"] >= 2


def test_data_goes_to_a_server_and_back(binary: str, url: str, tmp_path: Path, fresh: Callable[[str], str]) -> None:
    # A store of its own name, so that the test can run again on the same server.
    here = Data(binary, tmp_path / "here", {"GINGHAM_URL": url})
    name = fresh("photos")
    fill(here.folder / "photos")
    here("add", "photos", "--name", name)
    assert here("push", name)[0]["moved"]["sent_bytes"] > 9_000_000
    there = Data(binary, tmp_path / "there", {"GINGHAM_URL": url})
    there("pull", name, "--into", "photos")
    assert digest_of(there.folder / "photos") == digest_of(here.folder / "photos")


def test_data_goes_to_a_folder_and_back(binary: str, tmp_path: Path) -> None:
    remote = str(tmp_path / "remote")
    journey(binary, tmp_path, ["--to", remote], ["--from", remote], {})


def test_damage_is_told_never_served_and_healed(binary: str, tmp_path: Path) -> None:
    here = Data(binary, tmp_path / "here", {})
    fill(here.folder / "photos")
    here("add", "photos")
    pack = max((here.folder / ".gingham/store/packs").rglob("*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    report = here("verify", code=2)
    assert len(report["damaged"]) == 1 and report["broken"]
    here("add", "photos", "--read-all")
    assert here("verify", code=2)["broken"] == []


def test_a_killed_add_and_push_carry_on(binary: str, tmp_path: Path) -> None:
    here = Data(binary, tmp_path / "here", {})
    fill(here.folder / "photos")
    (here.folder / "photos/more.bin").write_bytes(noise(7, 60_000_000))
    remote = str(tmp_path / "remote")
    for words in (["add", "photos"], ["push", "photos", "--to", remote]):
        for wait in (0.05, 0.15, 0.3):
            process = subprocess.Popen(
                [binary, "data", *words], cwd=here.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(wait)
            process.kill()
            process.wait()
        here(*words)
    there = Data(binary, tmp_path / "there", {})
    there("pull", "photos", "--from", remote)
    assert digest_of(there.folder / "photos") == digest_of(here.folder / "photos")
    assert there("verify")["damaged"] == [] and here("verify")["damaged"] == []


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """An S3-compatible server with a bucket, and how to reach it."""
    pytest.importorskip("moto.server", reason="moto is not installed")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(address, process)
        assert requests.put(f"{address}/gingham-data", headers={"Authorization": signed()}).ok
        yield {
            "AWS_ENDPOINT": address, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
            "NO_PROXY": "127.0.0.1,localhost",
        }
    finally:
        process.kill()
        process.wait()


def signed() -> str:
    """Moto looks at which service a signature is for, not at whether it holds."""
    return (
        "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )


def test_data_goes_to_a_bucket_and_back(binary: str, bucket: dict[str, str], tmp_path: Path) -> None:
    remote = "s3://gingham-data/team/data"
    journey(binary, tmp_path, ["--to", remote], ["--from", remote], bucket)


def test_two_pushes_at_once_both_become_versions(binary: str, bucket: dict[str, str], tmp_path: Path) -> None:
    remote = "s3://gingham-data/racing"
    homes = []
    for number in range(3):
        home = Data(binary, tmp_path / f"home-{number}", bucket)
        (home.folder / "d").mkdir()
        (home.folder / "d/file").write_bytes(noise(100 + number, 300_000))
        home("add", "d")
        homes.append(home)
    pushing = [
        subprocess.Popen(
            [binary, "data", "push", "d", "--to", remote], cwd=home.folder, env=home.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for home in homes
    ]
    for process in pushing:
        assert process.wait(timeout=120) == 0, process.stderr.read() if process.stderr else ""
        if process.stderr:
            process.stderr.close()
    for number in (1, 2, 3):
        homes[0]("pull", f"d@{number}", "--from", remote, "--into", f"v{number}")
    versions = {(homes[0].folder / f"v{number}/file").read_bytes() for number in (1, 2, 3)}
    assert versions == {noise(100 + number, 300_000) for number in range(3)}


def test_a_server_keeps_artifacts_in_a_bucket(
    binary: str, bucket: dict[str, str], tmp_path: Path, fresh: Callable[[str], str]
) -> None:
    import mlflow

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [binary, "up", "--data", str(tmp_path / "data"), "--port", str(port), "--artifacts", "s3://gingham-data/server"],
        env={**os.environ, **bucket}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"{url}/health", process)
        content = noise(8, 5_000_000)
        file = tmp_path / "model.bin"
        file.write_bytes(content)
        mlflow.set_tracking_uri(url)
        mlflow.set_experiment(fresh("bucket"))
        with mlflow.start_run() as active:
            mlflow.log_artifact(str(file), "m")
            run = active.info.run_id
        back = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="m/model.bin", dst_path=str(tmp_path / "b"))
        assert Path(back).read_bytes() == content
        for words in (["verify", "--artifacts"], ["gc", "--grace", "2m"]):
            ran = subprocess.run(
                [binary, *words, "--server", url], capture_output=True, text=True, timeout=120
            )
            assert ran.returncode == 0, ran.stderr + ran.stdout
        assert requests.get(address_of(url, run, "m/model.bin")).content == content
    finally:
        process.terminate()
        process.wait(timeout=30)
