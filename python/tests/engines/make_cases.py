"""Makes real models with the libraries people use, and what those libraries answer.

    python make_cases.py FOLDER

Each case is a folder with a model file and `case.json`: inputs, the outputs that the oracle gave
(ONNX Runtime for graphs, the library itself for its own files), and the tolerance that holds.
A number agrees when |found - expected| <= tolerance * max(1, |expected|); labels and texts agree
exactly. The folder is complete when it holds `complete`, and is then left as it is.
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

ROWS = 203
# Converters lag behind the libraries; more than this is a fault of ours.
MOST_LEFT_OUT = 20
TYPES = {
    "float32": "float32", "float64": "float64", "int64": "int64", "int32": "int32", "bool": "bool",
    "object": "text", "str": "text",
}


def tensor(name: str, values: Any) -> dict[str, Any]:
    """A tensor as JSON; a number that is not finite is null or a word."""
    array = np.asarray(values)
    kind = "text" if array.dtype.kind in "OUS" else TYPES[str(array.dtype)]
    flat = array.ravel().tolist()
    if kind.startswith("float"):
        flat = [None if v != v else ("inf" if v > 0 else "-inf") if abs(v) == float("inf") else v for v in flat]
    if kind == "text":
        flat = [str(v) for v in flat]
    return {"name": name, "type": kind, "shape": list(array.shape), "data": flat}


class Cases:
    """Writes cases into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []
        self.left_out: dict[str, str] = {}

    def attempt(self, name: str, make: Callable[[], None]) -> None:
        """Makes a case, or notes why the converter or the oracle could not."""
        try:
            make()
        except Exception as error:  # noqa: BLE001 whatever a converter raises
            self.left_out[name] = str(error).strip().splitlines()[0][:160]

    def write(self, name: str, file: str, model: bytes, inputs: list, outputs: list, tolerance: float) -> None:
        place = self.folder / name
        place.mkdir(parents=True)
        (place / file).write_bytes(model)
        case = {"model": file, "inputs": inputs, "outputs": outputs, "tolerance": tolerance}
        (place / "case.json").write_text(json.dumps(case))
        self.names.append(name)

    def onnx(self, name: str, model: Any, feeds: dict[str, Any], tolerance: float = 1e-5) -> None:
        """A graph with what ONNX Runtime answers."""
        import onnxruntime

        data = model if isinstance(model, bytes) else model.SerializeToString()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        outputs = []
        for spec, value in zip(session.get_outputs(), session.run(None, feeds)):
            if isinstance(value, list):
                classes = list(value[0])
                value = np.array([[row[key] for key in classes] for row in value], dtype=np.float32)
            outputs.append(tensor(spec.name, value))
        inputs = [tensor(spec.name, feeds[spec.name]) for spec in session.get_inputs()]
        self.write(name, "model.onnx", data, inputs, outputs, tolerance)


def tables(seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, two classes, four classes, and a quantity."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(900, 12)).astype(np.float32)
    score = rows[:, 0] * 2 + rows[:, 1] * rows[:, 2] - rows[:, 3] + random.normal(size=900) * 0.4
    four = np.digitize(score, [-1.5, 0.0, 1.5])
    return rows, (score > 0).astype(np.int64), four.astype(np.int64), score.astype(np.float64)


def sklearn_models(cases: Cases) -> None:
    """Models of scikit-learn through skl2onnx."""
    from skl2onnx import to_onnx
    from sklearn import (
        calibration, cluster, decomposition, discriminant_analysis, ensemble, feature_selection, gaussian_process,
        isotonic, kernel_approximation, linear_model, mixture, multiclass, multioutput, naive_bayes, neighbors,
        neural_network, pipeline, preprocessing, svm, tree,
    )

    del gaussian_process, isotonic, kernel_approximation
    rows, two, four, quantity = tables()
    train, test = rows[:600], rows[600 : 600 + ROWS]
    words = np.array(["low", "middle", "high", "top"])[four]

    def case(name: str, model: Any, target: Any, tolerance: float = 1e-5, **options: Any) -> None:
        cases.attempt(name, lambda: convert(name, model, target, tolerance, options))

    def convert(name: str, model: Any, target: Any, tolerance: float, options: dict[str, Any]) -> None:
        model.fit(train, target[:600])
        extra = {key: options.pop(key) for key in list(options) if key == "target_opset"}
        graph = to_onnx(model, train[:1], options={id(model): options} if options else None, **extra)
        cases.onnx(name, graph, {graph.graph.input[0].name: test}, tolerance)

    forest = dict(n_estimators=30, random_state=0)
    case("gb_two", ensemble.GradientBoostingClassifier(**forest), two, zipmap=False)
    case("gb_two_zipmap", ensemble.GradientBoostingClassifier(**forest), two)
    case("gb_four", ensemble.GradientBoostingClassifier(**forest), four)
    case("gb_words", ensemble.GradientBoostingClassifier(**forest), words)
    case("gb_regressor", ensemble.GradientBoostingRegressor(**forest), quantity)
    case("rf_two", ensemble.RandomForestClassifier(**forest), two)
    case("rf_four", ensemble.RandomForestClassifier(**forest), four, zipmap=False)
    case("rf_regressor", ensemble.RandomForestRegressor(**forest), quantity)
    case("rf_old_opset", ensemble.RandomForestClassifier(**forest), two, target_opset={"": 12, "ai.onnx.ml": 1})
    case("extra_trees", ensemble.ExtraTreesClassifier(**forest), words, zipmap=False)
    case("hist_two", ensemble.HistGradientBoostingClassifier(max_iter=25, random_state=0), two, zipmap=False)
    case("hist_four", ensemble.HistGradientBoostingClassifier(max_iter=25, random_state=0), four, zipmap=False)
    case("hist_regressor", ensemble.HistGradientBoostingRegressor(max_iter=25, random_state=0), quantity)
    case("tree", tree.DecisionTreeClassifier(random_state=0), four, zipmap=False)
    case("tree_regressor", tree.DecisionTreeRegressor(random_state=0), quantity)
    case("tree_two_targets", tree.DecisionTreeRegressor(random_state=0), np.stack([quantity, -quantity], axis=1))
    case("bagging", ensemble.BaggingClassifier(n_estimators=5, random_state=0), two, zipmap=False)
    case("ada", ensemble.AdaBoostClassifier(n_estimators=10, random_state=0), two, 1e-4, zipmap=False)
    case("logistic", linear_model.LogisticRegression(), two, zipmap=False)
    case("logistic_four", linear_model.LogisticRegression(), four)
    case("logistic_words", linear_model.LogisticRegression(), words)
    case("ridge", linear_model.Ridge(), quantity)
    case("linear_two_targets", linear_model.LinearRegression(), np.stack([quantity, quantity * 2], axis=1))
    case("poisson", linear_model.PoissonRegressor(), np.abs(quantity))
    case("sgd", linear_model.SGDClassifier(loss="log_loss", random_state=0), two, zipmap=False)
    case("ridge_classifier", linear_model.RidgeClassifier(), two, zipmap=False)
    case("perceptron", linear_model.Perceptron(random_state=0), four, zipmap=False)
    case("svc_rbf", svm.SVC(probability=True, random_state=0), two, 1e-4, zipmap=False)
    case("svc_four", svm.SVC(probability=True, random_state=0), four, 1e-4, zipmap=False)
    case("svc_scores", svm.SVC(kernel="poly"), two, 1e-4, zipmap=False)
    case("svc_scores_four", svm.SVC(kernel="sigmoid"), four, 1e-4, zipmap=False)
    case("svr", svm.SVR(), quantity, 1e-4)
    case("nusvr_linear", svm.NuSVR(kernel="linear"), quantity, 1e-4)
    case("linear_svc", svm.LinearSVC(random_state=0), four, zipmap=False)
    case("mlp", neural_network.MLPClassifier((24, 12), max_iter=60, random_state=0), four, zipmap=False)
    case("mlp_tanh", neural_network.MLPRegressor((16,), activation="tanh", max_iter=60, random_state=0), quantity)
    case("gaussian_nb", naive_bayes.GaussianNB(), four, 1e-4, zipmap=False)
    case("bernoulli_nb", naive_bayes.BernoulliNB(), two, 1e-4, zipmap=False)
    case("lda", discriminant_analysis.LinearDiscriminantAnalysis(), four, 1e-4, zipmap=False)
    case("qda", discriminant_analysis.QuadraticDiscriminantAnalysis(), two, 1e-3, zipmap=False)
    case("kmeans", cluster.KMeans(4, n_init=2, random_state=0), four, 1e-4)
    case("pca", decomposition.PCA(4), quantity, 1e-4)
    case("calibrated", calibration.CalibratedClassifierCV(linear_model.LogisticRegression(), cv=3), two, 1e-4, zipmap=False)
    case("one_vs_rest", multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), four, 1e-4, zipmap=False)
    case("voting", ensemble.VotingClassifier([("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier(max_depth=4))], voting="soft"), two, 1e-4, zipmap=False)
    case("stacking", ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(max_depth=3))]), quantity, 1e-4)
    case("multi_output", multioutput.MultiOutputRegressor(linear_model.Ridge()), np.stack([quantity, -quantity], axis=1))
    case("normalized", pipeline.make_pipeline(preprocessing.Normalizer(), preprocessing.PolynomialFeatures(2), linear_model.Ridge()), quantity, 1e-4)
    case("binarized", pipeline.make_pipeline(preprocessing.Binarizer(threshold=0.2), linear_model.Ridge()), quantity)
    case("min_max", pipeline.make_pipeline(preprocessing.MinMaxScaler(clip=True), linear_model.Ridge()), quantity)
    case("robust", pipeline.make_pipeline(preprocessing.RobustScaler(), feature_selection.SelectKBest(k=5), linear_model.Ridge()), quantity)
    case("binned", pipeline.make_pipeline(preprocessing.KBinsDiscretizer(5, encode="ordinal", quantile_method="averaged_inverted_cdf"), linear_model.Ridge()), quantity)
    case("isolation", ensemble.IsolationForest(n_estimators=20, random_state=0), two, 1e-4, target_opset={"": 18, "ai.onnx.ml": 3})
    del mixture, neighbors
    doubles = linear_model.LogisticRegression().fit(train.astype(np.float64), two[:600])
    graph = to_onnx(doubles, train[:1].astype(np.float64), options={"zipmap": False})
    cases.attempt("logistic_double", lambda: cases.onnx("logistic_double", graph, {"X": test.astype(np.float64)}, 1e-6))
    doubles = ensemble.GradientBoostingRegressor(**forest).fit(train.astype(np.float64), quantity[:600])
    graph = to_onnx(doubles, train[:1].astype(np.float64))
    cases.attempt("gb_regressor_double", lambda: cases.onnx("gb_regressor_double", graph, {"X": test.astype(np.float64)}, 1e-6))


def mixed_columns(cases: Cases) -> None:
    """Pipelines over columns of numbers, with holes, and of words."""
    import pandas
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
    from sklearn import compose, ensemble, feature_extraction, impute, linear_model, pipeline, preprocessing

    del feature_extraction
    rows, two, four, _ = tables(11)
    random = np.random.default_rng(3)
    frame = pandas.DataFrame({f"n{column}": rows[:, column] for column in range(3)})
    frame.loc[random.random(len(frame)) < 0.2, "n1"] = np.nan
    frame["count"] = random.integers(0, 9, len(frame))
    frame["sky"] = np.array(["clear", "rain", "snow", "fog"], dtype=object)[four]
    frame["day"] = np.array(["mo", "tu", "we"], dtype=object)[random.integers(0, 3, len(frame))]
    numbers, words = ["n0", "n1", "n2"], ["sky", "day"]
    types = [(name, FloatTensorType([None, 1])) for name in numbers]
    types += [("count", Int64TensorType([None, 1]))] + [(name, StringTensorType([None, 1])) for name in words]
    test = frame[600 : 600 + ROWS].copy()
    test.iloc[0, test.columns.get_loc("sky")] = "hail"
    feeds = {name: test[[name]].to_numpy().astype(np.float32) for name in numbers}
    feeds["count"] = test[["count"]].to_numpy().astype(np.int64)
    feeds |= {name: test[[name]].to_numpy().astype(object) for name in words}
    filled = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    hot = preprocessing.OneHotEncoder(handle_unknown="ignore")
    order = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    for name, encoder, last in (
        ("columns_one_hot", hot, linear_model.LogisticRegression(max_iter=500)),
        ("columns_ordinal", order, ensemble.RandomForestClassifier(20, random_state=0)),
    ):
        split = compose.ColumnTransformer([("n", filled, numbers), ("w", encoder, words)], remainder="passthrough")
        model = pipeline.Pipeline([("columns", split), ("last", last)])
        target = np.array(["no", "yes"], dtype=object)[two]
        model.fit(frame[:600], target[:600])
        cases.onnx(name, to_onnx(model, initial_types=types), feeds)


def boosters_through_onnx(cases: Cases) -> None:
    """XGBoost and LightGBM through onnxmltools."""
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    rows, two, four, quantity = tables()
    train, test = rows[:600], rows[600 : 600 + ROWS]
    types = [("input", FloatTensorType([None, rows.shape[1]]))]

    def case(name: str, convert: Any, model: Any, target: Any) -> None:
        def make() -> None:
            model.fit(train, target[:600])
            cases.onnx(name, convert(model, initial_types=types, target_opset=15), {"input": test}, 1e-5)

        cases.attempt(name, make)

    small = dict(n_estimators=25, max_depth=4)
    case("onnx_xgb_two", onnxmltools.convert_xgboost, xgboost.XGBClassifier(**small), two)
    case("onnx_xgb_four", onnxmltools.convert_xgboost, xgboost.XGBClassifier(**small), four)
    case("onnx_xgb_regressor", onnxmltools.convert_xgboost, xgboost.XGBRegressor(**small), quantity)
    quiet = dict(n_estimators=25, verbose=-1)
    case("onnx_lgbm_two", onnxmltools.convert_lightgbm, lightgbm.LGBMClassifier(**quiet), two)
    case("onnx_lgbm_four", onnxmltools.convert_lightgbm, lightgbm.LGBMClassifier(**quiet), four)
    case("onnx_lgbm_regressor", onnxmltools.convert_lightgbm, lightgbm.LGBMRegressor(**quiet), quantity)


def xgboost_files(cases: Cases) -> None:
    """XGBoost's own files, with what XGBoost answers."""
    import pandas
    import xgboost

    rows, two, four, quantity = tables(5)
    holes = rows.copy()
    holes[np.random.default_rng(1).random(rows.shape) < 0.15] = np.nan
    frame = pandas.DataFrame(holes, columns=[f"f{column}" for column in range(holes.shape[1])])
    frame["kind"] = np.random.default_rng(2).integers(0, 6, len(frame))
    frame["kind"] = frame["kind"].astype("category")

    def case(name: str, params: dict, target: Any, rounds: int = 20, table: Any = holes, form: str = "json") -> None:
        data = xgboost.DMatrix(table[:600], target[:600], enable_categorical=True)
        model = xgboost.train({"seed": 0, "nthread": 1, "max_depth": 4, **params}, data, rounds)
        test = table[600 : 600 + ROWS]
        answer = model.predict(xgboost.DMatrix(test, enable_categorical=True))
        if isinstance(test, pandas.DataFrame):
            codes = test.assign(kind=test["kind"].cat.codes)
            inputs = [tensor(column, codes[column].to_numpy().astype(np.float32)) for column in codes]
        else:
            inputs = [tensor("input", test)]
        outputs = [tensor("prediction", answer)]
        cases.write(f"xgb_{name}", f"model.{form}", bytes(model.save_raw(form)), inputs, outputs, 1e-6)

    case("logistic", {"objective": "binary:logistic"}, two)
    case("logistic_ubj", {"objective": "binary:logistic"}, two, form="ubj")
    case("logistic_base", {"objective": "binary:logistic", "base_score": 0.2}, two)
    case("softprob", {"objective": "multi:softprob", "num_class": 4}, four)
    case("softmax", {"objective": "multi:softmax", "num_class": 4}, four, form="ubj")
    case("squared", {"objective": "reg:squarederror"}, quantity)
    case("squared_base", {"objective": "reg:squarederror", "base_score": 3.5}, quantity)
    case("absolute", {"objective": "reg:absoluteerror"}, quantity)
    case("poisson", {"objective": "count:poisson"}, np.abs(quantity).round())
    case("gamma", {"objective": "reg:gamma"}, np.abs(quantity) + 0.1)
    case("tweedie", {"objective": "reg:tweedie"}, np.abs(quantity))
    case("hinge", {"objective": "binary:hinge"}, two)
    case("logitraw", {"objective": "binary:logitraw"}, two)
    case("dart", {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.3}, quantity)
    case("dart_ubj", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.3}, two, form="ubj")
    case("linear", {"objective": "reg:squarederror", "booster": "gblinear"}, quantity, table=rows)
    case("forest", {"objective": "reg:squarederror", "num_parallel_tree": 4, "subsample": 0.7}, quantity, rounds=5)
    case("categories", {"objective": "reg:squarederror", "max_cat_to_onehot": 1}, quantity, table=frame)
    case("categories_hot", {"objective": "binary:logistic", "max_cat_to_onehot": 20}, two, table=frame, form="ubj")
    case("two_targets", {"objective": "reg:squarederror"}, np.stack([quantity, -2 * quantity], axis=1))


def lightgbm_files(cases: Cases) -> None:
    """LightGBM's own files, with what LightGBM answers."""
    import lightgbm
    import pandas

    rows, two, four, quantity = tables(6)
    table = rows.astype(np.float64)
    holes = table.copy()
    random = np.random.default_rng(1)
    holes[random.random(rows.shape) < 0.15] = np.nan
    zeros = holes.copy()
    zeros[random.random(rows.shape) < 0.2] = 0.0
    kinds = table.copy()
    kinds[:, 4] = random.integers(0, 40, len(rows))
    kinds[:, 5] = random.integers(0, 5, len(rows))
    effect = quantity + np.where(kinds[:, 4] % 7 < 3, 3.0, 0.0) + kinds[:, 5]
    unseen = kinds.copy()
    unseen[600:620, 4] = [-1, 99, np.nan, 0, 1, 2.7, 39, 40, 64, 1000] * 2

    def case(name: str, params: dict, target: Any, data: Any = table, test: Any = None, rounds: int = 20, **more: Any) -> None:
        settings = {"verbose": -1, "seed": 0, "num_threads": 1, "deterministic": True, **params}
        model = lightgbm.train(settings, lightgbm.Dataset(data[:600], target[:600], **more), rounds)
        test = (data if test is None else test)[600 : 600 + ROWS]
        answer = model.predict(test)
        if isinstance(test, pandas.DataFrame):
            inputs = [
                tensor(column, test[column].astype(object).to_numpy() if column == "sky" else test[column].to_numpy())
                for column in test
            ]
        else:
            inputs = [tensor(f"Column_{at}", test[:, at]) for at in range(test.shape[1])]
        outputs = [tensor("prediction", answer)]
        cases.write(f"lgbm_{name}", "model.txt", model.model_to_string().encode(), inputs, outputs, 1e-12)

    case("binary", {"objective": "binary"}, two)
    case("binary_sigmoid", {"objective": "binary", "sigmoid": 0.7}, two)
    case("multiclass", {"objective": "multiclass", "num_class": 4}, four)
    case("ova", {"objective": "multiclassova", "num_class": 4}, four)
    case("regression", {"objective": "regression"}, quantity)
    case("regression_sqrt", {"objective": "regression", "reg_sqrt": True}, np.abs(quantity) * 3)
    case("l1", {"objective": "regression_l1"}, quantity)
    case("poisson", {"objective": "poisson"}, np.abs(quantity).round())
    case("gamma", {"objective": "gamma"}, np.abs(quantity) + 0.1)
    case("tweedie", {"objective": "tweedie"}, np.abs(quantity))
    case("cross_entropy", {"objective": "cross_entropy"}, two.astype(float))
    case("cross_entropy_lambda", {"objective": "cross_entropy_lambda"}, two.astype(float))
    case("missing", {"objective": "regression"}, quantity, holes)
    case("missing_unseen", {"objective": "regression"}, quantity, table, holes)
    case("zero_missing", {"objective": "regression", "zero_as_missing": True}, quantity, zeros)
    case("no_missing", {"objective": "regression", "use_missing": False}, quantity, table, zeros)
    case("categories", {"objective": "regression", "min_data_per_group": 5}, effect, kinds, categorical_feature=[4, 5])
    case("categories_unseen", {"objective": "regression", "min_data_per_group": 5}, effect, kinds, unseen, categorical_feature=[4, 5])
    case("forest", {"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, quantity)
    case("dart", {"objective": "binary", "boosting": "dart"}, two)
    frame = pandas.DataFrame(table[:, :4], columns=["a", "b", "c", "d"])
    frame["sky"] = pandas.Categorical(np.array(["clear", "rain", "snow", "fog"])[four])
    case("words", {"objective": "regression"}, quantity + four, frame)


def by_hand(cases: Cases) -> None:
    """Graphs written by hand, for what converters seldom emit."""
    from onnx import TensorProto, helper

    def graph(name: str, nodes: list, inputs: dict, outputs: dict, constants: dict | None = None, opset: int = 17, ml: int = 3, tolerance: float = 1e-5) -> None:
        from onnx import numpy_helper

        kinds = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64, "int32": TensorProto.INT32, "bool": TensorProto.BOOL, "object": TensorProto.STRING}
        given = [
            helper.make_tensor_value_info(key, kinds[str(value.dtype)], [None, *value.shape[1:]])
            for key, value in inputs.items()
        ]
        made = [helper.make_tensor_value_info(key, kind, None) for key, kind in outputs.items()]
        fixed = [numpy_helper.from_array(value, key) for key, value in (constants or {}).items()]
        model = helper.make_model(
            helper.make_graph(nodes, name, given, made, fixed),
            opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ml)],
            ir_version=8,
        )
        cases.attempt(f"hand_{name}", lambda: cases.onnx(f"hand_{name}", model, inputs, tolerance))

    random = np.random.default_rng(9)
    x = random.normal(size=(31, 4)).astype(np.float32)
    y = random.normal(size=(31, 4)).astype(np.float32)
    n = random.integers(-5, 6, size=(31, 4))
    ml = dict(domain="ai.onnx.ml")
    F, I, B, S, D = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING, TensorProto.DOUBLE
    positive = np.abs(x) + 0.1
    for op in ("Abs", "Neg", "Exp", "Floor", "Ceil", "Round", "Relu", "Sigmoid", "Tanh", "Sign", "Erf", "Softplus", "Softsign", "LeakyRelu", "Elu", "Sin", "Cos", "Identity"):
        graph(op.lower(), [helper.make_node(op, ["x"], ["z"])], {"x": x * 3}, {"z": F})
    for op in ("Log", "Sqrt", "Reciprocal"):
        graph(op.lower(), [helper.make_node(op, ["x"], ["z"])], {"x": positive}, {"z": F})
    for op in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
        graph(op.lower(), [helper.make_node(op, ["x", "y"], ["z"])], {"x": x, "y": y}, {"z": F})
        graph(f"{op.lower()}_row", [helper.make_node(op, ["x", "c"], ["z"])], {"x": x}, {"z": F}, {"c": y[0]})
        graph(f"{op.lower()}_column", [helper.make_node(op, ["c", "x"], ["z"])], {"x": x}, {"z": F}, {"c": y[:, :1]})
    graph("pow", [helper.make_node("Pow", ["x", "c"], ["z"])], {"x": positive}, {"z": F}, {"c": np.array([1.7], np.float32)})
    graph("div_whole", [helper.make_node("Div", ["x", "c"], ["z"])], {"x": n}, {"z": I}, {"c": np.array([3])})
    graph("mod_whole", [helper.make_node("Mod", ["x", "c"], ["z"])], {"x": n}, {"z": I}, {"c": np.array([-3])})
    for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
        graph(op.lower(), [helper.make_node(op, ["x", "c"], ["z"])], {"x": n}, {"z": B}, {"c": np.array([1])})
    for op in ("And", "Or", "Xor"):
        graph(op.lower(), [helper.make_node(op, ["x", "y"], ["z"])], {"x": x > 0, "y": y > 0}, {"z": B})
    graph("where", [helper.make_node("Where", ["b", "x", "c"], ["z"])], {"b": y > 0, "x": x}, {"z": F}, {"c": np.array([9], np.float32)})
    graph("not_isnan", [helper.make_node("IsNaN", ["x"], ["a"]), helper.make_node("Not", ["a"], ["z"])], {"x": np.where(x > 1, np.nan, x).astype(np.float32)}, {"z": B})
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"):
        axes = {} if op == "ReduceSum" else {"axes": [1]}
        graph(op.lower(), [helper.make_node(op, ["x"] + (["a"] if not axes else []), ["z"], keepdims=0, **axes)], {"x": x}, {"z": F}, {"a": np.array([1])})
    for op in ("ArgMax", "ArgMin"):
        graph(op.lower(), [helper.make_node(op, ["x"], ["z"], axis=1, keepdims=0)], {"x": x}, {"z": I})
    for op in ("Softmax", "LogSoftmax"):
        graph(op.lower(), [helper.make_node(op, ["x"], ["z"], axis=1)], {"x": x}, {"z": F})
        graph(f"{op.lower()}_old", [helper.make_node(op, ["x"], ["z"])], {"x": x}, {"z": F}, opset=11)
    graph("topk", [helper.make_node("TopK", ["x", "k"], ["z", "i"], axis=1)], {"x": x}, {"z": F, "i": I}, {"k": np.array([2])})
    graph("cumsum", [helper.make_node("CumSum", ["x", "a"], ["z"])], {"x": x}, {"z": F}, {"a": np.array(1)})
    graph("clip", [helper.make_node("Clip", ["x", "l", "h"], ["z"])], {"x": x}, {"z": F}, {"l": np.array(-0.5, np.float32), "h": np.array(0.7, np.float32)})
    graph("cast_text", [helper.make_node("Cast", ["x"], ["z"], to=S)], {"x": n}, {"z": S})
    graph("cast_from_text", [helper.make_node("Cast", ["x"], ["z"], to=F)], {"x": n.astype(str).astype(object)}, {"z": F})
    graph("cast_whole", [helper.make_node("Cast", ["x"], ["z"], to=I)], {"x": x * 3}, {"z": I})
    graph("transpose", [helper.make_node("Transpose", ["x"], ["z"], perm=[1, 0])], {"x": x}, {"z": F})
    graph("reshape", [helper.make_node("Reshape", ["x", "s"], ["z"])], {"x": x}, {"z": F}, {"s": np.array([0, 2, -1])})
    graph("flatten", [helper.make_node("Flatten", ["x"], ["z"])], {"x": x.reshape(31, 2, 2)}, {"z": F})
    graph("squeeze", [helper.make_node("Unsqueeze", ["x", "a"], ["u"]), helper.make_node("Squeeze", ["u", "a"], ["z"])], {"x": x}, {"z": F}, {"a": np.array([1])})
    graph("slice", [helper.make_node("Slice", ["x", "s", "e", "a", "t"], ["z"])], {"x": x}, {"z": F}, {"s": np.array([3]), "e": np.array([-5]), "a": np.array([1]), "t": np.array([-2])})
    graph("gather", [helper.make_node("Gather", ["x", "i"], ["z"], axis=1)], {"x": x}, {"z": F}, {"i": np.array([[2, 0], [-1, 1]])})
    graph("gather_elements", [helper.make_node("GatherElements", ["x", "i"], ["z"], axis=1)], {"x": x, "i": np.abs(n) % 4}, {"z": F})
    graph("concat", [helper.make_node("Concat", ["x", "y"], ["z"], axis=1)], {"x": x, "y": y}, {"z": F})
    graph("split", [helper.make_node("Split", ["x", "s"], ["z", "w"], axis=1)], {"x": x}, {"z": F, "w": F}, {"s": np.array([1, 3])})
    graph("expand_tile", [helper.make_node("Expand", ["x", "s"], ["e"]), helper.make_node("Tile", ["e", "r"], ["z"])], {"x": x[:, :1]}, {"z": F}, {"s": np.array([31, 3]), "r": np.array([1, 2])})
    graph("shape", [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("ConstantOfShape", ["s"], ["z"], value=helper.make_tensor("v", F, [1], [2.5]))], {"x": x}, {"z": F})
    graph("one_hot", [helper.make_node("OneHot", ["x", "d", "v"], ["z"])], {"x": np.abs(n)}, {"z": F}, {"d": np.array([6]), "v": np.array([-1, 4], np.float32)})
    graph("gemm", [helper.make_node("Gemm", ["x", "w", "c"], ["z"], alpha=0.5, beta=2.0, transB=1)], {"x": x}, {"z": F}, {"w": y[:6], "c": y[:1, :1]})
    graph("matmul_batches", [helper.make_node("MatMul", ["x", "w"], ["z"])], {"x": random.normal(size=(5, 3, 4)).astype(np.float32)}, {"z": F}, {"w": y[:4, :2].copy()})
    graph("matmul_large", [helper.make_node("MatMul", ["x", "w"], ["z"])], {"x": random.normal(size=(70, 40)).astype(np.float32)}, {"z": F}, {"w": random.normal(size=(40, 33)).astype(np.float32)}, tolerance=1e-4)
    # ai.onnx.ml
    words = np.array([["a"], ["b"], ["?"], ["c"]], dtype=object)
    graph("label_encoder", [helper.make_node("LabelEncoder", ["x"], ["z"], keys_strings=["a", "b", "c"], values_floats=[1.5, 2.5, 3.5], default_float=-1.0, **ml)], {"x": words}, {"z": F})
    graph("label_encoder_back", [helper.make_node("LabelEncoder", ["x"], ["z"], keys_int64s=[1, 2], values_strings=["one", "two"], default_string="many", **ml)], {"x": n}, {"z": S})
    graph("label_encoder_nan", [helper.make_node("LabelEncoder", ["x"], ["z"], keys_floats=[1.0, float("nan")], values_int64s=[10, 20], default_int64=30, **ml)], {"x": np.array([[1.0], [np.nan], [2.0]], np.float32)}, {"z": I}, ml=4, opset=21)
    graph("category_mapper", [helper.make_node("CategoryMapper", ["x"], ["z"], cats_strings=["a", "b"], cats_int64s=[7, 8], default_int64=-3, **ml)], {"x": words}, {"z": I}, ml=1)
    graph("one_hot_encoder", [helper.make_node("OneHotEncoder", ["x"], ["z"], cats_strings=["a", "c"], zeros=1, **ml)], {"x": words}, {"z": F})
    graph("one_hot_numbers", [helper.make_node("OneHotEncoder", ["x"], ["z"], cats_int64s=[0, 2, -1], zeros=1, **ml)], {"x": n.astype(np.float32)}, {"z": F})
    graph("imputer", [helper.make_node("Imputer", ["x"], ["z"], imputed_value_floats=[1.0, 2.0, 3.0, 4.0], replaced_value_float=float("nan"), **ml)], {"x": np.where(x > 0.8, np.nan, x).astype(np.float32)}, {"z": F})
    graph("imputer_whole", [helper.make_node("Imputer", ["x"], ["z"], imputed_value_int64s=[77], replaced_value_int64=-1, **ml)], {"x": n}, {"z": I})
    graph("scaler", [helper.make_node("Scaler", ["x"], ["z"], offset=[0.5], scale=[2.0], **ml)], {"x": x}, {"z": F})
    for norm in ("MAX", "L1", "L2"):
        graph(f"normalizer_{norm.lower()}", [helper.make_node("Normalizer", ["x"], ["z"], norm=norm, **ml)], {"x": positive}, {"z": F})
    graph("binarizer", [helper.make_node("Binarizer", ["x"], ["z"], threshold=0.3, **ml)], {"x": x}, {"z": F})
    graph("features", [helper.make_node("ArrayFeatureExtractor", ["x", "i"], ["z"], **ml)], {"x": x}, {"z": F}, {"i": np.array([2, 0])})
    graph("vectorizer", [helper.make_node("FeatureVectorizer", ["x", "y"], ["z"], inputdimensions=[4, 2], **ml)], {"x": x, "y": y[:, :2].copy()}, {"z": F})
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        graph(f"linear_{transform.lower()}", [helper.make_node("LinearClassifier", ["x"], ["l", "z"], coefficients=list(y[:3].ravel()), intercepts=[0.1, 0.2, -0.1], classlabels_ints=[3, 5, 9], post_transform=transform, **ml)], {"x": x}, {"l": I, "z": F})
        graph(f"linear_one_{transform.lower()}", [helper.make_node("LinearClassifier", ["x"], ["l", "z"], coefficients=list(y[0]), intercepts=[0.1], classlabels_strings=["n", "y"], post_transform=transform, **ml)], {"x": x}, {"l": S, "z": F})
    graph("linear_regressor", [helper.make_node("LinearRegressor", ["x"], ["z"], coefficients=list(y[:2].ravel()), intercepts=[0.1, 0.2], targets=2, **ml)], {"x": x}, {"z": F})

    def stump(**more: Any) -> dict[str, Any]:
        """Two trees of three and five nodes."""
        return dict(
            nodes_treeids=[0, 0, 0, 1, 1, 1, 1, 1], nodes_nodeids=[0, 1, 2, 0, 1, 2, 3, 4],
            nodes_featureids=[0, 0, 0, 1, 2, 0, 0, 0],
            nodes_values=[0.1, 0.0, 0.0, -0.2, 0.3, 0.0, 0.0, 0.0],
            nodes_truenodeids=[1, 0, 0, 1, 3, 0, 0, 0], nodes_falsenodeids=[2, 0, 0, 2, 4, 0, 0, 0],
            **more, **ml,
        )

    leaves = dict(treeids=[0, 0, 1, 1, 1], nodeids=[1, 2, 2, 3, 4])

    def weights(prefix: str, ids: list[int], values: list[float]) -> dict[str, Any]:
        return {f"{prefix}_treeids": leaves["treeids"], f"{prefix}_nodeids": leaves["nodeids"], f"{prefix}_ids": ids, f"{prefix}_weights": values}

    holes = np.where(x > 0.9, np.nan, np.round(x, 1)).astype(np.float32)
    for mode in ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"):
        modes = [mode, "LEAF", "LEAF", mode, mode, "LEAF", "LEAF", "LEAF"]
        for missing in (0, 1):
            tracks = {"nodes_missing_value_tracks_true": [missing] * 8}
            graph(f"tree_{mode.lower()}_{missing}", [helper.make_node("TreeEnsembleRegressor", ["x"], ["z"], n_targets=1, nodes_modes=modes, **tracks, **stump(), **weights("target", [0] * 5, [1.0, 2.0, 3.0, 5.0, 7.0]))], {"x": holes}, {"z": F})
    modes = ["BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "BRANCH_LT", "LEAF", "LEAF", "LEAF"]
    for function in ("SUM", "AVERAGE", "MIN", "MAX"):
        graph(f"trees_{function.lower()}", [helper.make_node("TreeEnsembleRegressor", ["x"], ["z"], n_targets=2, aggregate_function=function, base_values=[0.5, -0.5], nodes_modes=modes, **stump(), **weights("target", [0, 1, 0, 1, 0], [1.0, -2.0, 3.0, 5.0, -7.0]))], {"x": holes}, {"z": F})
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        graph(f"trees_post_{transform.lower()}", [helper.make_node("TreeEnsembleRegressor", ["x"], ["z"], n_targets=2, post_transform=transform, nodes_modes=modes, **stump(), **weights("target", [0, 1, 0, 1, 0], [0.1, 0.2, 0.3, -0.5, -0.7]))], {"x": holes}, {"z": F})
        for label, values in (("positive", [0.1, 0.2, 0.3, 0.5, 0.4]), ("mixed", [0.1, -0.2, 0.3, -0.5, 0.7])):
            for base, starts in (("none", {}), ("one", {"base_values": [0.2]})):
                graph(f"classes_one_{transform.lower()}_{label}_{base}", [helper.make_node("TreeEnsembleClassifier", ["x"], ["l", "z"], classlabels_int64s=[4, 6], post_transform=transform, nodes_modes=modes, **starts, **stump(), **weights("class", [0] * 5, values))], {"x": holes}, {"l": I, "z": F})
            graph(f"classes_three_{transform.lower()}_{label}", [helper.make_node("TreeEnsembleClassifier", ["x"], ["l", "z"], classlabels_strings=["a", "b", "c"], post_transform=transform, nodes_modes=modes, base_values=[0.0, 0.1, 0.2], **stump(), **weights("class", [0, 1, 2, 1, 0], values))], {"x": holes}, {"l": S, "z": F})
    from onnx import numpy_helper

    def constant(name: str, values: Any, kind: Any) -> Any:
        return numpy_helper.from_array(np.array(values, kind), name)

    for kind, code in ((np.float32, F), (np.float64, D)):
        graph(f"tree_v5_{np.dtype(kind).name}", [helper.make_node(
            "TreeEnsemble", ["x"], ["z"], n_targets=2, aggregate_function=1, post_transform=0, tree_roots=[0, 2],
            nodes_modes=constant("m", [0, 6, 4], np.uint8), nodes_splits=constant("s", [0.1, 0.0, 0.3], kind),
            nodes_featureids=[0, 1, 2], nodes_truenodeids=[1, 0, 2], nodes_trueleafs=[0, 1, 1],
            nodes_falsenodeids=[1, 2, 3], nodes_falseleafs=[1, 1, 1], membership_values=constant("v", [1, 3, np.nan], kind),
            leaf_targetids=[0, 1, 1, 0], leaf_weights=constant("w", [1.5, 2.5, 3.5, 4.5], kind), **ml,
        )], {"x": np.abs(np.round(x * 2)).astype(kind)}, {"z": code}, ml=5, opset=21)


def main() -> None:
    """Makes all cases, unless they are there."""
    folder = Path(sys.argv[1])
    if (folder / "complete").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    cases = Cases(folder)
    for make in (sklearn_models, mixed_columns, boosters_through_onnx, xgboost_files, lightgbm_files, by_hand):
        make(cases)
    for name, reason in cases.left_out.items():
        print(f"left out: {name}: {reason}")
    if len(cases.left_out) > MOST_LEFT_OUT:
        sys.exit(f"{len(cases.left_out)} cases could not be made, at most {MOST_LEFT_OUT} may be")
    (folder / "complete").write_text("\n".join(cases.names))
    print(f"{len(cases.names)} cases in {folder}")


if __name__ == "__main__":
    main()
