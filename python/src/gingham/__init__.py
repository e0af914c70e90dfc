"""The Python client of Gingham, a data science platform in one binary.

``connect()`` gives a :class:`Client`. Importing this package imports nothing but the standard
library.
"""

from ._client import Client, connect
from ._errors import Conflict, Denied, GinghamError, Invalid, NotFound, Unavailable
from ._models import Alias, Model, ModelVersion
from ._predictions import Predictions
from ._runs import Run
from ._tables import Table

__version__ = "0.1.0"

__all__ = [
    "Alias",
    "Client",
    "Conflict",
    "Denied",
    "GinghamError",
    "Invalid",
    "Model",
    "ModelVersion",
    "NotFound",
    "Predictions",
    "Run",
    "Table",
    "Unavailable",
    "__version__",
    "connect",
]
