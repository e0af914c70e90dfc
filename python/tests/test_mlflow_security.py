"""MLflow's published vulnerabilities of the path and address kind, each tried on our server.

Each attack tries to read a file that lies outside every artifact folder, to write or remove one, or to make the server
fetch an address. The marker file stands in for `/etc/passwd`: its words must never come back, and it must stay.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

Fresh = Callable[[str], str]

SECRET = b"root:x:0:0:this must never be served"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
CLIMB = "../" * 14


class Server:
    """Requests as they are written: nothing tidies paths on their way."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def raw(self, method: str, target: str, body: bytes | None = None, host: str | None = None) -> tuple[int, bytes]:
        at = urlsplit(self.url)
        connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=host is not None, skip_accept_encoding=True)
            connection.putheader("Content-Type", "application/json")
            if host is not None:
                connection.putheader("Host", host)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: Any) -> requests.Response:
        return self._session.post(f"{self.url}/api/2.0/mlflow/{path}", json=body, timeout=30)

    def made(self, path: str, body: Any) -> Any:
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self, experiment: str = "0") -> str:
        return str(self.made("runs/create", {"experiment_id": experiment, "start_time": 1})["run"]["info"]["run_id"])


@pytest.fixture
def server(url: str) -> Server:
    return Server(url)


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "passwd"
    file.write_bytes(SECRET)
    yield file
    assert file.read_bytes() == SECRET, "the file outside was changed"


def refused(status: int, body: bytes) -> None:
    assert SECRET not in body
    assert 400 <= status < 500, f"{status} {body[:300]!r}"


# Ways to write a path that leads from the artifact root to the marker.
PATHS = {
    "plain dots (issue 7166)": lambda p: CLIMB + p.lstrip("/"),
    "absolute (CVE-2023-3765)": lambda p: p,
    "two slashes (CVE-2023-6977)": lambda p: "/" + p,
    "encoded slash (CVE-2023-6831)": lambda p: "..%2f" * 14 + p.lstrip("/"),
    "encoded dots (CVE-2023-6753)": lambda p: "%2e%2e/" * 14 + p.lstrip("/"),
    "all encoded": lambda p: quote(CLIMB + p.lstrip("/"), safe="").replace(".", "%2e"),
    "encoded twice (CVE-2024-1560)": lambda p: "%252e%252e%252f" * 14 + p.lstrip("/"),
    "encoded three times": lambda p: "%25252e%25252e%25252f" * 14 + p.lstrip("/"),
    "backslashes (CVE-2023-2780)": lambda p: "..\\" * 14 + p.lstrip("/").replace("/", "\\"),
    "encoded backslashes": lambda p: "..%5c" * 14 + p.lstrip("/"),
    "semicolon (CVE-2024-1593)": lambda p: ";/" + CLIMB + p.lstrip("/"),
    "fragment (CVE-2024-2928)": lambda p: "x%23/" + CLIMB + p.lstrip("/"),
    "zero byte": lambda p: CLIMB + p.lstrip("/") + "%00.txt",
    "a file address": lambda p: "file://" + p,
    "a drive": lambda p: "C:\\" + p,
    "a share": lambda p: "\\\\host\\share\\" + p,
    "inside a folder that is there": lambda p: "0/../../../" + CLIMB + p.lstrip("/"),
    "dots and spaces": lambda p: ".. /" * 14 + p.lstrip("/"),
    "overlong dots": lambda p: "%c0%ae%c0%ae/" * 14 + p.lstrip("/"),
}


@pytest.mark.parametrize("way", PATHS)
def test_the_proxy_serves_lists_and_removes_nothing_outside(server: Server, marker: Path, way: str) -> None:
    path = PATHS[way](str(marker))
    for target in [f"{PROXY}/{path}", f"/ajax-api/2.0/mlflow-artifacts/artifacts/{path}"]:
        status, body = server.raw("GET", target.replace(" ", "%20").replace("\\", "%5c"))
        refused(status, body)
        status, _ = server.raw("DELETE", target.replace(" ", "%20").replace("\\", "%5c"))
        # Removing what is not there is done already; the marker stays either way.
        assert status < 500
    status, body = server.raw("GET", f"{PROXY}?path={quote(path, safe='%')}")
    # A listing of something that does not exist is empty, as in MLflow; it never shows what lies outside.
    assert status < 500 and marker.name.encode() not in body


@pytest.mark.parametrize("way", PATHS)
def test_the_proxy_writes_nothing_outside(server: Server, tmp_path: Path, way: str) -> None:
    # CVE-2023-6015, CVE-2023-6018, CVE-2023-6975 and CVE-2023-6976.
    planted = tmp_path / "planted"
    path = PATHS[way](str(planted)).replace(" ", "%20").replace("\\", "%5c")
    status, _ = server.raw("PUT", f"{PROXY}/{path}", b"planted")
    assert not planted.exists()
    assert status < 500
    assert sorted(os.listdir(tmp_path)) == []


@pytest.mark.parametrize("way", PATHS)
def test_uploads_in_parts_and_from_pages_write_nothing_outside(server: Server, tmp_path: Path, way: str) -> None:
    # The ways in that came later: CVE-2026-2651 was about the first.
    run, planted = server.run(), tmp_path / "planted"
    path = PATHS[way](str(planted)).replace(" ", "%20").replace("\\", "%5c")
    status, answer = server.raw("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{path}", b'{"path": "planted", "num_parts": 1}')
    assert status < 500
    if status == 200:
        upload = json.loads(answer)
        part = upload["credentials"][0]
        put = requests.put(part["url"], data=b"planted", headers=part["headers"], timeout=30)
        parts = [{"part_number": 1, "etag": put.headers.get("ETag", ""), "url": part["url"]}]
        whole = json.dumps({"path": "planted", "upload_id": upload["upload_id"], "parts": parts}).encode()
        assert server.raw("POST", f"/api/2.0/mlflow-artifacts/mpu/complete/{path}", whole)[0] < 500
    target = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path={quote(path, safe='%')}"
    assert server.raw("POST", target, b"planted")[0] < 500
    presigned = server.post("artifacts/presigned-upload-url", {"run_id": run, "path": PATHS[way](str(planted))})
    refused(presigned.status_code, presigned.content)
    assert sorted(os.listdir(tmp_path)) == []


@pytest.mark.parametrize("way", PATHS)
def test_no_address_is_given_for_a_file_outside(server: Server, marker: Path, way: str) -> None:
    path = PATHS[way](str(marker)).replace(" ", "%20").replace("\\", "%5c")
    refused(*server.raw("GET", f"/api/2.0/mlflow-artifacts/presigned/{path}"))


@pytest.mark.parametrize("way", PATHS)
def test_the_pages_download_nothing_outside(server: Server, marker: Path, way: str) -> None:
    run = server.run()
    path = quote(PATHS[way](str(marker)), safe="%")
    refused(*server.raw("GET", f"/get-artifact?run_id={run}&path={path}"))
    refused(*server.raw("GET", f"/get-artifact?run_uuid={run}&path={path}"))
    status, body = server.raw("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}")
    assert status < 500 and marker.name.encode() not in body.replace(path.encode(), b"")


# Roots that an experiment may not have.
LOCATIONS = {
    "query (CVE-2023-6909)": f"http:///?/{CLIMB}etc/",
    "fragment (CVE-2024-1483)": f"http:///#/{CLIMB}etc/",
    "fragment and query (CVE-2024-3848)": f"http:///x?a=b#/{CLIMB}etc/",
    "climbing": f"mlflow-artifacts:/{CLIMB}etc",
    "climbing in a bucket": "s3://bucket/a/../../b",
    "climbing in a file system of others (CVE-2024-8859)": f"dbfs:/{CLIMB}etc",
    "encoded dots": "mlflow-artifacts:/%2e%2e/%2e%2e/etc",
    "encoded twice": "mlflow-artifacts:/%252e%252e/etc",
    "another run (CVE-2024-1594)": "runs:/0123/x#/../../etc",
    "backslashes": "mlflow-artifacts:\\..\\..\\etc",
    "zero byte": "mlflow-artifacts:/a\0b",
}


@pytest.mark.parametrize("what", LOCATIONS)
def test_an_experiment_cannot_be_rooted_elsewhere(server: Server, fresh: Fresh, what: str) -> None:
    answer = server.post("experiments/create", {"name": fresh("attack"), "artifact_location": LOCATIONS[what]})
    refused(answer.status_code, answer.content)


@pytest.mark.parametrize("scheme", ["file://{}", "{}", "file:{}", "//{}", "FILE://{}", "file://localhost{}", "//proc/self/root{}"])
def test_an_experiment_on_the_servers_disk_is_not_read(server: Server, marker: Path, fresh: Fresh, scheme: str) -> None:
    # CVE-2024-3573 and CVE-2023-6977: whatever the root is called, the server reads only what it keeps itself.
    location = scheme.format(marker.parent)
    answer = server.post("experiments/create", {"name": fresh("attack"), "artifact_location": location})
    if answer.status_code == 200:
        run = server.run(answer.json()["experiment_id"])
        refused(*server.raw("GET", f"/get-artifact?run_id={run}&path={marker.name}"))
        refused(*server.raw("GET", f"/get-artifact?run_id={run}&path=../../{marker.name}"))
        status, body = server.raw("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run}")
        assert status < 500 and b'"files"' not in body
    else:
        refused(answer.status_code, answer.content)


# Sources that a version may not have, with the folder of the marker in place of `{}`.
SOURCES = {
    "a folder of the server (CVE-2023-1177)": "{}",
    "its address": "file://{}",
    "its address in capitals": "FILE://{}",
    "without slashes (CVE-2024-3573)": "file:{}",
    "with a host": "file://localhost{}",
    "two slashes (CVE-2023-6977)": "//proc/self/root{}",
    "climbing through the proxy (CVE-2023-2356)": f"mlflow-artifacts:/{CLIMB}{{}}",
    "climbing with a host": f"mlflow-artifacts://host:9000/{CLIMB}{{}}",
    "climbing through http": f"http://host/api/2.0/mlflow-artifacts/artifacts/{CLIMB}{{}}",
    "encoded slashes": "mlflow-artifacts://host:9000/..%2f..%2f..%2f{}",
    "encoded (CVE-2024-1558)": "http://host/%2e%2e/%2e%2e{}",
    "encoded twice": "http://host/%252e%252e/%252e%252e{}",
    "query (CVE-2023-6909)": f"http:///?/{CLIMB}{{}}",
    "fragment (CVE-2024-2928)": f"file:///x#/{CLIMB}{{}}",
    "fragment of a bucket": f"s3://bucket/x#/{CLIMB}{{}}",
    "climbing in a file system of others (CVE-2024-8859)": f"dbfs:/{CLIMB}{{}}",
    "backslashes (CVE-2023-2780)": "file:///..\\..\\..{}",
    "relative": "./{}",
    "climbing from here": f"{CLIMB}{{}}",
    "zero byte": "mlflow-artifacts:/a\0{}",
    "a version of nobody": "models:/nobody/1",
    "a run of nobody": "runs:/nobody/model",
    "a climbing logged model": "models:/m-{}/../../etc",
}


@pytest.mark.parametrize("what", SOURCES)
def test_a_version_cannot_be_made_of_the_servers_files(server: Server, marker: Path, fresh: Fresh, what: str) -> None:
    name, run = fresh("attack"), server.run()
    server.made("registered-models/create", {"name": name})
    source = SOURCES[what].format(str(marker.parent))
    for more in [{}, {"run_id": run}]:
        answer = server.post("model-versions/create", {"name": name, "source": source, **more})
        refused(answer.status_code, answer.content)
    refused(*server.raw("GET", f"/model-versions/get-artifact?name={name}&version=1&path={marker.name}"))


@pytest.mark.parametrize("tag", [[], [{"key": "mlflow.prompt.is_prompt", "value": "true"}]])
def test_a_prompt_is_no_way_around(server: Server, marker: Path, fresh: Fresh, tag: list[dict[str, str]]) -> None:
    # CVE-2026-2614: a version tagged as a prompt could have any source.
    name = fresh("attack")
    server.made("registered-models/create", {"name": name, "tags": tag})
    for source in [str(marker.parent), f"file://{marker.parent}", f"mlflow-artifacts:/{CLIMB}{marker.parent}"]:
        answer = server.post("model-versions/create", {"name": name, "source": source, "tags": tag})
        if answer.status_code == 200:
            number = answer.json()["model_version"]["version"]
            refused(*server.raw("GET", f"/model-versions/get-artifact?name={name}&version={number}&path={marker.name}"))
        else:
            refused(answer.status_code, answer.content)


@pytest.mark.parametrize("way", PATHS)
def test_a_version_downloads_nothing_outside(server: Server, marker: Path, fresh: Fresh, way: str) -> None:
    name, run = fresh("attack"), server.run()
    server.made("registered-models/create", {"name": name})
    server.made("model-versions/create", {"name": name, "source": f"mlflow-artifacts:/0/{run}/artifacts/model", "run_id": run})
    path = quote(PATHS[way](str(marker)), safe="%")
    refused(*server.raw("GET", f"/model-versions/get-artifact?name={name}&version=1&path={path}"))


@pytest.mark.parametrize("way", PATHS)
def test_a_logged_model_downloads_nothing_outside(server: Server, marker: Path, way: str) -> None:
    model = server.made("logged-models", {"experiment_id": "0", "name": "attack"})["model"]["info"]["model_id"]
    path = quote(PATHS[way](str(marker)), safe="%")
    address = f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts"
    refused(*server.raw("GET", f"{address}/files?artifact_file_path={path}"))
    status, body = server.raw("GET", f"{address}/directories?artifact_directory_path={path}")
    assert status < 500 and marker.name.encode() not in body.replace(path.encode(), b"")


def test_a_link_in_the_artifact_folder_is_not_followed(server: Server, marker: Path) -> None:
    # What is uploaded is content under a name: a link can neither be uploaded nor, as here, be meant by a name.
    run = server.run()
    target = f"{PROXY}/0/{run}/artifacts/link"
    assert server.raw("PUT", target, str(marker).encode())[0] == 200
    status, body = server.raw("GET", f"/get-artifact?run_id={run}&path=link")
    assert (status, body) == (200, str(marker).encode())
    refused(*server.raw("GET", f"/get-artifact?run_id={run}&path=link/passwd"))


def test_an_archive_stays_an_archive(server: Server) -> None:
    # CVE-2025-15031, CVE-2025-15036 and their like unpack archives whose members climb; the server unpacks nothing.
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("../../../../tmp/planted-by-an-archive")
        member.size = 7
        archive.addfile(member, io.BytesIO(b"planted"))
    run = server.run()
    target = f"{PROXY}/0/{run}/artifacts/model.tar.gz"
    assert server.raw("PUT", target, packed.getvalue())[0] == 200
    assert server.raw("GET", target)[1] == packed.getvalue()
    assert not Path("/tmp/planted-by-an-archive").exists()


def test_no_address_is_fetched_for_a_source(server: Server, fresh: Fresh) -> None:
    # CVE-2023-6974 and CVE-2023-6975: a source on a host of the attacker's made the server go there.
    import socket
    import threading

    visitors = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(2)

    def wait() -> None:
        try:
            visitors.append(listener.accept())
        except TimeoutError:
            pass

    waiting = threading.Thread(target=wait)
    waiting.start()
    port = listener.getsockname()[1]
    name = fresh("attack")
    server.made("registered-models/create", {"name": name})
    for source in [f"http://127.0.0.1:{port}/model", f"mlflow-artifacts://127.0.0.1:{port}/model", f"ftp://127.0.0.1:{port}/x"]:
        answer = server.post("model-versions/create", {"name": name, "source": source})
        if answer.status_code == 200:
            number = answer.json()["model_version"]["version"]
            refused(*server.raw("GET", f"/model-versions/get-artifact?name={name}&version={number}&path=MLmodel"))
    made = server.post("experiments/create", {"name": fresh("attack"), "artifact_location": f"http://127.0.0.1:{port}/x"})
    if made.status_code == 200:
        run = server.run(made.json()["experiment_id"])
        refused(*server.raw("GET", f"/get-artifact?run_id={run}&path=x"))
        server.raw("GET", f"/api/2.0/mlflow/artifacts/list?run_id={run}")
    waiting.join()
    listener.close()
    assert visitors == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None])
def test_a_page_of_somebody_elses_changes_nothing(server: Server, fresh: Fresh, content_type: str | None) -> None:
    # What a browser sends across origins without asking (CVE-2023-43472 and the pages that drive a local server).
    name = fresh("attack")
    headers = {"Content-Type": content_type} if content_type else {}
    body = b'{"name": "' + name.encode() + b'"}'
    answer = requests.post(f"{server.url}/api/2.0/mlflow/experiments/create", data=body, headers=headers, timeout=30)
    refused(answer.status_code, answer.content)
    found = requests.get(
        f"{server.url}/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": name}, timeout=30
    )
    assert found.status_code == 404


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:5050", "127.0.0.1.attacker.example", ""])
def test_a_name_that_was_made_to_lead_here_is_not_answered_to(server: Server, host: str) -> None:
    # CVE-2025-14279: a page has its own name resolve to this machine and reads what is logged here.
    refused(*server.raw("GET", "/api/2.0/mlflow/experiments/search?max_results=1", host=host))
    refused(*server.raw("POST", "/api/2.0/mlflow/experiments/create", b'{"name": "rebound"}', host=host))
