"""The unmodified MLflow client against a running server."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

mlflow = pytest.importorskip("mlflow")

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException, RestException  # noqa: E402

# The client warns about its own dependencies and about stages; that is not ours to fail on.
pytestmark = pytest.mark.filterwarnings("default")

Fresh = Callable[[str], str]


@pytest.fixture(autouse=True)
def tracked(url: str) -> Iterator[None]:
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    yield
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def tracking() -> Any:
    return mlflow.MlflowClient()


@pytest.fixture
def experiment(tracking: Any, fresh: Fresh) -> str:
    return str(tracking.create_experiment(fresh("experiment"), tags={"team": "traffic"}))


def names(runs: Any) -> list[str]:
    return sorted(run.info.run_name for run in runs)


def test_an_experiment_is_made_found_renamed_deleted_and_restored(tracking: Any, fresh: Fresh) -> None:
    name = fresh("experiment")
    made = tracking.create_experiment(name, tags={"team": "traffic"})
    found = tracking.get_experiment_by_name(name)
    assert (found.experiment_id, found.tags, found.lifecycle_stage) == (made, {"team": "traffic"}, "active")
    assert tracking.get_experiment_by_name(fresh("nobody")) is None
    with pytest.raises(MlflowException, match="already exists") as refused:
        tracking.create_experiment(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    tracking.set_experiment_tag(made, "stage", "early")
    tracking.rename_experiment(made, name + "-2")
    listed = tracking.search_experiments(filter_string=f"name LIKE '{name}%' AND tags.stage = 'early'")
    assert [one.name for one in listed] == [name + "-2"]
    tracking.delete_experiment(made)
    assert tracking.get_experiment(made).lifecycle_stage == "deleted"
    assert not tracking.search_experiments(filter_string=f"name LIKE '{name}%'")
    assert tracking.search_experiments(filter_string=f"name LIKE '{name}%'", view_type=ViewType.DELETED_ONLY)
    tracking.restore_experiment(made)
    assert tracking.get_experiment(made).lifecycle_stage == "active"


def test_the_fluent_interface_logs_a_whole_run(tracking: Any, experiment: str, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("seen")
    with mlflow.start_run(experiment_id=experiment, run_name="first", tags={"kind": "ridge"}) as active:
        mlflow.log_params({"alpha": 0.5, "depth": 3})
        mlflow.log_metric("mae", 2.0, step=1)
        mlflow.log_metrics({"mae": 1.0, "rmse": 3.5}, step=2)
        mlflow.set_tag("note", "a b: c/d")
        mlflow.log_artifact(str(notes), artifact_path="deep/folder")
        mlflow.log_dict({"rows": [1, 2]}, "facts.json")
        mlflow.log_text("hello", "text with space.txt")
    run = tracking.get_run(active.info.run_id)
    assert (run.info.status, run.info.run_name, run.info.lifecycle_stage) == ("FINISHED", "first", "active")
    assert run.info.end_time >= run.info.start_time > 1_600_000_000_000
    assert run.data.params == {"alpha": "0.5", "depth": "3"}
    assert run.data.metrics == {"mae": 1.0, "rmse": 3.5}
    assert run.data.tags["note"] == "a b: c/d" and run.data.tags["mlflow.runName"] == "first"
    listed = {(item.path, item.is_dir, item.file_size) for item in tracking.list_artifacts(run.info.run_id)}
    assert ("deep", True, None) in listed and ("text with space.txt", False, 5) in listed
    assert [item.path for item in tracking.list_artifacts(run.info.run_id, "deep/folder")] == [
        "deep/folder/notes.txt"
    ]
    whole = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, dst_path=str(tmp_path / "back")))
    assert (whole / "deep/folder/notes.txt").read_text() == "seen"
    assert mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/facts.json") == {"rows": [1, 2]}
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/text with space.txt") == "hello"


def test_a_large_artifact_comes_back_as_it_was(experiment: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 65_536
    (tmp_path / "large.bin").write_bytes(content)
    with mlflow.start_run(experiment_id=experiment) as active:
        mlflow.log_artifact(str(tmp_path / "large.bin"))
    back = mlflow.artifacts.download_artifacts(
        run_id=active.info.run_id, artifact_path="large.bin", dst_path=str(tmp_path / "back")
    )
    assert Path(back).read_bytes() == content


def test_batches_hold_metrics_params_and_tags(tracking: Any, experiment: str) -> None:
    run = tracking.create_run(experiment).info.run_id
    metrics = [Metric("loss", 1.0 / (step + 1), 1_000 + step, step) for step in range(900)]
    tracking.log_batch(run, metrics, [Param("p", "1")], [RunTag("t", "2")])
    tracking.log_batch(run, metrics, [Param("p", "1")])
    history = tracking.get_metric_history(run, "loss")
    assert [(point.step, point.value) for point in history] == [(m.step, m.value) for m in metrics]
    found = tracking.get_run(run).data
    assert (found.metrics, found.params, found.tags["t"]) == ({"loss": 1.0 / 900}, {"p": "1"}, "2")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        tracking.log_param(run, "p", "2")
    with pytest.raises(MlflowException):
        tracking.log_batch(run, [Metric("../x", 1.0, 1, 1)])


def test_what_is_no_ordinary_number_is_kept(tracking: Any, experiment: str) -> None:
    run = tracking.create_run(experiment).info.run_id
    for key, value in [("nan", math.nan), ("high", math.inf), ("low", -math.inf)]:
        tracking.log_metric(run, key, value)
    metrics = tracking.get_run(run).data.metrics
    assert math.isnan(metrics["nan"])
    assert (metrics["high"], metrics["low"]) == (1.7976931348623157e308, -1.7976931348623157e308)


def test_runs_are_found_by_filters_with_or_and_parentheses(tracking: Any, experiment: str) -> None:
    for number, kind in enumerate(["ridge", "lasso", "trees", "Trees"]):
        run = tracking.create_run(experiment, run_name=f"run-{number}", tags={"kind": kind}).info.run_id
        tracking.log_metric(run, "mae", float(number))
        tracking.log_param(run, "depth", number)
        tracking.set_terminated(run, "FAILED" if number == 3 else "FINISHED")
    for text, expected in [
        ("metrics.mae < 2", ["run-0", "run-1"]),
        ("metrics.mae >= 1 and params.depth != '2'", ["run-1", "run-3"]),
        ("tags.kind LIKE 'tr%'", ["run-2"]),
        ("tags.kind ILIKE 'tr%'", ["run-2", "run-3"]),
        ("attributes.status = 'FAILED'", ["run-3"]),
        ("run_name = 'run-1'", ["run-1"]),
        ("tags.`kind` = \"ridge\"", ["run-0"]),
        ("tags.absent IS NULL and metrics.mae = 0", ["run-0"]),
        ("metrics.mae = 0 OR params.depth = '3'", ["run-0", "run-3"]),
        ("metrics.mae > 0 and (tags.kind = 'lasso' or tags.kind = 'trees')", ["run-1", "run-2"]),
    ]:
        assert names(tracking.search_runs([experiment], text)) == expected, text
    best = tracking.search_runs([experiment], order_by=["metrics.mae DESC"], max_results=1)
    assert names(best) == ["run-3"]
    assert best.token
    rest = tracking.search_runs([experiment], order_by=["metrics.mae DESC"], max_results=9, page_token=best.token)
    assert names(rest) == ["run-0", "run-1", "run-2"]
    one = tracking.search_runs([experiment], "run_name = 'run-1'")[0].info.run_id
    assert names(tracking.search_runs([experiment], f"run_id IN ('{one}')")) == ["run-1"]
    with pytest.raises(MlflowException) as refused:
        tracking.search_runs([experiment], "metrics.mae like 'x'")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_runs_are_found_by_a_value_at_a_step(tracking: Any, experiment: str) -> None:
    for number in range(4):
        with mlflow.start_run(experiment_id=experiment, run_name=f"run {number}"):
            for step in range(3):
                mlflow.log_metric("top 5", number * (1 - step), step=step * 10)
    names = lambda **asked: [run.info.run_name for run in tracking.search_runs([experiment], **asked)]  # noqa: E731
    found = names(filter_string="metrics.`top 5`@0 >= 1 and metrics.`top 5`@20 > -3", order_by=["metrics.`top 5`@0 DESC"])
    assert found == ["run 2", "run 1"]
    first = tracking.search_runs([experiment], order_by=["metrics.`top 5`@20 ASC"], max_results=3)
    rest = tracking.search_runs([experiment], order_by=["metrics.`top 5`@20 ASC"], max_results=3, page_token=first.token)
    assert [run.info.run_name for run in [*first, *rest]] == ["run 3", "run 2", "run 1", "run 0"]
    mlflow.MlflowClient().log_metric(first[0].info.run_id, "top 5", 9.0, step=0)
    assert names(filter_string="metrics.`top 5`@0 = 9") == ["run 3"], "what came later at the step counts"
    with pytest.raises(MlflowException, match="a whole number"):
        names(filter_string="metrics.mae@soon < 3")


def test_the_table_of_runs_is_a_data_frame(experiment: str) -> None:
    pytest.importorskip("pandas")
    for depth in range(3):
        with mlflow.start_run(experiment_id=experiment):
            mlflow.log_param("depth", depth)
            mlflow.log_metric("mae", depth / 2)
    table = mlflow.search_runs([experiment], order_by=["metrics.mae ASC"])
    assert list(table["metrics.mae"]) == [0.0, 0.5, 1.0]
    assert list(table["params.depth"]) == ["0", "1", "2"]


def test_a_deleted_run_refuses_writes_until_it_is_restored(tracking: Any, experiment: str) -> None:
    run = tracking.create_run(experiment).info.run_id
    tracking.set_tag(run, "a", "1")
    tracking.delete_tag(run, "a")
    assert "a" not in tracking.get_run(run).data.tags
    with pytest.raises(MlflowException, match="No tag with name"):
        tracking.delete_tag(run, "a")
    tracking.delete_run(run)
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        tracking.log_metric(run, "m", 1.0)
    assert not tracking.search_runs([experiment])
    assert len(tracking.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)) == 1
    tracking.restore_run(run)
    tracking.log_metric(run, "m", 1.0)
    tracking.update_run(run, status="KILLED", name="renamed")
    found = tracking.get_run(run)
    assert (found.info.status, found.info.run_name) == ("KILLED", "renamed")
    with pytest.raises(RestException) as missing:
        tracking.get_run("0" * 32)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_datasets_of_a_run_are_kept_and_searched(tracking: Any, experiment: str) -> None:
    run = tracking.create_run(experiment, run_name="with data").info.run_id
    dataset = Dataset("traffic", "abc123", "local", '{"uri": "x"}', schema="{}", profile='{"rows": 3}')
    tracking.log_inputs(run, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
    inputs = tracking.get_run(run).inputs.dataset_inputs
    assert (inputs[0].dataset.name, inputs[0].dataset.profile) == ("traffic", '{"rows": 3}')
    assert inputs[0].tags[0].value == "training"
    text = "dataset.name = 'traffic' and dataset.context = 'training'"
    assert names(tracking.search_runs([experiment], text)) == ["with data"]


def test_models_versions_aliases_tags_and_stages(tracking: Any, experiment: str, fresh: Fresh) -> None:
    name = fresh("model")
    run = tracking.create_run(experiment).info
    tracking.create_registered_model(name, tags={"team": "traffic"}, description="counts cars")
    with pytest.raises(MlflowException, match="already exists") as refused:
        tracking.create_registered_model(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    for expected in ["1", "2"]:
        made = tracking.create_model_version(
            name, f"{run.artifact_uri}/model", run_id=run.run_id, tags={"n": expected}, description="d"
        )
        assert (made.version, made.status, made.run_id) == (expected, "READY", run.run_id)
    tracking.set_registered_model_alias(name, "champion", "1")
    tracking.set_registered_model_alias(name, "champion", "2")
    assert tracking.get_model_version_by_alias(name, "champion").version == "2"
    assert tracking.get_model_version(name, "2").aliases == ["champion"]
    model = tracking.get_registered_model(name)
    assert (model.aliases, model.tags, model.description) == ({"champion": "2"}, {"team": "traffic"}, "counts cars")
    assert [version.version for version in model.latest_versions] == ["2"]
    tracking.delete_registered_model_alias(name, "champion")
    with pytest.raises(MlflowException, match="alias champion not found"):
        tracking.get_model_version_by_alias(name, "champion")
    tracking.set_model_version_tag(name, "1", "checked", "yes")
    found = tracking.search_model_versions(f"name = '{name}' and tag.checked = 'yes'")
    assert [version.version for version in found] == ["1"]
    assert len(tracking.search_model_versions(f"run_id = '{run.run_id}'")) == 2
    tracking.transition_model_version_stage(name, "1", "Production")
    assert tracking.transition_model_version_stage(
        name, "2", "Production", archive_existing_versions=True
    ).current_stage == "Production"
    assert tracking.get_model_version(name, "1").current_stage == "Archived"
    assert [v.version for v in tracking.get_latest_versions(name, ["Production"])] == ["2"]
    tracking.update_model_version(name, "1", description="old")
    tracking.delete_model_version_tag(name, "1", "checked")
    tracking.delete_model_version(name, "1")
    with pytest.raises(MlflowException, match="not found"):
        tracking.get_model_version(name, "1")
    tracking.rename_registered_model(name, name + "-b")
    listed = tracking.search_registered_models(f"name LIKE '{name}%'", order_by=["name ASC"])
    assert [model.name for model in listed] == [name + "-b"]
    tracking.delete_registered_model(name + "-b")
    assert not tracking.search_registered_models(f"name LIKE '{name}%'")


@pytest.mark.parametrize("source", ["/etc", "file:///etc/passwd", "mlflow-artifacts:/0/../../etc", "./x"])
def test_a_version_cannot_be_made_of_the_servers_own_files(tracking: Any, fresh: Fresh, source: str) -> None:
    name = fresh("model")
    tracking.create_registered_model(name)
    with pytest.raises(MlflowException, match="Invalid model version source") as refused:
        tracking.create_model_version(name, source)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_a_model_goes_up_is_registered_and_predicts_the_same(
    tracking: Any, experiment: str, fresh: Fresh
) -> None:
    sklearn = pytest.importorskip("sklearn.linear_model")
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    import mlflow.pyfunc
    import mlflow.sklearn

    rows = pandas.DataFrame({"hour": numpy.arange(50.0), "temp": numpy.sin(numpy.arange(50.0))})
    model = sklearn.Ridge().fit(rows, rows["hour"] * 2 + rows["temp"])
    expected = model.predict(rows)
    name = fresh("ridge")
    with mlflow.start_run(experiment_id=experiment) as active:
        signature = mlflow.models.infer_signature(rows, expected)
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=signature,
            input_example=rows.head(2),
            registered_model_name=name,
            serialization_format="cloudpickle",
        )
        mlflow.log_metric("mae", 0.25, model_id=logged.model_id)
    assert tracking.get_logged_model(logged.model_id).status == "READY"
    assert {metric.key for metric in tracking.get_logged_model(logged.model_id).metrics} == {"mae"}
    found = tracking.search_logged_models([experiment], filter_string="metrics.mae < 1")
    assert [one.model_id for one in found] == [logged.model_id]
    assert [out.model_id for out in tracking.get_run(active.info.run_id).outputs.model_outputs] == [logged.model_id]
    tracking.set_registered_model_alias(name, "champion", "1")
    assert tracking.get_model_version_by_alias(name, "champion").run_id == active.info.run_id
    for uri in [
        f"models:/{name}@champion",
        f"models:/{name}/1",
        f"models:/{name}/latest",
        f"models:/{logged.model_id}",
        f"runs:/{active.info.run_id}/model",
    ]:
        loaded = mlflow.pyfunc.load_model(uri)
        assert numpy.array_equal(loaded.predict(rows), expected), uri
    assert loaded.metadata.get_input_schema().input_names() == ["hour", "temp"]
    assert numpy.array_equal(mlflow.sklearn.load_model(f"models:/{name}@champion").predict(rows), expected)


def test_autologging_tracks_a_fit(tracking: Any, experiment: str) -> None:
    sklearn = pytest.importorskip("sklearn.linear_model")
    numpy = pytest.importorskip("numpy")
    import mlflow.sklearn

    mlflow.set_experiment(experiment_id=experiment)
    mlflow.sklearn.autolog(silent=True)
    try:
        rows = numpy.arange(40.0).reshape(20, 2)
        sklearn.Ridge(alpha=0.25).fit(rows, rows.sum(axis=1))
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = tracking.search_runs([experiment], order_by=["start_time DESC"])[0]
    assert (run.data.params["alpha"], run.info.status) == ("0.25", "FINISHED")
    assert "training_mean_absolute_error" in run.data.metrics
    assert tracking.search_logged_models([experiment])
