"""Manifests are valid against the OpenAPI schemas of several releases of Kubernetes, unknown fields being errors."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

RELEASES = ["1.29", "1.33", kubernetes_validate.latest_version()]
EXAMPLE = Path(__file__).parents[3] / "examples" / "traffic"
LEAST = {
    "namespace": "models",
    "image": "registry.example.com/gingham:0.1.0",
    "server": "http://gingham.gingham.svc:5050",
    "token": {"secret": "gingham-token"},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "least": {},
    "one": {"replicas": 1, "service_account": "mine", "image_pull_secrets": ["pull"]},
    "scaled": {"autoscale": {"min": 1, "max": 9, "cpu_percent": 60}, "resources": {"cpu": "250m", "memory": "1Gi", "cpu_limit": "2"}},
    "gpu": {
        "gpu": {"count": 2, "resource": "nvidia.com/mig-1g.10gb"},
        "node_selector": {"pool": "gpu"},
        "tolerations": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}, {"key": "team", "value": "a"}],
        "runtime_class": "nvidia",
    },
    "all": {
        "name": "traffic-eu",
        "client_token": {"secret": "clients", "key": "first"},
        "network": {"from_namespaces": ["web"], "open": False},
        "cache": "10Gi",
        "drain_seconds": 60,
        "labels": {"team": "roads"},
        "annotations": {"example.com/owner": "roads team"},
        "env": {"RUST_BACKTRACE": "1"},
    },
    "open": {"network": {"open": True}},
}


def manifests(folder: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    text = (EXAMPLE / "gingham.yaml").read_text()
    deployment = yaml.safe_dump({"deployment": {"name": "traffic", "kubernetes": LEAST | settings}})
    (folder / "gingham.yaml").write_text(text.replace("deployment: { name: traffic, alias: champion }\n", deployment))
    for name in ("prepare.sql", "low.policy.yaml"):
        (folder / name).write_text((EXAMPLE / name).read_text())
    ran = subprocess.run([os.environ["GINGHAM_BINARY"], "manifests", str(folder)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [document for document in yaml.safe_load_all(ran.stdout) if document]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", SETTINGS)
def test_manifests_are_valid(name: str, release: str, tmp_path: Path) -> None:
    found = manifests(tmp_path, SETTINGS[name])
    assert len(found) >= 3
    for manifest in found:
        kubernetes_validate.validate(manifest, release, strict=True)


def test_the_validator_refuses_what_is_wrong(tmp_path: Path) -> None:
    broken = manifests(tmp_path, {})[-1]
    broken["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, RELEASES[0], strict=True)


def test_keda_is_asked_as_its_documentation_says(tmp_path: Path) -> None:
    keda = {"prometheus": "http://prometheus:9090", "requests_per_second": 50, "query": "sum(rate(x[1m]))"}
    scaled = manifests(tmp_path, {"autoscale": {"min": 0, "max": 5, "keda": keda}})[-1]
    assert (scaled["apiVersion"], scaled["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    spec = scaled["spec"]
    assert spec["scaleTargetRef"] == {"name": "traffic"}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 5)
    trigger = spec["triggers"][0]
    assert trigger["type"] == "prometheus"
    assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold"}
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
