"""Makes the model that every server of the benchmark serves: boosted trees on 30 made-up features.

Writes into the folder named on the command line: `rows.csv` with a time, 30 features and a target, `model.onnx`,
`model.joblib`, and an MLflow model in `mlflow/` where mlflow is installed.
"""

import sys
from pathlib import Path

import numpy
from sklearn.ensemble import GradientBoostingRegressor

FEATURES = 30
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random = numpy.random.default_rng(7)
x = random.normal(size=(4_000, FEATURES))
y = x[:, 0] * 3 + numpy.sin(x[:, 1] * 2) * 5 + x[:, 2] * x[:, 3] + random.normal(size=len(x)) * 0.3

start = numpy.datetime64("2026-01-01T00:00:00")
names = [f"f{at}" for at in range(FEATURES)]
with (folder / "rows.csv").open("w", encoding="utf-8") as file:
    file.write(",".join(["at", *names, "target"]) + "\n")
    for at, (row, target) in enumerate(zip(x, y)):
        moment = start + numpy.timedelta64(at, "h")
        file.write(",".join([str(moment).replace("T", " "), *(f"{value:.6f}" for value in row), f"{target:.6f}"]) + "\n")

model = GradientBoostingRegressor(n_estimators=100, max_depth=3, random_state=7).fit(x.astype(numpy.float32), y)

try:
    from skl2onnx import to_onnx

    (folder / "model.onnx").write_bytes(to_onnx(model, x[:1].astype(numpy.float32)).SerializeToString())
except ImportError:
    pass
try:
    import joblib

    joblib.dump(model, folder / "model.joblib")
except ImportError:
    pass
try:
    import mlflow.sklearn

    mlflow.sklearn.save_model(model, str(folder / "mlflow"), serialization_format="cloudpickle")
except ImportError:
    pass
