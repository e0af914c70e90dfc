"""HTTP to one server, on the standard library."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import IO, Any, Optional, Union

from ._errors import GinghamError, Unavailable, from_answer

Parameters = Mapping[str, Union[str, int, float, bool, None]]
Body = Union[bytes, IO[bytes]]

DEFAULT_URL = "http://127.0.0.1:5050"


class Transport:
    """Sends requests to one server and turns its refusals into exceptions."""

    def __init__(self, url: Optional[str], token: Optional[str], timeout_s: float) -> None:
        self.url = (url or os.environ.get("GINGHAM_URL") or DEFAULT_URL).rstrip("/")
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"`{self.url}` is not the address of a server: http://HOST:PORT is expected")
        self._token = token or os.environ.get("GINGHAM_TOKEN")
        self._timeout_s = timeout_s
        proxies: Optional[dict[str, str]] = {} if _is_loopback(parts.hostname) else None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))

    def get(self, path: str, parameters: Optional[Parameters] = None) -> Any:
        """The JSON that a GET answers."""
        return self._send("GET", path, parameters)

    def post(self, path: str, body: Any = None, parameters: Optional[Parameters] = None) -> Any:
        """Sends JSON and reads JSON."""
        data = json.dumps({} if body is None else body, allow_nan=False).encode()
        return self._send("POST", path, parameters, data, "application/json")

    def upload(
        self, path: str, body: Body, *, content_type: str, parameters: Optional[Parameters] = None
    ) -> Any:
        """Sends bytes or an open file as they are and reads JSON."""
        return self._send("POST", path, parameters, body, content_type)

    def pages(self, path: str, parameters: Optional[Parameters] = None) -> Iterator[Mapping[str, Any]]:
        """Every item of a paged list, asking for the next page when it is needed."""
        asked: dict[str, Union[str, int, float, bool, None]] = dict(parameters or {})
        while True:
            page = self.get(path, asked)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return
            asked["cursor"] = cursor

    def _send(
        self,
        method: str,
        path: str,
        parameters: Optional[Parameters],
        body: Optional[Body] = None,
        content_type: Optional[str] = None,
    ) -> Any:
        request = urllib.request.Request(self.url + path + _query(parameters), data=body, method=method)
        request.add_header("Accept", "application/json")
        if content_type:
            request.add_header("Content-Type", content_type)
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        if body is not None and not isinstance(body, bytes):
            request.add_header("Content-Length", str(os.fstat(body.fileno()).st_size))
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return _json(answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                content = _json(refusal.read())
                raise from_answer(
                    refusal.code, content, refusal.headers.get("x-request-id")
                ) from None
        except (urllib.error.URLError, http.client.HTTPException, socket.timeout, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise Unavailable(
                f"the server at {self.url} cannot be reached: {reason}",
                code="server_unreachable",
                hint="`gingham up` starts one; GINGHAM_URL or url= says where it is",
            ) from error


def quoted(name: object) -> str:
    """A name as one part of a path."""
    return urllib.parse.quote(str(name), safe="")


def _query(parameters: Optional[Parameters]) -> str:
    given = {name: _word(value) for name, value in (parameters or {}).items() if value is not None}
    return f"?{urllib.parse.urlencode(given)}" if given else ""


def _word(value: Union[str, int, float, bool, None]) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(content: bytes) -> Any:
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        text = content[:200].decode("utf-8", "replace")
        raise GinghamError(f"the answer is not JSON: {text}", code="answer_not_json") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
