"""Workspaces; recorded against MLflow's server started with `--enable-workspaces`."""

from __future__ import annotations

from typing import Any

from .world import World

PATH = "/api/3.0/mlflow/workspaces"


def life_of_a_workspace(w: World) -> None:
    name = w.name("team")
    mine = lambda body: [one for one in body["workspaces"] if one["name"] == name]  # noqa: E731
    w.post(PATH, {"name": name, "description": "the team"})
    w.case("made twice").post(PATH, {"name": name})
    w.get(f"{PATH}/{name}")
    w.call("GET", PATH, show=mine)
    w.patch(f"{PATH}/{name}", {"description": "another"})
    w.case("nothing to change").patch(f"{PATH}/{name}", {})
    w.case("through the pages' prefix").get(f"/ajax-api/3.0/mlflow/workspaces/{name}")
    w.delete(f"{PATH}/{name}")
    w.case("deleted").get(f"{PATH}/{name}")
    w.case("deleted twice").delete(f"{PATH}/{name}")
    w.case("of nobody").patch(f"{PATH}/{w.name('nobody')}", {"description": "x"})
    w.get(f"{PATH}/default")


def workspaces_that_cannot_be(w: World) -> None:
    for body in [{}, {"name": ""}, {"name": "Team"}, {"name": "a b"}, {"name": "a/b"}, {"name": "default"}, {"name": "-a"}, {"name": 4}, {"name": "a" * 64}]:
        w.post(PATH, body)
    w.delete(f"{PATH}/default")
    name = w.name("team")
    w.quietly_any("POST", PATH, {"name": name})
    w.case("a mode nobody knows").delete(f"{PATH}/{name}?mode=BURN")


def things_of_a_workspace(w: World) -> None:
    name, other = w.name("team"), w.name("other")
    for one in (name, other):
        w.quietly_any("POST", PATH, {"name": one})
    at = {"X-MLFLOW-WORKSPACE": name}

    def call(method: str, path: str, body: Any = None, query: Any = None, workspace: str = name) -> Any:
        return w.call(method, path, body, query=query, headers={"X-MLFLOW-WORKSPACE": workspace})

    made = call("POST", "experiments/create", {"name": w.name("same")})
    experiment = str(made["experiment_id"])
    w.case("the same name elsewhere").call(
        "POST", "experiments/create", {"name": w.name("same")}, headers={"X-MLFLOW-WORKSPACE": other}, show=lambda body: sorted(body)
    )
    run = call("POST", "runs/create", {"experiment_id": experiment, "run_name": "a run", "start_time": 1_600_000_000_000})
    run_id = str(run["run"]["info"]["run_id"])
    call("POST", "runs/log-metric", {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1, "step": 0})
    call("GET", "runs/get", query={"run_id": run_id})
    for case, workspace in [("of another workspace", other), ("of the default workspace", "default")]:
        w.case(case)
        call("GET", "runs/get", query={"run_id": run_id}, workspace=workspace)
        w.case(case)
        call("GET", "experiments/get", query={"experiment_id": experiment}, workspace=workspace)
        w.case(case)
        call("POST", "runs/log-metric", {"run_id": run_id, "key": "m", "value": 2, "timestamp": 1, "step": 0}, workspace=workspace)
    w.case("without a header").call("GET", "runs/get", query={"run_id": run_id})
    call("POST", "registered-models/create", {"name": w.name("model")})
    w.case("of another workspace")
    call("GET", "registered-models/get", query={"name": w.name("model")}, workspace=other)
    w.case("a workspace of nobody")
    call("GET", "experiments/get", query={"experiment_id": experiment}, workspace=w.name("nobody"))
    w.case("still in use").call("DELETE", f"{PATH}/{name}?mode=RESTRICT", headers=at)


SCENARIOS = [life_of_a_workspace, workspaces_that_cannot_be, things_of_a_workspace]
