"""The Python client of Gingham, a data science platform in one binary.

``connect()`` gives a :class:`Client`. Importing this package imports nothing but the standard
library.
"""

from typing import Any, Optional

from ._archive import Logged
from ._client import Client, connect
from ._errors import Conflict, Denied, GinghamError, Invalid, NotFound, Unavailable
from ._models import Alias, Model, ModelVersion
from ._predictions import Predictions
from ._runs import Run
from ._sync import Synced
from ._tables import Table

__version__ = "0.1.0"

__all__ = [
    "Alias",
    "Client",
    "Conflict",
    "Denied",
    "GinghamError",
    "Invalid",
    "Logged",
    "Model",
    "ModelVersion",
    "NotFound",
    "Predictions",
    "Run",
    "Synced",
    "Table",
    "Unavailable",
    "__version__",
    "connect",
    "log_labels",
    "log_predictions",
]


def log_predictions(
    rows: Any, *, model: str, version: Optional[int] = None, deployment: Optional[str] = None
) -> Logged:
    """:meth:`Client.log_predictions` on the server that ``GINGHAM_URL`` names."""
    return connect().log_predictions(rows, model=model, version=version, deployment=deployment)


def log_labels(rows: Any, *, model: str, source: Optional[str] = None) -> Logged:
    """:meth:`Client.log_outcomes` on the server that ``GINGHAM_URL`` names."""
    return connect().log_outcomes(rows, model=model, source=source)
