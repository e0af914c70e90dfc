"""PyTorch on the CPU with the unmodified MLflow client: logged, registered, aliased, loaded, predicting the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy
import pytest
from test_autolog import champion, diabetes, logged_model, only_run, tracked  # noqa: F401

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


def test_pytorch_by_autologging(diabetes: Any, fresh: Fresh, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; `mlflow_whole/cpu_torch.py` says why")
    lightning = pytest.importorskip("pytorch_lightning", reason="`mlflow_whole/cpu_torch.py` installs Lightning")
    import mlflow.pytorch

    rows = torch.from_numpy(diabetes[0].to_numpy(dtype="float32"))
    outcome = torch.from_numpy(diabetes[1].to_numpy(dtype="float32").reshape(-1, 1) / 100)

    class Regression(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(10, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))

        def forward(self, batch: Any) -> Any:
            return self.layers(batch)

        def training_step(self, batch: Any, _index: int) -> Any:
            loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
            self.log("loss", loss, on_epoch=True)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam(self.parameters(), lr=0.05)

    lightning.seed_everything(1)
    torch.set_num_threads(1)
    network = Regression()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(rows, outcome), batch_size=64)
    mlflow.pytorch.autolog(silent=True)
    try:
        trainer = lightning.Trainer(
            max_epochs=6, accelerator="cpu", logger=False, enable_progress_bar=False,
            enable_checkpointing=False, default_root_dir=tmp_path,
        )
        trainer.fit(network, loader)
    finally:
        mlflow.pytorch.autolog(disable=True)
    run = only_run()
    assert run.data.params["epochs"] == "6" and run.data.params["optimizer_name"] == "Adam"
    assert run.data.params["lr"] == "0.05"
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss_epoch")
    assert [point.step for point in history] == list(range(6)) and history[-1].value < history[0].value
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    assert "model_summary.txt" in files
    loaded = champion(logged_model().model_uri, fresh("network"))
    network.eval()
    with torch.no_grad():
        expected = network(rows).numpy()
    assert numpy.array_equal(loaded.predict(rows.numpy()), expected)
