"""Models, their versions and their aliases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ._transport import Transport, quoted


@dataclass(frozen=True)
class Alias:
    """A name that moves from version to version."""

    name: str
    version: int
    reason: Optional[str] = None
    since: Optional[str] = None


@dataclass(frozen=True)
class ModelVersion:
    """A version; it never changes. ``raw`` holds all that the server says of it."""

    model: str
    number: int
    digest: str
    metrics: Mapping[str, float]
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Model:
    """A model. ``raw`` holds all that the server says of it."""

    name: str
    description: str
    aliases: Mapping[str, int]
    raw: Mapping[str, Any] = field(repr=False)
    _transport: Transport = field(repr=False, compare=False)

    def versions(self) -> Iterator[ModelVersion]:
        """All versions, newest first."""
        for item in self._transport.pages(f"/api/v1/models/{quoted(self.name)}/versions"):
            yield _version(self.name, item)

    def version(self, number: int) -> ModelVersion:
        """One version."""
        return _version(
            self.name, self._transport.get(f"/api/v1/models/{quoted(self.name)}/versions/{number}")
        )

    def champion(self) -> Optional[ModelVersion]:
        """The version behind the alias ``champion``, if there is one."""
        number = self.aliases.get("champion")
        return None if number is None else self.version(number)

    def set_alias(
        self, alias: str, version: int, *, reason: str, expected_version: Optional[int] = None
    ) -> None:
        """Moves an alias; with ``expected_version`` only if it still points there."""
        body: dict[str, Any] = {"version": version, "reason": reason}
        if expected_version is not None:
            body["expected_version"] = expected_version
        self._transport.post(f"/api/v1/models/{quoted(self.name)}/aliases/{quoted(alias)}", body)

    def train(self) -> Mapping[str, Any]:
        """Asks for a new training; answers the job."""
        job: Mapping[str, Any] = self._transport.post(f"/api/v1/models/{quoted(self.name)}/train")
        return job


class Models:
    """All models of the server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __iter__(self) -> Iterator[Model]:
        for item in self._transport.pages("/api/v1/models"):
            yield _model(item, self._transport)

    def get(self, name: str) -> Model:
        """One model; raises :class:`~gingham.NotFound` if there is none."""
        return _model(self._transport.get(f"/api/v1/models/{quoted(name)}"), self._transport)


def _model(raw: Mapping[str, Any], transport: Transport) -> Model:
    return Model(
        name=raw["name"],
        description=raw.get("description") or "",
        aliases=_aliases(raw.get("aliases")),
        raw=raw,
        _transport=transport,
    )


def _aliases(raw: Any) -> Mapping[str, int]:
    """Lists carry aliases as a mapping, a single model as a list with reasons."""
    if isinstance(raw, Mapping):
        return {str(name): int(version) for name, version in raw.items()}
    return {item["alias"]: int(item["version"]) for item in raw or []}


def _version(model: str, raw: Mapping[str, Any]) -> ModelVersion:
    return ModelVersion(
        model=model,
        number=int(raw["number"]),
        digest=str(raw.get("digest") or ""),
        metrics=raw.get("metrics") or {},
        raw=raw,
    )
