"""Searching runs: the whole filter grammar, ordering, pages and views."""

from __future__ import annotations

from typing import Any

from .world import World

# name, params, tags, metrics, status, start, end
RUNS: list[tuple[str, dict[str, str], dict[str, str], dict[str, Any], str, int, int | None]] = [
    ("ridge", {"depth": "1", "kind": "Linear"}, {"team": "a", "n o": "1"}, {"mae": 1.0, "r 2": 0.5}, "FINISHED", 1_000, 2_000),
    ("lasso", {"depth": "2", "kind": "linear"}, {"team": "A"}, {"mae": 2.0, "r 2": 0.25}, "FINISHED", 1_001, 2_001),
    ("trees", {"depth": "10", "kind": "tree's"}, {"team": "b_c"}, {"mae": 0.5}, "FAILED", 1_002, 2_002),
    ("Trees", {"depth": "3"}, {"team": "b%c", "path/x": "é"}, {"mae": "NaN"}, "RUNNING", 1_003, None),
    ("nothing", {}, {}, {}, "SCHEDULED", 1_004, None),
    ("high", {"depth": ""}, {"empty": ""}, {"mae": "Infinity"}, "KILLED", 1_005, 2_005),
    ("low", {"kind": 'say "x"'}, {"team": "a", "k.e.y": "v"}, {"mae": "-Infinity", "x": -1.5}, "FINISHED", 1_006, 2_006),
    ("same", {"depth": "2"}, {"team": "a"}, {"mae": 1.0}, "FINISHED", 1_007, 2_007),
]


def _runs(w: World, experiment: str) -> dict[str, str]:
    made = {}
    for name, params, tags, metrics, status, start, end in RUNS:
        pairs = [{"key": k, "value": v} for k, v in tags.items()]
        run = w.run(experiment, name, start_time=start, tags=pairs, user_id="ada" if start % 2 else "Bob")
        batch = {
            "run_id": run,
            "params": [{"key": k, "value": v} for k, v in params.items()],
            "metrics": [{"key": k, "value": v, "timestamp": 1, "step": 0} for k, v in metrics.items()],
        }
        w.quietly("POST", "runs/log-batch", batch)
        w.quietly("POST", "runs/update", {"run_id": run, "status": status, **({"end_time": end} if end else {})})
        made[name] = run
    # The newest value counts, not the greatest.
    w.quietly("POST", "runs/log-metric", {"run_id": made["same"], "key": "mae", "value": 1.5, "timestamp": 2, "step": 1})
    return made


def _names(answer: Any) -> Any:
    more = {k: v for k, v in answer.items() if k != "runs"}
    return {**more, "runs": [run["info"]["run_name"] for run in answer.get("runs", [])]}


def _search(w: World, experiment: str, text: str | None = None, **more: Any) -> Any:
    body = {"experiment_ids": [experiment], "order_by": ["attributes.start_time ASC", "attributes.run_name ASC"], **more}
    if text is not None:
        body["filter"] = text
    return w.call("POST", "runs/search", body, show=_names)


def filters_on_runs(w: World) -> None:
    one = w.experiment()
    made = _runs(w, one)
    ids = f"'{made['ridge']}', '{made['low']}'"
    for text in [
        "", " ",
        *(f"metrics.mae {sign} 1" for sign in [">", ">=", "=", "!=", "<", "<="]),
        "metrics.mae = 1.0", "metric.mae > 0.5", "metrics.mae > -1", "metrics.mae > 1e-1", "metrics.mae >= .5", "metrics.`r 2` > 0.3",
        'metrics."r 2" > 0.3', "metrics.x < 0", "metrics.x = -1.5", "metrics.nothing > 0", "metrics.mae>1", "metrics.mae <= 1 AND metrics.mae >= 1",
        *(f"params.depth {sign} '2'" for sign in ["=", "!="]),
        "param.depth = '10'", "parameter.depth = '10'", "parameters.depth = \"10\"", "params.depth = ''",
        "params.kind LIKE 'lin%'", "params.kind ILIKE 'lin%'", "params.kind LIKE 'Lin%'", "params.kind like '%ar'", "params.depth LIKE '_'",
        "params.kind = 'tree''s'", 'params.kind = "tree\'s"', "params.kind = 'say \"x\"'", "params.kind IS NULL", "params.kind IS NOT NULL",
        "params.kind is null", "params.nothing IS NULL", "params.nothing = 'x'", "params.nothing != 'x'",
        *(f"tags.team {sign} 'a'" for sign in ["=", "!="]),
        "tag.team = 'A'", "tags.team ILIKE 'A'", "tags.team LIKE 'b_c'", "tags.team LIKE 'b%c'", "tags.`n o` = '1'", 'tags."n o" = \'1\'',
        "tags.`path/x` = 'é'", "tags.k.e.y = 'v'", "tags.`k.e.y` = 'v'", "tags.empty = ''", "tags.team IS NULL", "tags.team IS NOT NULL",
        "tags.mlflow.runName = 'ridge'", "tags.`mlflow.runName` LIKE '%s'", "tags.mlflow.user = 'ada'",
        "attributes.status = 'FINISHED'", "attribute.status != 'FINISHED'", "attr.status = 'finished'", "run.status = 'FAILED'", "status = 'KILLED'",
        "status LIKE 'FIN%'", "status ILIKE 'fin%'", "run_name = 'trees'", "attributes.run_name = 'Trees'", "run_name LIKE '%rees'",
        "run_name ILIKE 'TREES'", "run_name != 'trees'", "`run name` = 'lasso'", '"run name" = \'lasso\'', "`Run Name` = 'lasso'",
        "attributes.`Run name` = 'lasso'", "run_name IS NULL", "user_id = 'ada'", "attributes.user_id != 'ada'", "user_id LIKE 'B%'",
        f"run_id = '{made['trees']}'", f"attributes.run_id != '{made['trees']}'", f"run_id IN ({ids})", f"attributes.run_id NOT IN ({ids})",
        f"run_id IN ('{made['trees']}')", "run_id IN ('nobody')", f"run_id IN ({ids}) AND metrics.mae = 1", f"run_id LIKE '{made['trees']}'",
        "artifact_uri LIKE '%artifacts'", "attributes.artifact_uri = 'x'",
        "start_time > 1002", "attributes.start_time <= 1002", "start_time = 1006", "start_time != 1006", "end_time < 2002", "end_time >= 2006",
        "attributes.end_time > 0", "created > 1005", "attributes.Created > 1005",
        "metrics.mae > 0 AND params.depth = '2'", "metrics.mae > 0 and tags.team = 'a' and status = 'FINISHED'",
        "metrics.mae>0 AND params.kind='linear'", "  metrics.mae  >  0  ", "metrics.mae > 0\nAND status = 'FINISHED'",
    ]:
        _search(w, one, text)


def filters_that_are_refused(w: World) -> None:
    one = w.experiment()
    _runs(w, one)
    for text in [
        "metrics.mae", "metrics.mae >", "metrics.mae > 'x'", "metrics.mae LIKE 'x'", "metrics.mae = x", "metrics.mae > 1 AND", "AND", "mae > 1",
        "params.depth > '1'", "params.depth = 1", "params.depth = x", "params.depth IN ('1')", "tags.team < 'a'", "tags.team = a", "tags.team = 1",
        "colour = 'red'", "attributes.colour = 'red'", "colours.x = 'red'", "status > 'A'", "status = RUNNING", "start_time = 'x'", "start_time LIKE '1'",
        "start_time > 1.5", "run_id IN ()", "run_id IN ('a'", "run_id IN (a)", "run_id IN (1)", "run_name IN ('a', 'b')", "status IN ('FINISHED')",
        "run_id > 'a'", "metrics.mae > 1 metrics.mae < 3", "metrics.mae > 1 , metrics.mae < 3", "metrics.mae == 1", "metrics.mae <> 1",
        "params.kind = 'open", "metrics.mae IS NULL", "params.kind IS x", "NOT metrics.mae > 1", "1 < metrics.mae", "tags. = 'x'", "datasets.colour = 'x'",
        "datasets.name > 'x'", "params.kind LIKE 3", "metrics.mae BETWEEN 1 AND 2", "1 = 1", ";", "metrics.mae > 1; DROP TABLE runs",
    ]:
        _search(w, one, text)
    w.case("or").call("POST", "runs/search", {"experiment_ids": [one], "filter": "metrics.mae = 2 OR params.depth = '10'"}, show=_names)
    w.case("parentheses").call("POST", "runs/search", {"experiment_ids": [one], "filter": "(metrics.mae = 2)"}, show=_names)


def ordering_runs(w: World) -> None:
    one = w.experiment()
    _runs(w, one)
    for order in [
        [], ["metrics.mae"], ["metrics.mae ASC"], ["metrics.mae DESC"], ["metric.mae desc"], ["metrics.`r 2` DESC"], ["params.depth ASC"],
        ["params.depth DESC"], ["parameter.kind ASC"], ["tags.team ASC"], ["tags.team DESC"], ["tag.`n o`"], ["attributes.start_time DESC"],
        ["start_time ASC"], ["start_time"], ["end_time ASC"], ["end_time DESC"], ["attributes.end_time"], ["run_name ASC"], ["run_name DESC"],
        ["`Run Name` ASC"], ["status ASC", "start_time DESC"], ["attributes.status DESC", "metrics.mae ASC"], ["user_id ASC", "run_name ASC"],
        ["tags.team ASC", "metrics.mae DESC"], ["metrics.nothing DESC"], ["created DESC"], ["Created ASC"], ["tags.mlflow.runName ASC"],
    ]:
        w.call("POST", "runs/search", {"experiment_ids": [one], "order_by": order}, show=_names)
    for order in [["mae"], ["metrics.mae sideways"], ["colours.x"], ["attributes.colour"], [""], ["metrics.mae DESC ASC"], [4], "metrics.mae"]:
        w.call("POST", "runs/search", {"experiment_ids": [one], "order_by": order}, show=_names)


def pages_views_and_experiments(w: World) -> None:
    one, two = w.experiment("one"), w.experiment("two")
    made = _runs(w, one)
    w.run(two, "of two", start_time=1_003)
    w.quietly("POST", "runs/delete", {"run_id": made["trees"]})
    body: dict[str, Any] = {"experiment_ids": [one, two], "order_by": ["start_time ASC", "run_name ASC"], "max_results": 4}
    token = None
    for _ in range(4):
        token = w.call("POST", "runs/search", {**body, **({"page_token": token} if token else {})}, show=_names).get("next_page_token")
        if not token:
            break
    w.case("as many as there are").call("POST", "runs/search", {**body, "max_results": 8}, show=_names)
    for view in ["ACTIVE_ONLY", "DELETED_ONLY", "ALL", 1, 2, 3]:
        w.call("POST", "runs/search", {**body, "max_results": 50, "run_view_type": view}, show=_names)
    w.case("no experiments").call("POST", "runs/search", {"max_results": 5}, show=lambda a: len(a.get("runs", [])))
    w.call("POST", "runs/search", {"experiment_ids": []}, show=lambda a: len(a.get("runs", [])))
    for more in [
        {"max_results": 0}, {"max_results": -1}, {"max_results": 50_001}, {"max_results": 50_000}, {"max_results": "3"}, {"max_results": "x"},
        {"run_view_type": "SOME"}, {"page_token": "%%%"}, {"filter": 4}, {"experiment_ids": "x"}, {"experiment_ids": ["999999"]},
        {"experiment_ids": [900_004]}, {"experiment_ids": ["words"]}, {"order_by": "start_time"},
    ]:
        w.call("POST", "runs/search", {**body, **more}, show=_names)
    w.case("a whole run").call(
        "POST", "runs/search", {"experiment_ids": [one], "filter": "run_name = 'ridge'"}
    )


def filters_on_datasets(w: World) -> None:
    one = w.experiment()
    for name, digest, context in [("traffic", "d1", "training"), ("Traffic", "d2", "evaluation"), ("weather", "d3", None)]:
        run = w.run(one, f"reads {name}")
        dataset = {"name": name, "digest": digest, "source_type": "local", "source": "x"}
        tags = [{"key": "mlflow.data.context", "value": context}] if context else []
        w.quietly("POST", "runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": tags}]})
    w.run(one, "reads nothing")
    for text in [
        "dataset.name = 'traffic'", "datasets.name = 'traffic'", "datasets.name != 'traffic'", "datasets.name LIKE 'tr%'", "datasets.name ILIKE 'tr%'",
        "datasets.digest = 'd3'", "datasets.context = 'training'", "datasets.context != 'training'", "datasets.name = 'traffic' AND datasets.context = 'training'",
        "datasets.name = 'traffic' AND datasets.context = 'evaluation'", "datasets.name IN ('traffic', 'weather')", "datasets.digest NOT IN ('d1')",
        "datasets.name IN ('nobody')", "dataset.context LIKE '%ing'", "datasets.name = 'weather' AND run_name LIKE 'reads%'",
    ]:
        w.call("POST", "runs/search", {"experiment_ids": [one], "filter": text, "order_by": ["run_name ASC"]}, show=_names)


SCENARIOS = [filters_on_runs, filters_that_are_refused, ordering_runs, pages_views_and_experiments, filters_on_datasets]
