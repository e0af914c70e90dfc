"""The package on a server on which the demo was played."""

from __future__ import annotations

from typing import Any

import pytest

import gingham

ROW: dict[str, Any] = {
    "hour": 17,
    "weekday": 2,
    "month": 5,
    "temp": 291.2,
    "rain_1h": 0.0,
    "snow_1h": 0.0,
    "clouds_all": 40,
    "weather_main": "Clouds",
    "holiday": "None",
    "volume_last_week": 5900,
}


@pytest.fixture(scope="module")
def model(client: gingham.Client) -> gingham.Model:
    return client.models.get("traffic")


def test_the_champion_is_a_version_with_metrics(model: gingham.Model) -> None:
    champion = model.champion()
    assert champion is not None
    assert champion.metrics["mae"] > 0
    assert champion.number in [version.number for version in model.versions()]
    assert "traffic" in repr(champion)


def test_the_model_is_in_the_list(client: gingham.Client, model: gingham.Model) -> None:
    assert {item.name: item.aliases for item in client.models}["traffic"] == model.aliases


def test_a_busy_hour_is_told_from_a_quiet_one(client: gingham.Client) -> None:
    quiet = {**ROW, "hour": 3, "volume_last_week": 350}
    busy, still = client.predict("traffic", [ROW, quiet])
    assert busy > 3000 > 1500 > still >= -200


def test_a_missing_value_may_be_none_or_nan(client: gingham.Client) -> None:
    with_none = client.predict("traffic", [{**ROW, "temp": None, "volume_last_week": None}])
    with_nan = client.predict("traffic", [{**ROW, "temp": float("nan"), "volume_last_week": float("nan")}])
    assert with_none == with_nan


def test_a_frame_predicts_like_its_rows(client: gingham.Client) -> None:
    pandas = pytest.importorskip("pandas")
    assert client.predict("traffic", pandas.DataFrame([ROW, ROW])) == client.predict("traffic", [ROW, ROW])


def test_a_prediction_meets_its_label(client: gingham.Client) -> None:
    answer = client.predict("traffic", [ROW], event_time="2018-10-03T17:00:00Z", ids=True)
    client.log_labels(
        "traffic",
        [{"prediction_id": answer.ids[0], "value": 5105, "label_time": "2018-10-04T17:00:00Z"}],
    )
    rows = client.sql(
        f"select prediction, label from scored where prediction_id = '{answer.ids[0]}'"
    )
    assert rows == [{"prediction": pytest.approx(answer[0]), "label": pytest.approx(5105)}]


def test_an_unknown_field_is_named(client: gingham.Client) -> None:
    with pytest.raises(gingham.Invalid, match="humidity"):
        client.predict("traffic", [{**ROW, "humidity": 3}])


def test_a_word_where_a_number_belongs_is_named(client: gingham.Client) -> None:
    with pytest.raises((gingham.Invalid, ValueError), match="temp|warm"):
        client.predict("traffic", [{**ROW, "temp": "warm"}])


def test_the_gap_raised_an_alert(client: gingham.Client) -> None:
    kinds = {alert["kind"] for alert in client.alerts.list(model="traffic")}
    assert "gap" in kinds


def test_sql_with_a_slip_names_the_nearest_word(client: gingham.Client) -> None:
    with pytest.raises(gingham.GinghamError) as caught:
        client.sql("select count(*) from prediction")
    assert "predictions" in f"{caught.value.detail} {caught.value.hint}"
