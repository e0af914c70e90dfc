"""Histories of metrics: order, repeats, pages, sampling."""

from __future__ import annotations

from typing import Any

from .world import World


def _log(w: World, run: str, points: list[dict[str, Any]]) -> None:
    for start in range(0, len(points), 1_000):
        w.quietly("POST", "runs/log-batch", {"run_id": run, "metrics": points[start : start + 1_000]})


def late_repeated_and_disordered_points(w: World) -> None:
    run = w.run(w.experiment())

    def log(**point: Any) -> None:
        w.post("runs/log-metric", {"run_id": run, **point})

    def last(key: str) -> None:
        show = lambda answer: [m for m in answer["run"]["data"].get("metrics", []) if m["key"] == key]  # noqa: E731
        w.call("GET", "runs/get", query={"run_id": run}, show=show)

    log(key="m", value=1.0, timestamp=10, step=5)
    log(key="m", value=2.0, timestamp=20, step=3)
    last("m")
    log(key="m", value=3.0, timestamp=5, step=5)
    last("m")
    log(key="m", value=4.0, timestamp=10, step=5)
    last("m")
    log(key="m", value=0.5, timestamp=10, step=5)
    last("m")
    log(key="m", value=0.5, timestamp=10, step=5)
    log(key="m", value="NaN", timestamp=10, step=5)
    last("m")
    log(key="m", value="NaN", timestamp=30, step=9)
    log(key="m", value="NaN", timestamp=30, step=9)
    last("m")
    log(key="m", value=7, timestamp=30, step=9)
    last("m")
    log(key="m", value="Infinity", timestamp=30, step=9)
    last("m")
    log(key="m", value=-1, timestamp=31, step=-9)
    last("m")
    w.call("GET", "metrics/get-history", query={"run_id": run, "metric_key": "m", "max_results": 100})
    w.case("one batch out of order").post(
        "runs/log-batch",
        {"run_id": run, "metrics": [{"key": "b", "value": v, "timestamp": t, "step": s} for v, t, s in [(1, 9, 2), (2, 8, 7), (3, 7, 7), (2, 8, 7), (9, 1, 0)]]},
    )
    last("b")
    w.call("GET", "metrics/get-history", query={"run_id": run, "metric_key": "b", "max_results": 100})


def pages_of_a_history(w: World) -> None:
    run = w.run(w.experiment())
    _log(w, run, [{"key": "m", "value": n / 4, "timestamp": 1_000 + n, "step": n} for n in range(25)])
    token = ""
    for _ in range(4):
        query = {"run_id": run, "metric_key": "m", "max_results": 10, **({"page_token": token} if token else {})}
        token = w.call("GET", "metrics/get-history", query=query).get("next_page_token", "")
        if not token:
            break
    w.case("without max_results").get("metrics/get-history", run_id=run, metric_key="m")
    w.case("as many as there are").get("metrics/get-history", run_id=run, metric_key="m", max_results=25)
    w.case("a metric that is not there").get("metrics/get-history", run_id=run, metric_key="nothing", max_results=10)
    w.case("a run that is not there").get("metrics/get-history", run_id="nobody", metric_key="m", max_results=10)
    w.case("by its old name").get("metrics/get-history", run_uuid=run, metric_key="m", max_results=2)
    w.get("metrics/get-history", run_id=run, max_results=10)
    w.get("metrics/get-history", metric_key="m", max_results=10)
    w.case("a token of nobody").get("metrics/get-history", run_id=run, metric_key="m", max_results=10, page_token="%%%")


def histories_of_many_runs(w: World) -> None:
    one = w.experiment()
    runs = [w.run(one, f"run {n}") for n in range(3)]
    for number, run in enumerate(runs):
        _log(w, run, [{"key": "m", "value": n + number, "timestamp": n, "step": n * (number + 1)} for n in range(40 - 10 * number)])
    path = "metrics/get-history-bulk-interval"
    bulk = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
    show = lambda answer: [[m["run_id"], m["step"], m["value"], m["timestamp"], m["key"]] for m in answer.get("metrics", [])]  # noqa: E731
    w.call("GET", path, query={"run_ids": runs, "metric_key": "m"}, show=show)
    w.call("GET", path, query={"run_ids": runs, "metric_key": "m", "max_results": 2500}, show=show)
    w.call("GET", path, query={"run_ids": runs[0], "metric_key": "m", "start_step": 5, "end_step": 9}, show=show)
    w.call("GET", path, query={"run_ids": runs[0], "metric_key": "m", "start_step": 5, "end_step": 5}, show=show)
    w.call("GET", path, query={"run_ids": runs, "metric_key": "nothing"}, show=show)
    w.case("sampled").call(
        "GET", path, query={"run_ids": runs[0], "metric_key": "m", "max_results": 10},
        show=lambda a: {"at most": len(a["metrics"]) <= 12, "first": a["metrics"][0]["step"], "last": a["metrics"][-1]["step"]},
    )
    for query in [
        {}, {"run_ids": runs}, {"metric_key": "m"}, {"run_ids": runs, "metric_key": "m", "max_results": 0},
        {"run_ids": runs, "metric_key": "m", "max_results": 2501}, {"run_ids": runs, "metric_key": "m", "max_results": "x"},
        {"run_ids": runs, "metric_key": "m", "start_step": 5}, {"run_ids": runs, "metric_key": "m", "start_step": 9, "end_step": 5},
        {"run_ids": runs, "metric_key": "m", "start_step": "a", "end_step": 5}, {"run_ids": ["nobody"], "metric_key": "m"},
        {"run_ids": [f"r{n}" for n in range(101)], "metric_key": "m"},
    ]:
        w.call("GET", path, query=query)
    w.call("GET", bulk, query={"run_id": runs, "metric_key": "m"}, show=lambda a: sorted(show(a), key=lambda row: (runs.index(row[0]), row[3])))
    w.call("GET", bulk, query={"run_id": runs[0], "metric_key": "m", "max_results": 15}, show=show)
    for query in [{}, {"run_id": runs}, {"run_id": [f"r{n}" for n in range(101)], "metric_key": "m"}, {"run_id": "nobody", "metric_key": "m"}]:
        w.call("GET", bulk, query=query)


SCENARIOS = [late_repeated_and_disordered_points, pages_of_a_history, histories_of_many_runs]
