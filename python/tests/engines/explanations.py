"""Makes models of trees as graphs, and what the package `shap` says their columns add.

    python explanations.py FOLDER

Each case is a folder with `model.onnx` and `explained.json`: rows, the rows that the model learnt from (a graph does not
say how many rows came to each node), and the base and contributions that `shap.TreeExplainer` gives for the model itself,
along the paths. The folder is complete when it holds `complete`.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

warnings.filterwarnings("ignore")

ROWS = 40


class Explanations:
    """Writes cases into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []

    def write(
        self, name: str, graph: bytes, learnt: dict[str, list[Any]], rows: dict[str, list[Any]], told: Any, base: float
    ) -> None:
        place = self.folder / name
        place.mkdir(parents=True)
        (place / "model.onnx").write_bytes(graph)
        case = {
            "columns": list(rows), "rows": rows, "background": learnt, "base": float(base),
            "contributions": np.asarray(told, np.float64).tolist(),
        }
        (place / "explained.json").write_text(json.dumps(case))
        self.names.append(name)


def of_last_class(values: Any, base: Any) -> tuple[Any, float]:
    """Contributions and base of the last class, or of the one sum there is."""
    values, base = np.asarray(values), np.ravel(base)
    return (values[:, :, -1] if values.ndim == 3 else values), float(base[-1])


def columns(matrix: Any) -> dict[str, list[Any]]:
    return {f"c{place}": np.asarray(matrix)[:, place].astype(float).tolist() for place in range(np.asarray(matrix).shape[1])}


def by_scikit_learn(cases: Explanations) -> None:
    import shap
    from skl2onnx import to_onnx
    from sklearn import datasets, ensemble, tree

    frame, disease = datasets.load_diabetes(return_X_y=True, as_frame=True)
    numbers = frame.to_numpy().astype(np.float32)
    ill = (disease > 140).astype(int).to_numpy()
    kind = np.digitize(disease, [100, 180])
    # Without drawing rows anew the rows at the nodes are those that were learnt from.
    models: dict[str, tuple[Any, Any, Callable[[Any], Any]]] = {
        "gb_regressor": (ensemble.GradientBoostingRegressor(n_estimators=40, random_state=0), disease, shap.TreeExplainer),
        "gb_classifier": (ensemble.GradientBoostingClassifier(n_estimators=30, random_state=0), ill, shap.TreeExplainer),
        "forest_regressor": (ensemble.RandomForestRegressor(n_estimators=20, bootstrap=False, max_features=4, random_state=0), disease, shap.TreeExplainer),
        "forest_classifier": (ensemble.RandomForestClassifier(n_estimators=20, bootstrap=False, max_features=3, random_state=0), kind, shap.TreeExplainer),
        "extra_trees": (ensemble.ExtraTreesRegressor(n_estimators=20, max_depth=8, random_state=0), disease, shap.TreeExplainer),
        "tree": (tree.DecisionTreeRegressor(max_depth=6, random_state=0), disease, shap.TreeExplainer),
    }
    for name, (model, target, explainer) in models.items():
        model.fit(numbers, target)
        explained = explainer(model)
        told, base = of_last_class(explained.shap_values(numbers[:ROWS], check_additivity=True), explained.expected_value)
        graph = to_onnx(model, numbers[:1], options={id(model): {"zipmap": False}} if hasattr(model, "classes_") else None)
        cases.write(f"sklearn_{name}", graph.SerializeToString(), columns(numbers), columns(numbers[:ROWS]), told, base)


def behind_preparation(cases: Explanations) -> None:
    """A pipeline with scaling and one-hot codes: what the codes of a column add is what the column adds."""
    import pandas
    import shap
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn import compose, datasets, ensemble, pipeline, preprocessing

    frame, disease = datasets.load_diabetes(return_X_y=True, as_frame=True)
    # Ages lie on a grid, so that a threshold between two is a third one: scaling would then decide by its last digit.
    noise = np.random.default_rng(1).normal(scale=1e-3, size=(len(frame), 3))
    frame = (frame[["age", "bmi", "bp"]] + noise).astype(np.float32)
    frame["group"] = np.array(["low", "middle", "high"], dtype=object)[np.digitize(disease, [90, 170])]
    words, numbers = ["group"], ["age", "bmi", "bp"]
    prepared = compose.ColumnTransformer(
        [("numbers", preprocessing.StandardScaler(), numbers), ("words", preprocessing.OneHotEncoder(handle_unknown="ignore"), words)]
    )
    model = ensemble.GradientBoostingRegressor(n_estimators=30, random_state=0)
    whole = pipeline.Pipeline([("prepared", prepared), ("model", model)]).fit(frame, disease)
    inputs = prepared.transform(frame)
    inputs = np.asarray(inputs.todense() if hasattr(inputs, "todense") else inputs, np.float32)
    explained = shap.TreeExplainer(model)
    told, base = of_last_class(explained.shap_values(inputs[:ROWS]), explained.expected_value)
    # The codes of `group` come after the numbers.
    told = np.column_stack([told[:, :3], told[:, 3:].sum(axis=1)])
    types = [(name, FloatTensorType([None, 1])) for name in numbers] + [("group", StringTensorType([None, 1]))]
    graph = to_onnx(whole, initial_types=types)
    named = {name: frame[name].astype(float).tolist() for name in numbers} | {"group": frame["group"].tolist()}
    rows = {name: values[:ROWS] for name, values in named.items()}
    del pandas
    cases.write("sklearn_pipeline", graph.SerializeToString(), named, rows, told, base)


def by_boosters(cases: Explanations) -> None:
    import lightgbm
    import onnxmltools
    import shap
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from sklearn import datasets

    frame, disease = datasets.load_diabetes(return_X_y=True, as_frame=True)
    numbers = frame.to_numpy().astype(np.float32)
    ill = (disease > 140).astype(int).to_numpy()
    types = [("input", FloatTensorType([None, numbers.shape[1]]))]
    boosted = xgboost.XGBRegressor(n_estimators=30, max_depth=4, min_child_weight=0).fit(numbers, disease)
    # XGBoost's own contributions are those of `shap`, whose reader lags behind its file format.
    told = boosted.get_booster().predict(xgboost.DMatrix(numbers[:ROWS]), pred_contribs=True)
    graph = onnxmltools.convert_xgboost(boosted, initial_types=types)
    cases.write("xgboost_regressor", graph.SerializeToString(), columns(numbers), columns(numbers[:ROWS]), told[:, :-1], told[0, -1])
    gained = lightgbm.LGBMRegressor(n_estimators=30, num_leaves=9, verbose=-1).fit(numbers, disease)
    explained = shap.TreeExplainer(gained)
    told, base = of_last_class(explained.shap_values(numbers[:ROWS]), explained.expected_value)
    graph = onnxmltools.convert_lightgbm(gained, initial_types=types, zipmap=False)
    cases.write("lightgbm_regressor", graph.SerializeToString(), columns(numbers), columns(numbers[:ROWS]), told, base)
    told_apart = lightgbm.LGBMClassifier(n_estimators=20, num_leaves=7, verbose=-1).fit(numbers, ill)
    contributions = told_apart.booster_.predict(numbers[:ROWS], pred_contrib=True)
    graph = onnxmltools.convert_lightgbm(told_apart, initial_types=types, zipmap=False)
    cases.write(
        "lightgbm_classifier", graph.SerializeToString(), columns(numbers), columns(numbers[:ROWS]), contributions[:, :-1], contributions[0, -1]
    )


def main() -> None:
    """Makes all cases, unless they are there."""
    folder = Path(sys.argv[1])
    if (folder / "complete").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    cases = Explanations(folder)
    for make in (by_scikit_learn, behind_preparation, by_boosters):
        make(cases)
    (folder / "complete").write_text("\n".join(cases.names))
    print(f"{len(cases.names)} explanations in {folder}")


if __name__ == "__main__":
    main()
