"""Artifacts: the proxy, listings, downloads for pages, and the ways that a folder on disk does not support."""

from __future__ import annotations

from .world import World

PROXY = "/api/2.0/mlflow-artifacts"


def up_listed_down_and_away(w: World) -> None:
    one = w.experiment()
    run = w.run(one)
    root = f"{one}/{run}/artifacts"
    for path, content in [("notes.txt", b"seen"), ("deep/folder/x.bin", bytes(range(256))), ("deep/a b.txt", b"with space"), ("empty", b""), ("ümlaut.txt", b"u")]:
        w.call("PUT", f"{PROXY}/artifacts/{root}/{path}", raw=content)
    w.case("over it").call("PUT", f"{PROXY}/artifacts/{root}/notes.txt", raw=b"seen again")
    w.get("artifacts/list", run_id=run)
    w.case("by its old name").get("artifacts/list", run_uuid=run)
    w.get("artifacts/list", run_id=run, path="deep")
    w.get("artifacts/list", run_id=run, path="deep/folder")
    w.get("artifacts/list", run_id=run, path="deep/")
    w.case("a file").get("artifacts/list", run_id=run, path="notes.txt")
    w.get("artifacts/list", run_id=run, path="nothing")
    w.get("artifacts/list")
    w.get("artifacts/list", run_id="nobody")
    w.get("artifacts/list", run_id=run, path="../..")
    w.get("artifacts/list", run_id=run, path="/etc")
    w.get(f"{PROXY}/artifacts", path=root)
    w.get(f"{PROXY}/artifacts", path=f"{root}/deep")
    w.get(f"{PROXY}/artifacts", path=f"{root}/nothing")
    w.get(f"{PROXY}/artifacts", path="../..")
    w.get(f"{PROXY}/artifacts/{root}/notes.txt")
    w.get(f"{PROXY}/artifacts/{root}/deep/a b.txt")
    w.get(f"{PROXY}/artifacts/{root}/empty")
    w.get(f"{PROXY}/artifacts/{root}/ümlaut.txt")
    w.case("a file that is not there").get(f"{PROXY}/artifacts/{root}/nothing.txt")
    w.get("/get-artifact", run_id=run, path="notes.txt")
    w.get("/get-artifact", run_uuid=run, path="deep/a b.txt")
    w.get("/get-artifact", run_id=run, path="../artifacts/notes.txt")
    w.get("/get-artifact", run_id="nobody", path="notes.txt")
    w.case("through the pages' prefix").get(f"/ajax-api/2.0/mlflow-artifacts/artifacts/{root}/notes.txt")
    w.delete(f"{PROXY}/artifacts/{root}/notes.txt")
    w.case("gone").get(f"{PROXY}/artifacts/{root}/notes.txt")
    w.delete(f"{PROXY}/artifacts/{root}/deep")
    w.get("artifacts/list", run_id=run)
    w.case("away with what is not there").delete(f"{PROXY}/artifacts/{root}/nothing.txt")
    w.case("all of it").delete(f"{PROXY}/artifacts/{root}")
    w.get("artifacts/list", run_id=run)


def files_of_a_version(w: World) -> None:
    name = w.model()
    one = w.experiment()
    run = w.run(one)
    w.call("PUT", f"{PROXY}/artifacts/{one}/{run}/artifacts/model/MLmodel", raw=b"flavors: {}")
    w.quietly("POST", "model-versions/create", {"name": name, "source": f"mlflow-artifacts:/{one}/{run}/artifacts/model", "run_id": run})
    w.get("/model-versions/get-artifact", name=name, version="1", path="MLmodel")
    w.get("/model-versions/get-artifact", name=name, version="1", path="../model/MLmodel")
    w.get("/model-versions/get-artifact", name=name, version="9", path="MLmodel")


def uploads_in_parts(w: World) -> None:
    one = w.experiment()
    run = w.run(one)
    path = f"{one}/{run}/artifacts/big.bin"
    w.post(f"{PROXY}/mpu/create/{path}", {"path": f"{run}/artifacts", "num_parts": 2})
    w.post(f"{PROXY}/mpu/complete/{path}", {"path": f"{run}/artifacts", "upload_id": "x", "parts": []})
    w.post(f"{PROXY}/mpu/abort/{path}", {"path": f"{run}/artifacts", "upload_id": "x"})
    w.get(f"{PROXY}/presigned/{path}")
    for body in [{"run_id": run, "path": "big.bin"}, {"path": "big.bin"}, {"run_id": run}, {"run_id": "nobody", "path": "big.bin"}, {"run_id": run, "path": "../big.bin"}]:
        w.post("artifacts/presigned-upload-url", body)


def uploads_from_pages(w: World) -> None:
    one = w.experiment()
    run = w.run(one)
    path = "/ajax-api/2.0/mlflow/upload-artifact"
    w.call("POST", path, query={"run_uuid": run, "path": "a/b.txt"}, raw=b"hello")
    w.call("GET", "artifacts/list", query={"run_id": run, "path": "a"})
    w.call("POST", path, query={"run_uuid": run}, raw=b"hello")
    w.call("POST", path, query={"path": "a.txt"}, raw=b"hello")
    w.call("POST", path, query={"run_uuid": run, "path": "../a.txt"}, raw=b"hello")
    w.call("POST", path, query={"run_uuid": run, "path": "empty.txt"}, raw=b"")


SCENARIOS = [up_listed_down_and_away, files_of_a_version, uploads_in_parts, uploads_from_pages]
