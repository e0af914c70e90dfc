"""Autologging by the unmodified MLflow client: real models on real data, registered, aliased, loaded, predicting the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

mlflow = pytest.importorskip("mlflow")
numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")
datasets = pytest.importorskip("sklearn.datasets")

# The client warns about its own dependencies and about pickles; that is not ours to fail on.
pytestmark = pytest.mark.filterwarnings("default")

Fresh = Callable[[str], str]


@pytest.fixture(autouse=True)
def tracked(url: str, fresh: Fresh) -> Iterator[None]:
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(url)
    mlflow.set_experiment(fresh("autolog"))
    yield
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def diabetes() -> tuple[Any, Any]:
    """442 patients, ten measurements, and how their diabetes went on."""
    rows, outcome = datasets.load_diabetes(return_X_y=True, as_frame=True)
    return rows, outcome


@pytest.fixture
def cancer() -> tuple[Any, Any]:
    """569 tumours, thirty measurements, and whether they were benign."""
    rows, benign = datasets.load_breast_cancer(return_X_y=True, as_frame=True)
    rows.columns = [name.replace(" ", "_") for name in rows.columns]
    return rows, benign


def only_run() -> Any:
    """The one finished run of the experiment."""
    found = mlflow.search_runs(output_format="list")
    assert len(found) == 1
    assert found[0].info.status == "FINISHED"
    return found[0]


def logged_model() -> Any:
    """The one model that autologging made."""
    models = mlflow.search_logged_models(output_format="list")
    assert [str(model.status) for model in models] == ["READY"]
    return models[0]


def champion(model_uri: str, name: str) -> Any:
    """Registers the model, calls it champion and loads it by that name."""
    client = mlflow.MlflowClient()
    version = mlflow.register_model(model_uri, name)
    client.set_registered_model_alias(name, "champion", version.version)
    assert client.get_model_version_by_alias(name, "champion").version == version.version
    return mlflow.pyfunc.load_model(f"models:/{name}@champion")


def test_scikit_learn(diabetes: Any, fresh: Fresh) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    import mlflow.sklearn

    rows, outcome = diabetes
    mlflow.sklearn.autolog(silent=True)
    try:
        model = ensemble.RandomForestRegressor(n_estimators=12, max_depth=5, random_state=1).fit(rows, outcome)
    finally:
        mlflow.sklearn.autolog(disable=True)
    run = only_run()
    assert (run.data.params["n_estimators"], run.data.params["max_depth"]) == ("12", "5")
    assert 0 < run.data.metrics["training_r2_score"] < 1
    assert run.data.tags["estimator_name"] == "RandomForestRegressor"
    assert run.inputs.dataset_inputs and run.outputs.model_outputs
    found = logged_model()
    assert found.source_run_id == run.info.run_id and found.params["max_depth"] == "5"
    loaded = champion(found.model_uri, fresh("forest"))
    assert numpy.array_equal(loaded.predict(rows), model.predict(rows))
    assert [column.name for column in loaded.metadata.signature.inputs] == list(rows.columns)


def test_a_search_over_parameters_logs_its_children(diabetes: Any) -> None:
    selection = pytest.importorskip("sklearn.model_selection")
    linear = pytest.importorskip("sklearn.linear_model")
    import mlflow.sklearn

    mlflow.sklearn.autolog(silent=True, max_tuning_runs=3)
    try:
        selection.GridSearchCV(linear.Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=3).fit(*diabetes)
    finally:
        mlflow.sklearn.autolog(disable=True)
    runs = mlflow.search_runs(output_format="list")
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(parents) == 1 and len(children) == 3
    assert sorted(run.data.params["alpha"] for run in children) == ["0.1", "1.0", "10.0"]
    assert parents[0].data.params["best_alpha"] in {"0.1", "1.0", "10.0"}
    assert {"best_estimator", "model"} & {model.name for model in mlflow.search_logged_models(output_format="list")}


def test_xgboost(cancer: Any, fresh: Fresh) -> None:
    xgboost = pytest.importorskip("xgboost", reason="the package `xgboost` or `xgboost-cpu` is not installed")
    import mlflow.xgboost

    rows, benign = cancer
    matrix = xgboost.DMatrix(rows, label=benign)
    mlflow.xgboost.autolog(silent=True)
    try:
        settings = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "seed": 1, "eval_metric": "logloss"}
        model = xgboost.train(settings, matrix, num_boost_round=15, evals=[(matrix, "train")], verbose_eval=False)
    finally:
        mlflow.xgboost.autolog(disable=True)
    run = only_run()
    assert (run.data.params["max_depth"], run.data.params["num_boost_round"]) == ("3", "15")
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "train-logloss")
    assert [point.step for point in history] == list(range(15))
    assert history[-1].value < history[0].value
    loaded = champion(logged_model().model_uri, fresh("boosted"))
    assert numpy.array_equal(loaded.predict(rows), model.predict(matrix))


def test_lightgbm(cancer: Any, fresh: Fresh) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="the package `lightgbm` is not installed")
    import mlflow.lightgbm

    rows, benign = cancer
    data = lightgbm.Dataset(rows, label=benign)
    mlflow.lightgbm.autolog(silent=True)
    try:
        settings = {"objective": "binary", "num_leaves": 7, "seed": 1, "verbose": -1, "num_threads": 1, "metric": "auc"}
        model = lightgbm.train(settings, data, num_boost_round=12, valid_sets=[data], valid_names=["train"])
    finally:
        mlflow.lightgbm.autolog(disable=True)
    run = only_run()
    assert (run.data.params["num_leaves"], run.data.params["objective"]) == ("7", "binary")
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "train-auc")
    assert [point.step for point in history] == list(range(12)) and history[-1].value > 0.9
    loaded = champion(logged_model().model_uri, fresh("light"))
    assert numpy.array_equal(loaded.predict(rows), model.predict(rows))


def test_statsmodels(diabetes: Any, fresh: Fresh) -> None:
    api = pytest.importorskip("statsmodels.api", reason="the package `statsmodels` is not installed")
    import mlflow.statsmodels

    rows, outcome = diabetes
    rows = api.add_constant(rows)
    mlflow.statsmodels.autolog(silent=True)
    try:
        with mlflow.start_run():
            fitted = api.OLS(outcome, rows).fit()
    finally:
        mlflow.statsmodels.autolog(disable=True)
    run = only_run()
    assert run.data.metrics["rsquared"] == pytest.approx(fitted.rsquared)
    assert "model_summary.txt" in {item.path for item in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    loaded = champion(logged_model().model_uri, fresh("ordinary"))
    assert numpy.allclose(loaded.predict(rows), fitted.predict(rows), rtol=1e-12, atol=0)
