"""Scenarios of MLflow's REST API, what MLflow's own server answered, and how ours is compared with it.

A scenario is a function of a :class:`World`: it calls a server, and each call becomes a step. The same function runs
against MLflow's server when answers are recorded (``record.py``) and against ours when they are compared
(``tests/test_mlflow_scenarios.py``).
"""

from __future__ import annotations
