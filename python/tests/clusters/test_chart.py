"""The Helm chart renders, and what it renders is valid. Needs `helm`, as the variable `GINGHAM_HELM` names it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

CHART = Path(__file__).parents[3] / "charts" / "gingham"
HELM = os.environ.get("GINGHAM_HELM", "")
RELEASES = ["1.29", "1.33", kubernetes_validate.latest_version()]

pytestmark = pytest.mark.skipif(not HELM, reason="there is no helm")


def render(*settings: str) -> list[dict[str, Any]]:
    values = [word for setting in settings for word in ("--set", setting)]
    command = [HELM, "template", "gingham", str(CHART), "--namespace", "gingham", *values]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [document for document in yaml.safe_load_all(ran.stdout) if document]


def test_the_chart_has_no_faults() -> None:
    ran = subprocess.run([HELM, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("deployments.enabled=false", "storage.className=fast"),
        ("deployments.keda=true", "deployments.namespaces={models,gingham}", "databaseSecret=db", "artifacts=s3://a/b"),
        ("env.AWS_REGION=eu-west-1", "nodeSelector.pool=main", "imagePullSecrets[0].name=pull"),
    ],
)
def test_what_it_renders_is_valid(settings: tuple[str, ...], release: str) -> None:
    for document in render(*settings):
        kubernetes_validate.validate(document, release, strict=True)


def test_rights_are_those_that_applying_needs() -> None:
    roles = [document for document in render("deployments.namespaces={models}") if document["kind"] == "Role"]
    assert [role["metadata"]["namespace"] for role in roles] == ["gingham", "models"]
    kinds = {resource for rule in roles[0]["rules"] for resource in rule["resources"]}
    assert kinds == {"serviceaccounts", "services", "deployments", "poddisruptionbudgets", "networkpolicies", "horizontalpodautoscalers"}
    assert not [document for document in render("deployments.enabled=false") if document["kind"] == "Role"]
