"""A row for the model that the demo leaves, as values by feature and as tensors."""

from __future__ import annotations

from typing import Any

import numpy

MODEL = "traffic"
NUMBERS: dict[str, float] = {
    "hour": 17,
    "weekday": 2,
    "month": 5,
    "temp": 291.2,
    "rain_1h": 0.0,
    "snow_1h": 0.0,
    "clouds_all": 40,
    "volume_last_week": 5900,
}
WORDS = {"weather_main": "Clouds", "holiday": "None"}


def array(field: Any, rows: int, kind: Any = numpy.float64, shape: Any = None) -> Any:
    """The row's value of a feature, so many times; `field` is a tensor of the model's metadata."""
    name = field["name"]
    if field["datatype"] == "BYTES":
        values = numpy.array([WORDS[name]] * rows, dtype=object)
    else:
        values = numpy.array([NUMBERS[name]] * rows, dtype=kind)
    return values.reshape(shape or [rows])
