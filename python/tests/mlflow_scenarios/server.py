"""The server itself, its errors, and what came to MLflow later: webhooks, workspaces, traces."""

from __future__ import annotations

from .world import World


def about_the_server(w: World) -> None:
    w.get("/health")
    w.get("/version")
    w.get("/api/3.0/mlflow/server-info")
    w.get("/ajax-api/3.0/mlflow/server-info")


def requests_that_cannot_be_read(w: World) -> None:
    path = "experiments/create"
    kept = lambda a: sorted(a)  # noqa: E731
    for raw in [b"", b"{", b"[]", b"4", b'"text"', b"null", b"\xff\xfe"]:
        w.case(repr(raw)).call("POST", path, raw=raw, headers={"Content-Type": "application/json"}, show=kept)
    name = w.name("twice").encode()
    w.case("JSON within a JSON string").call(
        "POST", path, raw=b'"{\\"name\\": \\"' + name + b'\\"}"', headers={"Content-Type": "application/json"}, show=kept
    )
    w.case("another content type").call(
        "POST", path, raw=b'{"name": "' + w.name("plain").encode() + b'"}', headers={"Content-Type": "text/plain"}, show=kept
    )
    w.case("a charset").call(
        "POST", path, raw=b'{"name": "' + w.name("charset").encode() + b'"}', headers={"Content-Type": "application/json; charset=utf-8"}, show=kept
    )
    w.case("fields nobody knows").call("POST", path, {"name": w.name("unknown"), "colour": "red", "deep": {"a": [1]}}, show=kept)
    w.case("through the pages' prefix").call("POST", "/ajax-api/2.0/mlflow/experiments/create", {"name": w.name("ajax")}, show=kept)


def addresses_that_do_not_exist(w: World) -> None:
    w.get("nothing/here")
    w.post("nothing/here")
    w.get("/api/2.0/mlflow")
    w.get("/api/9.0/mlflow/runs/get", run_id="x")
    w.case("a method that is not allowed").delete("runs/get")


def webhooks(w: World) -> None:
    body = {"name": w.name("hook"), "url": "https://8.8.8.8/hook", "events": [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}], "description": "d", "secret": "s"}
    made = w.post("webhooks", body)
    hook = made.get("webhook", {}).get("webhook_id", "none")
    w.get(f"webhooks/{hook}")
    w.patch(f"webhooks/{hook}", {"description": "changed", "status": "DISABLED"})
    w.call("GET", "webhooks", query={"max_results": 100}, show=lambda a: any(h["webhook_id"] == hook for h in a["webhooks"]))
    for broken in [
        {**body, "name": ""}, {**body, "url": "ftp://x"}, {**body, "url": "http://127.0.0.1/x"}, {**body, "events": []},
        {**body, "events": [{"entity": "CAR", "action": "CREATED"}]}, {**body, "events": [{"entity": "REGISTERED_MODEL", "action": "DELETED"}]},
        {k: v for k, v in body.items() if k != "events"}, {k: v for k, v in body.items() if k != "url"}, {**body, "status": "SLEEPING"},
    ]:
        w.post("webhooks", broken)
    w.patch(f"webhooks/{hook}", {"url": "ftp://x"})
    w.get("webhooks", max_results=0)
    w.get("webhooks", max_results=1001)
    w.delete(f"webhooks/{hook}")
    w.case("deleted").get(f"webhooks/{hook}")
    w.case("deleted twice").delete(f"webhooks/{hook}")
    w.case("a test of what is not there").post(f"webhooks/{hook}/test")


def workspaces_that_are_off(w: World) -> None:
    w.get("/api/3.0/mlflow/workspaces")
    w.post("/api/3.0/mlflow/workspaces", {"name": "team"})
    w.get("/api/3.0/mlflow/workspaces/default")
    w.patch("/api/3.0/mlflow/workspaces/nobody", {"description": "x"})
    w.delete("/api/3.0/mlflow/workspaces/nobody")


SCENARIOS = [about_the_server, requests_that_cannot_be_read, addresses_that_do_not_exist, webhooks, workspaces_that_are_off]
