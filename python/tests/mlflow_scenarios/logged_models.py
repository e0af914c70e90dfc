"""Logged models: what every flavor's `log_model` makes before it is registered."""

from __future__ import annotations

from typing import Any

from .world import World


def life_of_a_logged_model(w: World) -> None:
    one = w.experiment()
    run = w.run(one)
    made = w.post(
        "logged-models",
        {
            "experiment_id": one, "name": "model", "model_type": "agent", "source_run_id": run,
            "params": [{"key": "alpha", "value": "1"}], "tags": [{"key": "t", "value": "x"}],
        },
    )
    model = made["model"]["info"]["model_id"]
    w.get(f"logged-models/{model}")
    w.post(f"logged-models/{model}/params", {"model_id": model, "params": [{"key": "beta", "value": "2"}]})
    w.case("a param again").post(f"logged-models/{model}/params", {"model_id": model, "params": [{"key": "beta", "value": "2"}]})
    w.case("a param that changes").post(f"logged-models/{model}/params", {"model_id": model, "params": [{"key": "alpha", "value": "9"}]})
    w.patch(f"logged-models/{model}/tags", {"tags": [{"key": "t", "value": "y"}, {"key": "u", "value": "z"}]})
    w.delete(f"logged-models/{model}/tags/u")
    w.case("a tag that is not there").delete(f"logged-models/{model}/tags/u")
    w.post("runs/log-metric", {"run_id": run, "key": "mae", "value": 0.5, "timestamp": 7, "step": 1, "model_id": model, "dataset_name": "d", "dataset_digest": "1"})
    w.post("runs/log-batch", {"run_id": run, "metrics": [{"key": "mae", "value": 0.25, "timestamp": 8, "step": 2, "model_id": model}]})
    w.patch(f"logged-models/{model}", {"model_id": model, "status": "LOGGED_MODEL_READY"})
    w.get(f"logged-models/{model}")
    w.get("runs/get", run_id=run)
    w.delete(f"logged-models/{model}")
    w.case("a deleted one").get(f"logged-models/{model}")
    w.case("deleted twice").delete(f"logged-models/{model}")
    w.case("deleted but asked for").get(f"logged-models/{model}", allow_deleted="true")
    w.case("tags of a deleted one").patch(f"logged-models/{model}/tags", {"tags": [{"key": "t", "value": "y"}]})


def logged_models_that_cannot_be(w: World) -> None:
    one = w.experiment()
    for body in [
        {}, {"experiment_id": "999999", "name": "m"}, {"experiment_id": one, "name": "a/b"}, {"experiment_id": one, "name": "a:b"},
        {"experiment_id": one, "name": "a.b"}, {"experiment_id": one, "name": "a%b"}, {"experiment_id": one, "name": 'a"b'},
        {"experiment_id": one, "name": "a'b"}, {"experiment_id": one, "name": ""}, {"experiment_id": one}, {"experiment_id": one, "name": 4},
        {"experiment_id": one, "name": "ok", "params": "x"},
        {"experiment_id": 4, "name": "ok"},
    ]:
        w.post("logged-models", body)
    nobody = "m-" + "0" * 32
    w.get(f"logged-models/{nobody}")
    w.patch(f"logged-models/{nobody}", {"model_id": nobody, "status": "LOGGED_MODEL_READY"})
    w.patch(f"logged-models/{nobody}/tags", {"tags": []})
    w.delete(f"logged-models/{nobody}")
    w.delete(f"logged-models/{nobody}/tags/x")
    w.post(f"logged-models/{nobody}/params", {"model_id": nobody, "params": [{"key": "a", "value": "b"}]})
    model = w.quietly("POST", "logged-models", {"experiment_id": one, "name": "real"})["model"]["info"]["model_id"]
    for body in [{"model_id": model}, {"model_id": model, "status": "DONE"}, {"model_id": model, "status": 2}, {"model_id": model, "status": "LOGGED_MODEL_UPLOAD_FAILED"}]:
        w.patch(f"logged-models/{model}", body)
    for more in [
        {"params": [{"key": "k" * 251, "value": "v"}]}, {"params": [{"key": "k", "value": "v" * 6_001}]}, {"tags": [{"key": "k" * 251, "value": "v"}]},
        {"source_run_id": "nobody"},
    ]:
        show = lambda a: a["model"]["data"]  # noqa: E731
        w.case("more than a check of its own").call("POST", "logged-models", {"experiment_id": one, "name": "ok", **more}, show=show)
    w.case("without a name").call(
        "POST", "logged-models", {"experiment_id": one}, show=lambda a: sorted(a["model"]["info"])
    )


def searching_logged_models(w: World) -> None:
    one, two = w.experiment("one"), w.experiment("two")
    run = w.run(one)
    ids = []
    for number, (name, kind, alpha) in enumerate([("alpha", "a", "1"), ("Beta", "b", "2"), ("gamma", "", "3"), ("alpha", "a", "4")]):
        body: dict[str, Any] = {"experiment_id": one, "name": name, "params": [{"key": "alpha", "value": alpha}], "tags": [{"key": "n o", "value": str(number % 2)}]}
        if kind:
            body["model_type"] = kind
        if number < 3:
            body["source_run_id"] = run
        model = w.quietly("POST", "logged-models", body)["model"]["info"]["model_id"]
        ids.append(model)
        for when, (dataset, value) in enumerate([("train", number / 2), ("test", 1 - number / 2)]):
            point = {"key": "mae", "value": value, "timestamp": when, "step": number, "model_id": model, "dataset_name": dataset, "dataset_digest": dataset[0]}
            w.quietly("POST", "runs/log-metric", {"run_id": run, **point})
    w.quietly("PATCH", f"logged-models/{ids[0]}", {"model_id": ids[0], "status": "LOGGED_MODEL_READY"})
    w.quietly("POST", "logged-models", {"experiment_id": two, "name": "other"})
    for model in ids:
        w.case("its placeholder").call("GET", f"logged-models/{model}", show=lambda a: a["model"]["info"]["name"])

    def search(experiments: list[str] | None = None, **body: Any) -> Any:
        def show(answer: Any) -> Any:
            models = [f"{m['info']['name']} {m['info']['model_id']}" for m in answer.get("models", [])]
            return {**{k: v for k, v in answer.items() if k != "models"}, "models": models}

        return w.call("POST", "logged-models/search", {"experiment_ids": experiments or [one], **body}, show=show)

    by_name = [{"field_name": "name", "ascending": True}, {"field_name": "creation_timestamp", "ascending": True}]
    for text in [
        "name = 'alpha'", "name != 'alpha'", "name LIKE 'al%'", "name ILIKE 'b%'", "attributes.name = 'Beta'", f"model_id = '{ids[1]}'", "model_type = 'a'",
        "model_type != 'a'", "status = 'READY'", "status = 'PENDING'", "status = 'LOGGED_MODEL_READY'", f"source_run_id = '{run}'", f"source_run_id != '{run}'", "source_run_id = ''", "source_run_id LIKE '%'", "source_run_id IS NULL",
        "creation_timestamp > 0", "creation_time > 0", "last_updated_timestamp > 5", "params.alpha = '2'", "params.alpha != '2'", "params.alpha LIKE '%'",
        "tags.`n o` = '1'", "tags.`n o` != '1'", "metrics.mae > 0.6", "metrics.mae = 0", "name = 'alpha' AND params.alpha = '4'", "name IN ('alpha', 'Beta')",
        "model_id IN ('x')", "params.alpha IS NULL",
    ]:
        search(filter=text, order_by=by_name)
    search(filter="metrics.mae > 0.6", datasets=[{"dataset_name": "train"}], order_by=by_name)
    search(filter="metrics.mae > 0.6", datasets=[{"dataset_name": "test", "dataset_digest": "t"}], order_by=by_name)
    search(filter="metrics.mae > 0.6", datasets=[{"dataset_name": "test", "dataset_digest": "x"}], order_by=by_name)
    # One more metric, on a dataset of its own and on none: which models were measured on what.
    w.quietly("POST", "runs/log-metric", {"run_id": run, "key": "r2", "value": 0.5, "timestamp": 9, "model_id": ids[1], "dataset_name": "later", "dataset_digest": "l"})
    w.quietly("POST", "runs/log-metric", {"run_id": run, "key": "bare", "value": 0.5, "timestamp": 9, "model_id": ids[2]})
    for text, datasets in [
        ("", [("later", "l")]), ("", [("test", "x")]), ("", [("later", "l"), ("train", "t")]), ("name = 'alpha'", [("later", "l")]),
        ("params.alpha != '9'", [("later", "l")]), ("metrics.r2 > 0", [("later", "l")]), ("metrics.r2 > 0", [("train", "t")]),
        ("metrics.mae >= 0 AND metrics.r2 >= 0", [("later", "l"), ("train", "t")]), ("metrics.bare > 0", []), ("metrics.bare > 0", [("train", "t")]),
        ("metrics.mae > 0.6 AND metrics.mae < 0.2", []),
    ]:
        search(filter=text, datasets=[{"dataset_name": name, "dataset_digest": digest} for name, digest in datasets], order_by=by_name)
    for order in [
        [{"field_name": "name", "ascending": False}, {"field_name": "creation_timestamp", "ascending": False}],
        [{"field_name": "creation_timestamp", "ascending": True}], [{"field_name": "creation_timestamp", "ascending": False}],
        [{"field_name": "metrics.mae", "ascending": True, "dataset_name": "train"}], [{"field_name": "metrics.mae", "ascending": False, "dataset_name": "test"}],
        [{"field_name": "metrics.mae", "ascending": True, "dataset_name": "test", "dataset_digest": "t"}],
        [{"field_name": "metrics.nothing"}, {"field_name": "creation_timestamp", "ascending": True}], [{"field_name": "model_type", "ascending": True}],
        [{"field_name": "last_updated_timestamp", "ascending": True}], [],
        [{"field_name": "metrics.r2", "dataset_name": "later", "dataset_digest": "l"}, {"field_name": "name"}, {"field_name": "creation_timestamp"}],
        [{"field_name": "metrics.mae", "ascending": False, "dataset_name": "train", "dataset_digest": "nothing"}, {"field_name": "creation_timestamp"}],
        [{"field_name": "source_run_id"}, {"field_name": "name", "ascending": False}, {"field_name": "creation_timestamp"}],
        [{"field_name": "model_id", "ascending": True}, {"field_name": "params.alpha"}], [{"field_name": "status", "ascending": False}, {"field_name": "creation_timestamp"}],
    ]:
        search(order_by=order)
    search([one, two], order_by=by_name)
    first = search([one, two], order_by=by_name, max_results=2)
    again = search([one, two], order_by=by_name, max_results=2, page_token=first["next_page_token"])
    search([one, two], order_by=by_name, max_results=2, page_token=again.get("next_page_token"))
    w.case("a token of another search").call(
        "POST", "logged-models/search", {"experiment_ids": [one], "max_results": 2, "page_token": first["next_page_token"]}, show=lambda a: "found"
    )
    for body in [
        {}, {"experiment_ids": "x"}, {"experiment_ids": [one], "max_results": 0}, {"experiment_ids": [one], "max_results": 1_001},
        {"experiment_ids": [one], "filter": "name >"}, {"experiment_ids": [one], "filter": "colour = 'x'"}, {"experiment_ids": [one], "filter": "metrics.mae = 'x'"},
        {"experiment_ids": [one], "order_by": [{"field_name": "colour"}]}, {"experiment_ids": [one], "order_by": [{"ascending": True}]},
        {"experiment_ids": [one], "datasets": [{"dataset_digest": "x"}], "filter": "metrics.mae > 1"}, {"experiment_ids": ["999999"]},
        {"experiment_ids": [one], "page_token": "%%%"},
    ]:
        w.call("POST", "logged-models/search", body, show=lambda a: len(a.get("models", [])))


def files_of_a_logged_model(w: World) -> None:
    one = w.experiment()
    info = w.quietly("POST", "logged-models", {"experiment_id": one, "name": "m"})["model"]["info"]
    model, root = info["model_id"], info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for path, content in [("MLmodel", b"flavors: {}"), ("code/a b.py", b"pass")]:
        w.call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{root}/{path}", raw=content)
    w.get(f"logged-models/{model}/artifacts/directories")
    w.get(f"logged-models/{model}/artifacts/directories", artifact_directory_path="code")
    w.get(f"logged-models/{model}/artifacts/directories", artifact_directory_path="nothing")
    w.get(f"logged-models/{model}/artifacts/directories", artifact_directory_path="../..")
    files = f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files"
    w.get(files, artifact_file_path="MLmodel")
    w.get(files, artifact_file_path="code/a b.py")
    w.get(files)
    w.get(files, artifact_file_path="../MLmodel")
    w.get(f"logged-models/{'m-' + '0' * 32}/artifacts/directories")


SCENARIOS = [life_of_a_logged_model, logged_models_that_cannot_be, searching_logged_models, files_of_a_logged_model]
