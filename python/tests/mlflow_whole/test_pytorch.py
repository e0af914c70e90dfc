"""PyTorch on the CPU with the unmodified MLflow client: logged, registered, aliased, loaded, predicting the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow
import numpy
import pytest
from test_autolog import champion, diabetes, tracked  # noqa: F401

pytestmark = pytest.mark.filterwarnings("default")

Fresh = Callable[[str], str]


def test_pytorch(diabetes: Any, fresh: Fresh) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; `mlflow_whole/cpu_torch.py` says why")
    import mlflow.pytorch

    rows = diabetes[0].to_numpy(dtype="float32")
    outcome = diabetes[1].to_numpy(dtype="float32").reshape(-1, 1) / 100
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network = torch.nn.Sequential(torch.nn.Linear(10, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    steps = torch.optim.Adam(network.parameters(), lr=0.05)
    with mlflow.start_run() as active:
        for epoch in range(30):
            steps.zero_grad()
            loss = torch.nn.functional.mse_loss(network(torch.from_numpy(rows)), torch.from_numpy(outcome))
            loss.backward()
            steps.step()
            mlflow.log_metric("loss", loss.item(), step=epoch)
        signature = mlflow.models.infer_signature(rows, outcome)
        logged = mlflow.pytorch.log_model(network, name="network", signature=signature)
    history = mlflow.MlflowClient().get_metric_history(active.info.run_id, "loss")
    assert len(history) == 30 and history[-1].value < history[0].value
    loaded = champion(logged.model_uri, fresh("network"))
    with torch.no_grad():
        expected = network(torch.from_numpy(rows)).numpy()
    assert numpy.array_equal(loaded.predict(rows), expected)
