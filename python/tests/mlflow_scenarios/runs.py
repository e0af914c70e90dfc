"""Runs: their life, what is logged to them, and what is refused."""

from __future__ import annotations

from typing import Any

from .world import World


def life_of_a_run(w: World) -> None:
    one = w.experiment()
    made = w.post(
        "runs/create",
        {
            "experiment_id": one, "user_id": "ada", "run_name": "first", "start_time": 1_600_000_000_123,
            "tags": [{"key": "a", "value": "b"}, {"key": "empty", "value": ""}],
        },
    )
    run = made["run"]["info"]["run_id"]
    w.get("runs/get", run_id=run)
    w.case("by its old name").get("runs/get", run_uuid=run)
    w.post("runs/update", {"run_id": run, "status": "SCHEDULED"})
    w.post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": 1_600_000_009_000})
    w.case("renamed").post("runs/update", {"run_id": run, "run_name": "second"})
    w.get("runs/get", run_id=run)
    w.case("an empty name").post("runs/update", {"run_id": run, "run_name": ""})
    w.case("status as a number").post("runs/update", {"run_id": run, "status": 4})
    w.case("nothing").post("runs/update", {"run_id": run})
    w.case("by its old name").post("runs/update", {"run_uuid": run, "status": "KILLED"})
    w.case("the name by its tag").post("runs/set-tag", {"run_id": run, "key": "mlflow.runName", "value": "third"})
    w.get("runs/get", run_id=run)
    w.post("runs/delete", {"run_id": run})
    w.case("deleted twice").post("runs/delete", {"run_id": run})
    w.get("runs/get", run_id=run)
    w.post("runs/restore", {"run_id": run})
    w.case("restored twice").post("runs/restore", {"run_id": run})
    w.get("runs/get", run_id=run)


def ways_to_begin_a_run(w: World) -> None:
    one = w.experiment()
    for body in [
        {"experiment_id": one},
        {"experiment_id": one, "start_time": 5},
        {"experiment_id": one, "start_time": "6"},
        {"experiment_id": one, "start_time": 5, "run_name": ""},
        {"experiment_id": one, "start_time": 5, "tags": [{"key": "mlflow.runName", "value": "by tag"}]},
        {"experiment_id": one, "start_time": 5, "tags": [{"key": "mlflow.user", "value": "by tag"}]},
        {"experiment_id": one, "start_time": 5, "run_name": "same", "tags": [{"key": "mlflow.runName", "value": "same"}]},
        {"experiment_id": one, "start_time": 5, "run_name": "one", "tags": [{"key": "mlflow.runName", "value": "other"}]},
        {"experiment_id": one, "start_time": 5, "unknown_field": {"a": 1}},
        {"experiment_id": "999999", "start_time": 5},
        {"experiment_id": "words", "start_time": 5},
        {"experiment_id": 3, "start_time": 5},
        {"experiment_id": one, "start_time": "soon"},
        {"experiment_id": one, "start_time": 5, "run_name": 3},
        {"experiment_id": one, "start_time": 5, "tags": [{"key": "long", "value": "v" * 8_001}]},
        {"experiment_id": one, "start_time": 5, "run_name": "n" * 251},
    ]:
        w.post("runs/create", body)
    for key in ["k" * 251, "a/../b"]:
        body = {"experiment_id": one, "start_time": 5, "tags": [{"key": key, "value": "v"}]}
        w.case("a tag that could not be set later").call("POST", "runs/create", body, show=lambda _: "made")
    w.case("no experiment named").call(
        "POST", "runs/create", {"start_time": 5}, show=lambda answer: answer["run"]["info"]["experiment_id"]
    )


def logging_one_by_one(w: World) -> None:
    run = w.run(w.experiment())
    for body in [
        {"key": "m", "value": 1.5, "timestamp": 1_000, "step": 1},
        {"key": "m", "value": 2.5, "timestamp": 2_000, "step": 2},
        {"key": "no step", "value": 1, "timestamp": 1_000},
        {"key": "text", "value": "3.25", "timestamp": "1000", "step": "7"},
        {"key": "negative", "value": -1e-300, "timestamp": 1_000, "step": -5},
        {"key": "nan", "value": "NaN", "timestamp": 1_000},
        {"key": "inf", "value": "Infinity", "timestamp": 1_000},
        {"key": "minus", "value": "-Infinity", "timestamp": 1_000},
        {"key": "tiny", "value": 5e-324, "timestamp": 1_000},
        {"key": "big", "value": 1.7976931348623157e308, "timestamp": 1_000},
        {"key": "whole", "value": 12345678901234567890, "timestamp": 1_000},
        {"key": "a/b.c-d e:f", "value": 1, "timestamp": 1_000},
        {"key": "größe", "value": 1, "timestamp": 1_000},
        {"key": "zero", "value": 0, "timestamp": 0},
    ]:
        w.post("runs/log-metric", {"run_id": run, **body})
    w.case("by its old name").post("runs/log-metric", {"run_uuid": run, "key": "old", "value": 1, "timestamp": 1_000})
    for key, value in [("p", "1"), ("p", "1"), ("empty", ""), ("a/b", "x y"), ("json", '{"a": [1]}'), ("größe", "ä")]:
        w.post("runs/log-parameter", {"run_id": run, "key": key, "value": value})
    w.case("no value").post("runs/log-parameter", {"run_id": run, "key": "none"})
    w.case("another value").post("runs/log-parameter", {"run_id": run, "key": "p", "value": "2"})
    w.case("empty to something").post("runs/log-parameter", {"run_id": run, "key": "empty", "value": "2"})
    for key, value in [("t", "1"), ("t", "2"), ("empty", ""), ("a.b/c d", "x"), ("long", "v" * 9_000)]:
        w.post("runs/set-tag", {"run_id": run, "key": key, "value": value})
    w.case("no value").post("runs/set-tag", {"run_id": run, "key": "none"})
    w.case("a long param is cut").post("runs/log-parameter", {"run_id": run, "key": "long", "value": "v" * 7_000})
    w.post("runs/delete-tag", {"run_id": run, "key": "t"})
    w.case("a tag that is not there").post("runs/delete-tag", {"run_id": run, "key": "t"})
    w.get("runs/get", run_id=run)


def what_a_run_refuses(w: World) -> None:
    run = w.run(w.experiment())
    metric = {"run_id": run, "key": "m", "value": 1, "timestamp": 1}
    for name in metric:
        w.case(f"without {name}").post("runs/log-metric", {k: v for k, v in metric.items() if k != name})
    for name, value in [
        ("run_id", ""), ("run_id", 4), ("run_id", "nobody"), ("run_id", "0" * 32), ("key", ""), ("key", 4), ("value", "abc"),
        ("value", ""), ("value", None), ("timestamp", "abc"), ("step", "abc"), ("key", "../x"),
        ("key", "/x"), ("key", "a//b"), ("key", "a/./b"), ("key", "."), ("key", "a;b"), ("key", "k" * 251), ("key", "k" * 250),
        ("key", "a\nb"), ("key", "a%b"), ("timestamp", -1), ("key", " "),
    ]:
        w.post("runs/log-metric", {**metric, name: value})
    for path in ["log-parameter", "set-tag", "delete-tag"]:
        good: dict[str, Any] = {"run_id": run, "key": "k", "value": "v"}
        for name, value in [
            ("run_id", None), ("run_id", "nobody"), ("key", None), ("key", ""), ("key", 4), ("value", 4), ("key", "../x"),
            ("key", "k" * 251), ("key", "a;b"), ("key", "/a"), ("value", None), ("key", "a=b"),
        ]:
            body = {k: v for k, v in {**good, name: value}.items() if v is not None}
            w.post(f"runs/{path}", body)
    for path in ["runs/update", "runs/delete", "runs/restore"]:
        w.post(path, {})
        w.post(path, {"run_id": "nobody"})
        w.post(path, {"run_id": 4})
    for body in [{"status": 9}, {"end_time": "later"}, {"run_name": 4}]:
        w.post("runs/update", {"run_id": run, **body})
    w.get("runs/get")
    w.get("runs/get", run_id="nobody")
    w.get("runs/get", run_id="")
    w.case("nothing of it was kept").get("runs/get", run_id=run)


def batches(w: World) -> None:
    run = w.run(w.experiment())
    body = {
        "run_id": run,
        "metrics": [
            {"key": "m", "value": 0.5, "timestamp": 1, "step": 1}, {"key": "m", "value": 0.25, "timestamp": 2, "step": 2},
            {"key": "n", "value": "NaN", "timestamp": 1},
        ],
        "params": [{"key": "p", "value": "x"}, {"key": "q", "value": ""}],
        "tags": [{"key": "t", "value": "y"}, {"key": "mlflow.runName", "value": "renamed"}],
    }
    w.post("runs/log-batch", body)
    w.case("the same again").post("runs/log-batch", body)
    w.get("runs/get", run_id=run)
    w.call("GET", "metrics/get-history", query={"run_id": run, "metric_key": "m", "max_results": 100})
    w.case("nothing").post("runs/log-batch", {"run_id": run})
    w.case("one key twice").post("runs/log-batch", {"run_id": run, "params": [{"key": "d", "value": "1"}, {"key": "d", "value": "1"}]})
    w.case("one key with two values").post(
        "runs/log-batch", {"run_id": run, "params": [{"key": "e", "value": "1"}, {"key": "e", "value": "2"}]}
    )
    w.case("one tag twice").post("runs/log-batch", {"run_id": run, "tags": [{"key": "d", "value": "1"}, {"key": "d", "value": "2"}]})
    w.case("a param that changes").post(
        "runs/log-batch",
        {"run_id": run, "metrics": [{"key": "late", "value": 1, "timestamp": 1}], "params": [{"key": "p", "value": "z"}, {"key": "r", "value": "1"}]},
    )
    w.case("params that were too long are cut").post("runs/log-batch", {"run_id": run, "params": [{"key": "long", "value": "v" * 6_001}]})
    w.get("runs/get", run_id=run)
    point = {"key": "x", "value": 1, "timestamp": 1}
    for name, broken in [
        ("metrics", [{"value": 1, "timestamp": 1}]), ("metrics", [point, {"key": "a", "timestamp": 1}]), ("metrics", [{"key": "a", "value": 1}]),
        ("metrics", [{**point, "key": "../x"}]), ("metrics", [{**point, "key": "k" * 251}]),
        ("metrics", "text"), ("metrics", {}), ("metrics", [{**point, "key": ""}]), ("metrics", [{**point, "value": None}]),
        ("params", [{"value": "1"}]), ("params", [{"key": "../a", "value": "1"}]),
        ("params", [{"key": "k" * 251, "value": "1"}]), ("params", "text"), ("params", [{"key": "", "value": "1"}]),
        ("tags", [{"value": "1"}]), ("tags", [{"key": "a;b", "value": "1"}]), ("tags", [{"key": "k" * 251, "value": "1"}]),
        ("tags", {"a": "b"}), ("params", [{"key": "ok"}]), ("tags", [{"key": "ok"}]),
    ]:
        w.post("runs/log-batch", {"run_id": run, name: broken})
    w.post("runs/log-batch", {})
    w.post("runs/log-batch", {"run_id": "nobody", "metrics": [point]})
    w.case("nobody, nothing").post("runs/log-batch", {"run_id": "nobody"})
    many = lambda n: [{"key": f"k{i}", "value": "1"} for i in range(n)]  # noqa: E731
    points = lambda n: [{"key": "many", "value": i, "timestamp": i, "step": i} for i in range(n)]  # noqa: E731
    for what in [
        {"metrics": points(1_001)}, {"params": many(101)}, {"tags": many(101)}, {"metrics": points(900), "params": many(51), "tags": many(50)},
        {"metrics": points(1_000)}, {"metrics": points(800), "params": many(100), "tags": many(100)},
    ]:
        counts = ", ".join(f"{len(v)} {k}" for k, v in what.items())
        w.case(counts).call("POST", "runs/log-batch", {"run_id": run, **what})
    w.case("more than a megabyte").call(
        "POST", "runs/log-batch", {"run_id": run, "params": [{"key": f"p{i}", "value": "v" * 12_000} for i in range(90)]}
    )
    w.get("runs/get", run_id=run)


def values_that_are_bent(w: World) -> None:
    """What MLflow's server takes for something else than was sent, or fails at; kept apart, as it keeps the results."""
    run = w.run(w.experiment())
    point = {"key": "m", "value": 1, "timestamp": 1}
    for name, value in [("timestamp", 1.5), ("step", 1.5), ("value", True), ("value", [1]), ("step", 2**63), ("timestamp", 2.0), ("step", 3e0)]:
        w.post("runs/log-metric", {"run_id": run, **point, name: value})
    for what in [
        {"metrics": [{**point, "key": 4}]}, {"metrics": [{**point, "value": "abc"}]}, {"metrics": [{**point, "timestamp": "abc"}]},
        {"metrics": [{**point, "step": 1.5}]}, {"metrics": [4]}, {"params": [{"key": "a", "value": 4}]}, {"tags": [{"key": "a", "value": 4}]},
    ]:
        w.post("runs/log-batch", {"run_id": run, **what})
    w.call("POST", "runs/update", {"run_id": run, "status": "DONE"}, show=lambda _: "done")
    plain = {"name": "plain", "digest": "d2", "source_type": "s3", "source": "s3://b/x"}
    for name in plain:
        w.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": {**plain, name: ""}}]})
    w.post("runs/log-inputs", {"run_id": run, "datasets": [{"tags": []}]})


def writing_to_a_deleted_run(w: World) -> None:
    run = w.run(w.experiment())
    w.quietly("POST", "runs/set-tag", {"run_id": run, "key": "t", "value": "1"})
    w.quietly("POST", "runs/delete", {"run_id": run})
    w.post("runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1})
    w.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "1"})
    w.post("runs/set-tag", {"run_id": run, "key": "t", "value": "2"})
    w.post("runs/delete-tag", {"run_id": run, "key": "t"})
    w.post("runs/log-batch", {"run_id": run, "metrics": [{"key": "m", "value": 1, "timestamp": 1}]})
    w.post("runs/update", {"run_id": run, "status": "FINISHED"})
    w.post("runs/log-inputs", {"run_id": run, "datasets": []})
    w.post("runs/outputs", {"run_id": run, "models": []})
    w.get("runs/get", run_id=run)
    w.call("GET", "metrics/get-history", query={"run_id": run, "metric_key": "m", "max_results": 10})


def models_described_in_a_tag(w: World) -> None:
    run = w.run(w.experiment())
    model = '{"artifact_path": "model", "flavors": {"python_function": {}}, "utc_time_created": "2024-01-01", "run_id": "%s"}' % run
    w.post("runs/log-model", {"run_id": run, "model_json": model})
    w.call("GET", "runs/get", query={"run_id": run}, show=lambda a: sorted(t["key"] for t in a["run"]["data"]["tags"]))
    w.post("runs/log-model", {"run_id": run})
    w.post("runs/log-model", {"model_json": model})
    w.post("runs/log-model", {"run_id": run, "model_json": "{no json"})
    w.post("runs/log-model", {"run_id": run, "model_json": '{"artifact_path": "m", "flavors": {}, "utc_time_created": "x"}'})
    w.post("runs/log-model", {"run_id": "nobody", "model_json": model})


def datasets_and_models_of_a_run(w: World) -> None:
    one = w.experiment()
    run = w.run(one)
    dataset = {"name": "traffic", "digest": "d1", "source_type": "local", "source": '{"uri": "x"}', "schema": "{}", "profile": '{"rows": 3}'}
    context = {"key": "mlflow.data.context", "value": "training"}
    w.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": [context]}]})
    w.case("the same again").post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": [context]}]})
    plain = {"name": "plain", "digest": "d2", "source_type": "s3", "source": "s3://b/x"}
    w.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": plain}]})
    w.get("runs/get", run_id=run)
    search = {"experiment_ids": [one]}
    w.call("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", search)
    w.case("as MLflow registers it, with a slash left out").call("POST", "/api/2.0mlflow/experiments/search-datasets", search)
    for name, value in [("name", "n" * 501), ("digest", "d" * 37)]:
        w.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": {**plain, name: value}}]})
    for body in [
        {}, {"run_id": run}, {"run_id": run, "datasets": []}, {"run_id": run, "datasets": "x"}, {"run_id": "nobody", "datasets": [{"dataset": plain}]},
        {"run_id": run, "datasets": [{"dataset": plain, "tags": [{"key": "k" * 256, "value": "v"}]}]},
        {"run_id": run, "datasets": [{"dataset": plain, "tags": [{"key": "k", "value": "v" * 501}]}]},
    ]:
        w.post("runs/log-inputs", body)
    model = w.quietly("POST", "logged-models", {"experiment_id": one, "name": "m", "source_run_id": run})["model"]["info"]["model_id"]
    w.post("runs/log-inputs", {"run_id": run, "models": [{"model_id": model}]})
    w.post("runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": 3}]})
    w.case("the same again").post("runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": 3}]})
    w.get("runs/get", run_id=run)
    for body in [{}, {"run_id": run}, {"run_id": run, "models": []}, {"run_id": "nobody", "models": [{"model_id": model, "step": 0}]}]:
        w.post("runs/outputs", body)
    for body in [{}, {"experiment_ids": []}, {"experiment_ids": ["999999"]}, {"experiment_ids": [str(900_000 + n) for n in range(21)]}]:
        w.call("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", body)


SCENARIOS = [
    life_of_a_run, ways_to_begin_a_run, logging_one_by_one, what_a_run_refuses, batches, values_that_are_bent, writing_to_a_deleted_run,
    models_described_in_a_tag, datasets_and_models_of_a_run,
]
