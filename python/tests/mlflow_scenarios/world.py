"""A server as a scenario sees it: calls go out, answers come back, and each pair becomes a step."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests

from .normal import Normaliser

Step = dict[str, Any]
TIMEOUT_S = 120


@dataclass
class Answer:
    """What a server answered; fields of its body by name."""

    status: int
    body: Any

    def __getitem__(self, name: str) -> Any:
        return self.body[name]

    def get(self, name: str, usual: Any = None) -> Any:
        return self.body.get(name, usual) if isinstance(self.body, dict) else usual


@dataclass
class World:
    """One server during one scenario; names made by :meth:`name` are new on every run."""

    url: str
    suffix: str = field(default_factory=lambda: "z" + uuid.uuid4().hex[:9])
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._normal = Normaliser(self.suffix, self.url)
        self._session = requests.Session()
        self._session.trust_env = False
        self._case = ""

    def name(self, word: str) -> str:
        return f"{word}-{self.suffix}"

    def case(self, words: str) -> World:
        """Names the next step, for those who read a difference."""
        self._case = words
        return self

    def quietly(self, method: str, path: str, body: Any = None) -> Answer:
        """A call that is only preparation: it must succeed and is not compared."""
        answer = self._send(method, path, body, {}, None, {})
        assert answer.status == 200, f"{method} {path}: {answer}"
        return answer

    def quietly_any(self, method: str, path: str, body: Any = None) -> Answer:
        """As :meth:`quietly`, for calls that succeed with any status below 300."""
        answer = self._send(method, path, body, {}, None, {})
        assert 200 <= answer.status < 300, f"{method} {path}: {answer}"
        return answer

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        show: Callable[[Any], Any] | None = None,
    ) -> Answer:
        """One step. ``path`` is below ``/api/2.0/mlflow/`` unless it starts with a slash.

        ``show`` picks what is kept of a good answer; the whole body when not given.
        """
        answer = self._send(method, path, body, query or {}, raw, headers or {})
        sent = body if raw is None else f"{len(raw)} bytes"
        step: Step = {"call": f"{method} {self._normal.value(path)}"}
        if self._case:
            step["case"] = self._case
        if sent is not None:
            step["sent"] = self._normal.value(sent)
        if query:
            step["query"] = self._normal.value(query)
        step["status"] = answer.status
        shown = show(answer.body) if show is not None and answer.status == 200 else answer.body
        step["answer"] = self._normal.value(shown)
        self._keep(step)
        return answer

    def outcome(self, what: str, result: Any) -> None:
        """A step that is no call: what the client's own code made of the answers."""
        self._keep({"call": what, "status": 0, "answer": self._normal.value(result)})

    def _keep(self, step: Step) -> None:
        self._case = ""
        self.steps.append(step)

    def _send(
        self, method: str, path: str, body: Any, query: Any, raw: bytes | None, headers: dict[str, str]
    ) -> Answer:
        address = self.url + (path if path.startswith("/") else f"/api/2.0/mlflow/{path}")
        prepared = requests.Request(method, address, params=query, headers=headers)
        if raw is not None:
            prepared.data = raw
        elif body is not None:
            prepared.json = body
        sent = self._session.prepare_request(prepared)
        if path.startswith("/") and ("%" in path or ".." in path):
            # As written: `requests` would tidy it.
            sent.url = address
        try:
            got = self._session.send(sent, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.ConnectionError:
            return Answer(0, "<the connection was closed without an answer>")
        try:
            found = got.json() if got.content else ""
        except ValueError:
            found = got.text if len(got.text) < 200 or "html" not in got.headers.get("Content-Type", "") else "<html>"
        return Answer(got.status_code, found)

    def post(self, path: str, /, body: Any = None, **more: Any) -> Answer:
        return self.call("POST", path, {} if body is None else body, **more)

    def get(self, path: str, /, **query: Any) -> Answer:
        return self.call("GET", path, query=query)

    def patch(self, path: str, /, body: Any = None) -> Answer:
        return self.call("PATCH", path, {} if body is None else body)

    def delete(self, path: str, /, body: Any = None) -> Answer:
        return self.call("DELETE", path, {} if body is None else body)

    # What many scenarios begin with.

    def experiment(self, word: str = "experiment") -> str:
        made = self.quietly("POST", "experiments/create", {"name": self.name(word)})
        self._normal.value({"experiment_id": made["experiment_id"]})
        return str(made["experiment_id"])

    def run(self, experiment: str, name: str = "a run", **more: Any) -> str:
        body = {"experiment_id": experiment, "run_name": name, "start_time": 1_600_000_000_000, **more}
        made = self.quietly("POST", "runs/create", body)["run"]["info"]["run_id"]
        self._normal.value(made)
        return str(made)

    def model(self, word: str = "model") -> str:
        name = self.name(word)
        self.quietly("POST", "registered-models/create", {"name": name})
        return name


def as_line(step: Step) -> str:
    """One step as one line of a recording."""
    return json.dumps(step, sort_keys=True, ensure_ascii=False)
