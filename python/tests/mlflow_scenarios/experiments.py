"""Experiments: made, found, renamed, tagged, deleted, restored, searched."""

from __future__ import annotations

from typing import Any

from .world import World


def life_of_an_experiment(w: World) -> None:
    name = w.name("life")
    made = w.post("experiments/create", {"name": name, "tags": [{"key": "team", "value": "a b"}, {"key": "e", "value": ""}]})
    one = made["experiment_id"]
    w.get("experiments/get", experiment_id=one)
    w.get("experiments/get-by-name", experiment_name=name)
    w.get("experiments/get-by-name", experiment_name=w.name("nobody"))
    w.post("experiments/create", {"name": name})
    w.post("experiments/update", {"experiment_id": one, "new_name": w.name("renamed")})
    w.get("experiments/get", experiment_id=one)
    w.post("experiments/update", {"experiment_id": one})
    w.post("experiments/set-experiment-tag", {"experiment_id": one, "key": "team", "value": "c"})
    w.post("experiments/set-experiment-tag", {"experiment_id": one, "key": "empty", "value": ""})
    w.post("experiments/set-experiment-tag", {"experiment_id": one, "key": "none"})
    w.get("experiments/get", experiment_id=one)
    w.post("experiments/delete-experiment-tag", {"experiment_id": one, "key": "team"})
    w.case("a tag that is not there").post("experiments/delete-experiment-tag", {"experiment_id": one, "key": "team"})
    w.get("experiments/get", experiment_id=one)
    second = w.quietly("POST", "experiments/create", {"name": w.name("second")})["experiment_id"]
    w.case("a name that is taken").post("experiments/update", {"experiment_id": second, "new_name": w.name("renamed")})
    w.case("its own name").post("experiments/update", {"experiment_id": one, "new_name": w.name("renamed")})


def deleted_experiments(w: World) -> None:
    name = w.name("deleted")
    one = w.experiment("deleted")
    run = w.run(one, start_time=1_600_000_000_001)
    gone_before = w.run(one, "gone before")
    w.quietly("POST", "runs/delete", {"run_id": gone_before})
    w.post("experiments/restore", {"experiment_id": one})
    w.post("experiments/delete", {"experiment_id": one})
    w.case("deleted twice").post("experiments/delete", {"experiment_id": one})
    w.get("experiments/get", experiment_id=one)
    w.case("a deleted one by its name").get("experiments/get-by-name", experiment_name=name)
    w.case("its name stays taken").post("experiments/create", {"name": name})
    w.case("its run").get("runs/get", run_id=run)
    w.case("a run in it").post("runs/create", {"experiment_id": one, "start_time": 1})
    w.case("a metric in it").post("runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1})
    w.post("experiments/update", {"experiment_id": one, "new_name": w.name("other")})
    w.post("experiments/set-experiment-tag", {"experiment_id": one, "key": "a", "value": "b"})
    w.post("experiments/delete-experiment-tag", {"experiment_id": one, "key": "a"})
    w.post("logged-models", {"experiment_id": one, "name": "model"})
    for view in ["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]:
        w.post("experiments/search", {"filter": f"name = '{name}'", "view_type": view, "max_results": 5})
        w.post("runs/search", {"experiment_ids": [one], "run_view_type": view})
    w.post("experiments/restore", {"experiment_id": one})
    w.case("its run again").get("runs/get", run_id=run)
    w.case("the run that was deleted before it").get("runs/get", run_id=gone_before)
    w.post("runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1})


def experiments_that_cannot_be(w: World) -> None:
    one = w.experiment("valid")
    for body in [
        {},
        {"name": ""},
        {"name": 12},
        {"name": None},
        {"name": ["a"]},
        {"name": "n" * 501},
        {"name": w.name("tags"), "tags": "no list"},
        {"name": w.name("location"), "artifact_location": 3},
        {"name": w.name("fragment"), "artifact_location": "s3://bucket/a#../b"},
        {"name": w.name("query"), "artifact_location": "s3://bucket/a?b=../c"},
    ]:
        w.post("experiments/create", body)
    for path in ["delete", "restore", "update", "set-experiment-tag", "delete-experiment-tag"]:
        for body in [{}, {"experiment_id": ""}, {"experiment_id": 3}]:
            more = {"new_name": "x"} if path == "update" else {"key": "k", "value": "v"} if "tag" in path else {}
            w.post(f"experiments/{path}", {**body, **more})
        body = {"experiment_id": "999999", **more}
        w.case("no such experiment").post(f"experiments/{path}", body)
    w.get("experiments/get")
    w.get("experiments/get", experiment_id="999999")
    w.get("experiments/get", experiment_id="words")
    w.get("experiments/get-by-name")
    for path in ["set-experiment-tag", "delete-experiment-tag"]:
        w.case("no key").post(f"experiments/{path}", {"experiment_id": one, "value": "v"})
    for key, value in [("k" * 251, "v"), ("k", "v" * 5_001), ("a/../b", "v"), ("", "v"), ("a b.c-d:e/f", "v"), ("k", 4)]:
        w.post("experiments/set-experiment-tag", {"experiment_id": one, "key": key, "value": value})
    w.case("the new name is no text").post("experiments/update", {"experiment_id": one, "new_name": 5})
    for name, more in [
        ("traversal", {"artifact_location": "mlflow-artifacts:/a/../../b"}),
        ("key", {"tags": [{"key": "k" * 251, "value": "v"}]}),
        ("value", {"tags": [{"key": "k", "value": "v" * 5_001}]}),
    ]:
        w.case("more than a check of its own").post("experiments/create", {"name": w.name(name), **more})


def searching_experiments(w: World) -> None:
    names = [w.name(word) for word in ["alpha", "Beta", "gamma", "it's", "per%cent", "under_score"]]
    for number, name in enumerate(names):
        tags = [{"key": "kind", "value": ["x", "X", "y"][number % 3]}, {"key": "n o", "value": str(number)}]
        w.quietly("POST", "experiments/create", {"name": name, "tags": tags if number else []})
    mine = f"name LIKE '%{w.suffix}'"

    def search(**body: Any) -> Any:
        show = lambda answer: {**answer, "experiments": [e["name"] for e in answer.get("experiments", [])]}  # noqa: E731
        return w.call("POST", "experiments/search", {"max_results": 10, **body}, show=show)

    for text in [
        mine,
        f"name = '{names[0]}'",
        f'name = "{names[0]}"',
        f"name != '{names[0]}' AND {mine}",
        f"name LIKE 'b%' AND {mine}",
        f"name LIKE 'B%' AND {mine}",
        f"name ILIKE 'b%' AND {mine}",
        f"name ILIKE '%CENT%' AND {mine}",
        f"name LIKE 'under_score%' AND {mine}",
        f"attribute.name = '{names[1]}'",
        f"attributes.name ILIKE 'GAMMA%' AND {mine}",
        f"`name` = '{names[1]}'",
        f"tags.kind = 'x' AND {mine}",
        f"tag.kind != 'x' AND {mine}",
        f"tags.kind LIKE 'x' AND {mine}",
        f"tags.kind ILIKE 'x' AND {mine}",
        f"tags.`n o` = '2' AND {mine}",
        f'tags."n o" = \'2\' AND {mine}',
        f"tags.kind IS NULL AND {mine}",
        f"tags.kind IS NOT NULL AND {mine}",
        f"creation_time > 0 AND {mine}",
        f"creation_time < 5 AND {mine}",
        f"last_update_time >= 1600000000000 AND {mine}",
        f"creation_time != 7 AND {mine}",
    ]:
        search(filter=text, order_by=["name ASC"])
    for order in [
        ["name"], ["name DESC"], ["name asc"], ["creation_time ASC"], ["creation_time DESC"], ["experiment_id ASC"],
        ["experiment_id DESC"], ["last_update_time DESC", "name ASC"], ["attribute.name"], [],
    ]:
        search(filter=mine, order_by=order)
    first = search(filter=mine, order_by=["name ASC"], max_results=4)
    search(filter=mine, order_by=["name ASC"], max_results=4, page_token=first["next_page_token"])
    w.call(
        "GET", "experiments/search", query={"filter": mine, "max_results": 2, "order_by": ["name DESC"], "view_type": "ALL"}
    )
    for body in [
        {"max_results": 0}, {"max_results": -1}, {"max_results": 50_001}, {"max_results": "x"}, {},
        {"max_results": 5, "view_type": "NONE"}, {"max_results": 5, "order_by": "name"},
        {"max_results": 5, "order_by": ["colour"]}, {"max_results": 5, "order_by": ["name sideways"]},
        {"max_results": 5, "page_token": "%%%"},
        {"max_results": 5, "filter": 4}, {"max_results": 5, "filter": "name"}, {"max_results": 5, "filter": "name >"},
        {"max_results": 5, "filter": "name > 'x'"}, {"max_results": 5, "filter": "colour = 'x'"},
        {"max_results": 5, "filter": "metrics.a = 1"}, {"max_results": 5, "filter": "creation_time = 'x'"},
        {"max_results": 5, "filter": "tags.a > 'x'"}, {"max_results": 5, "filter": "name = x"},
        {"max_results": 5, "filter": "name = 'x' AND"},
    ]:
        show = lambda answer: "some" if answer.get("experiments") else "none"  # noqa: E731
        w.call("POST", "experiments/search", body, show=show)


SCENARIOS = [life_of_an_experiment, deleted_experiments, experiments_that_cannot_be, searching_experiments]
