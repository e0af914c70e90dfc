"""The model card and the datasheet of the demo, read by Hugging Face's own package."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest

hub = pytest.importorskip("huggingface_hub")

BASE = "https://gingham.example.org"


def ask(url: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "PUT"
    request = urllib.request.Request(f"{url}/api/v1{path}", data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as response:
        text = response.read().decode()
        return json.loads(text) if "json" in response.headers["content-type"] else text


@pytest.fixture(scope="module")
def champion(url: str) -> dict[str, Any]:
    version: dict[str, Any] = ask(url, "/models/traffic/versions/champion")
    return version


@pytest.fixture(scope="module")
def text(url: str, champion: dict[str, Any]) -> str:
    card: str = ask(url, f"/models/traffic/versions/{champion['number']}/card/huggingface?base={BASE}")
    return card


def test_the_metrics_of_a_version_are_results_with_their_source(champion: dict[str, Any], text: str) -> None:
    data = hub.ModelCard(text).data
    assert (data.library_name, data.license, data.datasets) == ("gingham", "apache-2.0", ["traffic"])
    measured = {result.metric_type: result.metric_value for result in data.eval_results}
    numbers = {key: value for key, value in champion["metrics"].items() if isinstance(value, (int, float))}
    assert measured == numbers and "mae" in measured
    for result in data.eval_results:
        assert result.task_type == "tabular-regression"
        assert result.dataset_name == "traffic"
        assert result.source_url == f"{BASE}/runs/{champion['source_run']}"


def test_what_people_wrote_stands_in_the_card(text: str) -> None:
    card = hub.ModelCard(text)
    assert "## Limitations" in card.text and "One counter on one road" in card.text
    assert "*blank*" not in card.text


def test_every_number_of_the_tables_is_a_link(text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [cell.strip() for row in rows for cell in row.strip("| ").split(" | ")]
    assert [cell for cell in cells if re.fullmatch(r"-?[\d.,]+", cell)] == []
    links = re.findall(r"\[-?[\d.,]+\]\((\S+?)\)", text)
    assert len(links) > 10 and all(link.startswith(BASE + "/") for link in links)


def test_a_number_leads_to_a_page_that_holds_it(url: str, champion: dict[str, Any], text: str) -> None:
    shown = re.search(r"\| mae \| \[([\d.]+)\]\(\S+/runs/(\w+)\)", text)
    assert shown is not None
    run = ask(url, f"/runs/{shown[2]}")
    assert f"{run['metrics']['mae']:.1f}" == shown[1]


def test_the_datasheet_is_a_dataset_card(url: str) -> None:
    card = hub.DatasetCard(ask(url, f"/datasets/traffic/datasheet/huggingface?base={BASE}"))
    assert card.data.license == "cc-by-4.0"
    assert card.data.size_categories == ["10K<n<100K"] or card.data.size_categories == ["1K<n<10K"]
    assert "John Hogue" in card.text and "## Columns" in card.text


def test_the_champion_came_by_a_review_under_the_policy(url: str, champion: dict[str, Any]) -> None:
    reviews = ask(url, "/reviews?model=traffic&state=carried_out&limit=1000")["items"]
    mine = [review for review in reviews if review["version"] == champion["number"]]
    assert len(mine) == 1
    verdict = mine[0]["verdict"]
    assert (mine[0]["policy"], verdict["standing"], verdict["automatic"]) == ("low-risk", "allowed", True)
    assert all(rule["mark"] == "pass" and rule["why"] for rule in verdict["rules"])
