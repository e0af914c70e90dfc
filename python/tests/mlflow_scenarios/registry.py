"""The registry: models, versions, aliases, tags, stages, and how they are searched."""

from __future__ import annotations

from typing import Any

from .world import World


def life_of_a_registered_model(w: World) -> None:
    name = w.name("model")
    w.post("registered-models/create", {"name": name, "description": "counts cars", "tags": [{"key": "team", "value": "a"}]})
    w.get("registered-models/get", name=name)
    w.case("a name that is taken").post("registered-models/create", {"name": name})
    w.patch("registered-models/update", {"name": name, "description": "counts all"})
    w.case("an empty description").patch("registered-models/update", {"name": name, "description": ""})
    w.case("no description").patch("registered-models/update", {"name": name})
    w.post("registered-models/set-tag", {"name": name, "key": "team", "value": "b"})
    w.post("registered-models/set-tag", {"name": name, "key": "empty", "value": ""})
    w.post("registered-models/set-tag", {"name": name, "key": "none"})
    w.get("registered-models/get", name=name)
    w.delete("registered-models/delete-tag", {"name": name, "key": "team"})
    w.case("a tag that is not there").delete("registered-models/delete-tag", {"name": name, "key": "team"})
    w.post("registered-models/rename", {"name": name, "new_name": w.name("renamed")})
    w.case("its old name").get("registered-models/get", name=name)
    w.get("registered-models/get", name=w.name("renamed"))
    other = w.model("other")
    w.case("a name that is taken").post("registered-models/rename", {"name": w.name("renamed"), "new_name": other})
    w.case("its own name").post("registered-models/rename", {"name": other, "new_name": other})
    w.delete("registered-models/delete", {"name": w.name("renamed")})
    w.case("deleted twice").delete("registered-models/delete", {"name": w.name("renamed")})
    w.get("registered-models/get", name=w.name("renamed"))
    w.case("a name that is free again").post("registered-models/create", {"name": w.name("renamed")})


def models_that_cannot_be(w: World) -> None:
    name = w.model("valid")
    for body in [
        {}, {"name": ""}, {"name": " "}, {"name": 4}, {"name": "a/b"}, {"name": "a:b"}, {"name": None}, {"name": w.name("t"), "tags": "x"},
        {"name": w.name("k"), "tags": [{"key": "k" * 251, "value": "v"}]}, {"name": w.name("v"), "tags": [{"key": "k", "value": "v" * 100_001}]},
        {"name": w.name("d"), "description": "d" * 5_001}, {"name": "n" * 257}, {"name": w.name("twice"), "tags": [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]},
    ]:
        w.post("registered-models/create", body)
    nobody = w.name("nobody")
    w.get("registered-models/get")
    for method, path, more in [
        ("POST", "rename", {"new_name": w.name("x")}), ("PATCH", "update", {"description": "d"}), ("DELETE", "delete", {}),
        ("POST", "set-tag", {"key": "k", "value": "v"}), ("DELETE", "delete-tag", {"key": "k"}), ("POST", "get-latest-versions", {}),
        ("POST", "alias", {"alias": "a", "version": "1"}), ("DELETE", "alias", {"alias": "a"}),
    ]:
        w.call(method, f"registered-models/{path}", {"name": nobody, **more})
        w.call(method, f"registered-models/{path}", more)
        for key in more:
            if key not in ("description",):
                w.call(method, f"registered-models/{path}", {"name": name, **{k: v for k, v in more.items() if k != key}})
    for new in ["a/b", "", " ", 4]:
        w.post("registered-models/rename", {"name": name, "new_name": new})
    for key, value in [("k" * 251, "v"), ("k", "v" * 100_001), ("a/../b", "v"), ("a;b", "v"), ("", "v"), ("k", 4)]:
        w.post("registered-models/set-tag", {"name": name, "key": key, "value": value})


def life_of_a_version(w: World) -> None:
    name = w.model()
    one = w.experiment()
    run = w.run(one)
    source = f"mlflow-artifacts:/{one}/{run}/artifacts/model"
    w.post("model-versions/create", {"name": name, "source": source, "run_id": run, "description": "first", "run_link": "http://x/y", "tags": [{"key": "t", "value": "1"}]})
    w.post("model-versions/create", {"name": name, "source": source})
    w.get("model-versions/get", name=name, version="1")
    w.get("model-versions/get", name=name, version="2")
    w.get("model-versions/get-download-uri", name=name, version="1")
    w.patch("model-versions/update", {"name": name, "version": "1", "description": "changed"})
    w.case("no description").patch("model-versions/update", {"name": name, "version": "1"})
    w.post("model-versions/set-tag", {"name": name, "version": "1", "key": "t", "value": "2"})
    w.post("model-versions/set-tag", {"name": name, "version": "1", "key": "u", "value": ""})
    w.delete("model-versions/delete-tag", {"name": name, "version": "1", "key": "u"})
    w.case("a tag that is not there").delete("model-versions/delete-tag", {"name": name, "version": "1", "key": "u"})
    w.get("model-versions/get", name=name, version="1")
    w.get("registered-models/get", name=name)
    w.delete("model-versions/delete", {"name": name, "version": "2"})
    w.case("deleted twice").delete("model-versions/delete", {"name": name, "version": "2"})
    w.case("a deleted one").get("model-versions/get", name=name, version="2")
    w.case("numbers are not used again").post("model-versions/create", {"name": name, "source": source})
    w.post("registered-models/rename", {"name": name, "new_name": w.name("renamed")})
    w.get("model-versions/get", name=w.name("renamed"), version="1")
    w.delete("registered-models/delete", {"name": w.name("renamed")})
    w.get("model-versions/get", name=w.name("renamed"), version="1")


def versions_that_cannot_be(w: World) -> None:
    name = w.model()
    one = w.experiment()
    run = w.run(one)
    source = f"mlflow-artifacts:/{one}/{run}/artifacts/model"
    for body in [
        {}, {"name": name}, {"source": source}, {"name": w.name("nobody"), "source": source}, {"name": "", "source": source}, {"name": name, "source": ""},
        {"name": name, "source": 4}, {"name": name, "source": "/etc"}, {"name": name, "source": "file:///etc", "run_id": run},
        {"name": name, "source": "mlflow-artifacts:/a/../../b"}, {"name": name, "source": "s3://b/../c"},
        {"name": name, "source": source, "tags": [{"key": "k" * 251, "value": "v"}]}, {"name": name, "source": source, "tags": [{"key": "k", "value": "v" * 100_001}]},
        {"name": name, "source": "models:/nobody/1"}, {"name": name, "source": "/etc", "run_id": "0" * 32},
    ]:
        w.post("model-versions/create", body)
    w.case("a run that is not there").post("model-versions/create", {"name": name, "source": source, "run_id": "0" * 32})
    w.case("a store elsewhere").post("model-versions/create", {"name": name, "source": "s3://bucket/model"})
    for version in ["99", "x", "", "0", "-1", "1.5", 1]:
        w.get("model-versions/get", name=name, version=version)
    w.get("model-versions/get", name=name)
    w.get("model-versions/get", version="1")
    for method, path, more in [
        ("PATCH", "update", {"description": "d"}), ("DELETE", "delete", {}), ("POST", "set-tag", {"key": "k", "value": "v"}),
        ("DELETE", "delete-tag", {"key": "k"}), ("POST", "transition-stage", {"stage": "Staging", "archive_existing_versions": False}),
    ]:
        for given in [{"name": name, "version": "99"}, {"name": w.name("nobody"), "version": "1"}, {"name": name}, {"version": "1"}, {"name": name, "version": "x"}]:
            w.call(method, f"model-versions/{path}", {**given, **more})
    w.get("model-versions/get-download-uri", name=name, version="99")
    for body in [{"key": "k" * 251, "value": "v"}, {"key": "k", "value": "v" * 100_001}, {"value": "v"}, {"key": "a;b", "value": "v"}]:
        w.post("model-versions/set-tag", {"name": name, "version": "1", **body})


def aliases(w: World) -> None:
    name = w.model()
    for _ in range(2):
        w.quietly("POST", "model-versions/create", {"name": name, "source": "s3://bucket/model"})
    w.post("registered-models/alias", {"name": name, "alias": "champion", "version": "1"})
    w.get("registered-models/alias", name=name, alias="champion")
    w.case("moved").post("registered-models/alias", {"name": name, "alias": "champion", "version": "2"})
    w.case("the same again").post("registered-models/alias", {"name": name, "alias": "champion", "version": "2"})
    w.post("registered-models/alias", {"name": name, "alias": "Challenger-1_x", "version": "2"})
    w.get("registered-models/get", name=name)
    w.get("model-versions/get", name=name, version="2")
    w.get("registered-models/alias", name=name, alias="latest")
    w.get("registered-models/alias", name=name, alias="nobody")
    w.get("registered-models/alias", name=w.name("nobody"), alias="champion")
    w.get("registered-models/alias", name=name)
    for alias in ["latest", "Latest", "v1", "V12", "a b", "a/b", "", "a.b", "ä", "x" * 255, "x" * 256, "v1a", 4, "1"]:
        w.post("registered-models/alias", {"name": name, "alias": alias, "version": "1"})
    for version in ["99", "x", "", None]:
        w.post("registered-models/alias", {"name": name, "alias": "a", "version": version})
    w.delete("registered-models/alias", {"name": name, "alias": "champion"})
    w.case("an alias that is not there").delete("registered-models/alias", {"name": name, "alias": "champion"})
    w.get("registered-models/alias", name=name, alias="champion")
    w.delete("model-versions/delete", {"name": name, "version": "2"})
    w.case("an alias of a deleted version").get("registered-models/alias", name=name, alias="Challenger-1_x")
    w.call("GET", "registered-models/get", query={"name": name}, show=lambda a: a["registered_model"].get("aliases"))


def stages(w: World) -> None:
    name = w.model()
    for _ in range(3):
        w.quietly("POST", "model-versions/create", {"name": name, "source": "s3://bucket/model"})

    def move(version: str, stage: Any, archive: Any = False) -> None:
        w.post("model-versions/transition-stage", {"name": name, "version": version, "stage": stage, "archive_existing_versions": archive})

    move("1", "Production")
    move("2", "staging")
    move("3", "PRODUCTION", True)
    w.get("model-versions/get", name=name, version="1")
    move("1", "Archived")
    move("1", "None")
    w.case("archiving makes no sense there").post(
        "model-versions/transition-stage", {"name": name, "version": "1", "stage": "Archived", "archive_existing_versions": True}
    )
    for stage in ["Live", "", 4]:
        move("1", stage)
    show = lambda a: sorted([v["version"], v["current_stage"]] for v in a.get("model_versions", []))  # noqa: E731
    w.call("POST", "registered-models/get-latest-versions", {"name": name}, show=show)
    w.call("GET", "registered-models/get-latest-versions", query={"name": name}, show=show)
    w.call("POST", "registered-models/get-latest-versions", {"name": name, "stages": ["Production"]}, show=show)
    w.call("POST", "registered-models/get-latest-versions", {"name": name, "stages": ["production", "None"]}, show=show)
    w.call("POST", "registered-models/get-latest-versions", {"name": name, "stages": ["Live"]}, show=show)
    w.call("GET", "registered-models/get", query={"name": name}, show=lambda a: sorted([v["version"], v["current_stage"]] for v in a["registered_model"]["latest_versions"]))


def searching_models(w: World) -> None:
    names = [w.name(word) for word in ["alpha", "Beta", "gamma", "it's", "per%cent"]]
    for number, name in enumerate(names):
        tags = [{"key": "kind", "value": ["x", "X", "y"][number % 3]}, {"key": "n o", "value": "1"}] if number else []
        w.quietly("POST", "registered-models/create", {"name": name, "tags": tags})
    w.quietly("POST", "registered-models/create", {"name": w.name("prompt"), "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    mine = f"name LIKE '%{w.suffix}'"

    def search(**query: Any) -> Any:
        show = lambda a: {**a, "registered_models": [m["name"] for m in a.get("registered_models", [])]}  # noqa: E731
        return w.call("GET", "registered-models/search", query=query, show=show)

    for text in [
        mine, f"name = '{names[0]}'", f"name != '{names[0]}' AND {mine}", f"name LIKE 'B%' AND {mine}", f"name ILIKE 'b%' AND {mine}", f"name LIKE '%cent%' AND {mine}",
        f"tags.kind = 'x' AND {mine}", f"tags.kind != 'x' AND {mine}", f"tags.kind LIKE 'x' AND {mine}", f"tags.kind ILIKE 'x' AND {mine}",
        f"tag.`n o` = '1' AND {mine}", f"attribute.name = '{names[1]}'", f"`name` = '{names[1]}'", f"tags.`mlflow.prompt.is_prompt` = 'true' AND {mine}",
        f"tag.`mlflow.prompt.is_prompt` != 'true' AND {mine}", f"tags.kind = 'x' AND tags.`n o` = '1' AND {mine}", f"tags.nothing = 'x' AND {mine}",
    ]:
        search(filter=text, order_by="name ASC")
    for order in [["name"], ["name DESC"], ["name ASC"], ["last_updated_timestamp DESC"], ["timestamp ASC", "name DESC"], ["creation_timestamp ASC"], ["creation_timestamp DESC"]]:
        search(filter=mine, order_by=order)
    search(filter=mine)
    first = search(filter=mine, max_results=3)
    search(filter=mine, max_results=3, page_token=first["next_page_token"])
    for query in [
        {"max_results": 0}, {"max_results": 1_001}, {"max_results": "x"}, {"filter": "name >"}, {"filter": "name > 'x'"}, {"filter": "colour = 'x'"},
        {"filter": "tags.a > 'x'"}, {"order_by": "colour"}, {"order_by": "name sideways"}, {"page_token": "%%%"}, {"filter": "name IN ('a')"},
        {"filter": "tags.kind IS NULL"}, {"filter": "metrics.a = 1"}, {"filter": "name = 'x' OR name = 'y'"},
    ]:
        w.call("GET", "registered-models/search", query=query, show=lambda a: "found")


def searching_versions(w: World) -> None:
    name, other = w.model("Model"), w.model("other")
    one = w.experiment()
    runs = [w.run(one, f"run {n}") for n in range(2)]
    for number in range(4):
        body = {"name": name, "source": f"s3://bucket/{w.suffix}/{number % 2}", "run_id": runs[number % 2], "tags": [{"key": "n", "value": str(number)}]}
        w.quietly("POST", "model-versions/create", body)
    w.quietly("POST", "model-versions/create", {"name": other, "source": f"s3://bucket/{w.suffix}/x"})

    def search(**query: Any) -> Any:
        show = lambda a: {**a, "model_versions": [f"{v['name']} {v['version']}" for v in a.get("model_versions", [])]}  # noqa: E731
        return w.call("GET", "model-versions/search", query=query, show=show)

    for text in [
        f"name = '{name}'", f"name != '{name}' AND source_path LIKE '%{w.suffix}%'", f"name LIKE 'Mod%' AND source_path LIKE '%{w.suffix}%'",
        f"name ILIKE 'mod%' AND source_path LIKE '%{w.suffix}%'", f"run_id = '{runs[0]}'", f"run_id IN ('{runs[0]}', '{runs[1]}')", f"run_id IN ('{runs[1]}')",
        f"source_path = 's3://bucket/{w.suffix}/1'", f"source_path LIKE '%{w.suffix}/x'", f"version_number = 2 AND name = '{name}'", f"version_number > 2 AND name = '{name}'",
        f"version_number <= '2' AND name = '{name}'", f"version_number != 2 AND name = '{name}'", f"tags.n = '3' AND name = '{name}'", f"tag.n != '3' AND name = '{name}'",
        f"tags.n LIKE '%' AND name = '{name}'", f"attributes.name = '{name}' AND run_id = '{runs[1]}'", f"name IN ('{name}', '{other}')",
    ]:
        search(filter=text, order_by=["name ASC", "version_number ASC"])
    mine = f"source_path LIKE '%{w.suffix}%'"
    for order in [["version_number DESC"], ["version_number ASC"], ["name DESC"], ["creation_timestamp DESC"], ["last_updated_timestamp ASC"], ["name ASC", "version_number DESC"]]:
        search(filter=mine, order_by=order)
    search(filter=mine)
    first = search(filter=mine, max_results=3, order_by=["name ASC", "version_number ASC"])
    search(filter=mine, max_results=3, order_by=["name ASC", "version_number ASC"], page_token=first["next_page_token"])
    for query in [
        {"max_results": 0}, {"max_results": 200_001}, {"filter": "name >"}, {"filter": "version_number = 'x'"}, {"filter": "colour = 'x'"}, {"filter": "run_id IN ()"},
        {"filter": "run_id LIKE 'x'"}, {"order_by": "colour"}, {"filter": "version_number LIKE '1'"}, {"filter": "tags.a > 'x'"}, {"filter": "version = 1"},
        {"filter": "run_id = 5"}, {"page_token": "%%%"},
    ]:
        w.call("GET", "model-versions/search", query=query, show=lambda a: "found")


def versions_of_logged_models(w: World) -> None:
    name = w.model()
    one = w.experiment()
    run = w.run(one)
    model = w.quietly("POST", "logged-models", {"experiment_id": one, "name": "m", "source_run_id": run})["model"]["info"]["model_id"]
    w.post("model-versions/create", {"name": name, "source": f"models:/{model}", "run_id": run, "model_id": model})
    w.get("model-versions/get", name=name, version="1")
    w.get("model-versions/get-download-uri", name=name, version="1")
    w.get(f"logged-models/{model}")
    w.case("a copy of a version").post("model-versions/create", {"name": w.model("copy"), "source": f"models:/{name}/1"})
    w.get("model-versions/get-download-uri", name=w.name("copy"), version="1")
    w.case("a logged model that is not there").post("model-versions/create", {"name": name, "source": "models:/m-" + "0" * 32, "model_id": "m-" + "0" * 32})


SCENARIOS = [
    life_of_a_registered_model, models_that_cannot_be, life_of_a_version, versions_that_cannot_be, aliases, stages, searching_models, searching_versions,
    versions_of_logged_models,
]
