"""A bucket in memory that answers like the XML API of Google Cloud Storage, for tests: the emulators that PyPI has
speak its JSON API only. Its manners follow Google's reference of the XML API: generations, conditional writes by
`x-goog-if-generation-match`, copies, ranges, lists in pages. `python gcs_double.py PORT` runs it."""

from __future__ import annotations

import hashlib
import itertools
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 100


class Held(NamedTuple):
    content: bytes
    generation: int
    written: float

    @property
    def tag(self) -> str:
        return f'"{hashlib.md5(self.content).hexdigest()}"'


class Bucket:
    def __init__(self) -> None:
        self.objects: dict[str, Held] = {}
        self.generations = itertools.count(1_700_000_000_000_001)
        self.lock = threading.Lock()
        self.fail_puts_after: int | None = None


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, format: str, *args: object) -> None:
        pass

    def tell(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.tell(status, f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode())

    def key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/").partition("/")[2]

    def facts(self, held: Held) -> dict[str, str]:
        return {
            "ETag": held.tag, "x_goog_generation": str(held.generation),
            "Last_Modified": formatdate(held.written, usegmt=True),
        }

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        expected = self.headers.get("x-goog-if-generation-match")
        source = self.headers.get("x-goog-copy-source")
        with self.bucket.lock:
            if self.bucket.fail_puts_after is not None:
                if self.bucket.fail_puts_after == 0:
                    return self.refuse(403, "AccessDenied")
                self.bucket.fail_puts_after -= 1
            known = self.bucket.objects.get(self.key())
            if expected is not None and int(expected) != (known.generation if known else 0):
                return self.refuse(412, "PreconditionFailed")
            if source is not None:
                copied = self.bucket.objects.get(unquote(source).lstrip("/").partition("/")[2])
                if copied is None:
                    return self.refuse(404, "NoSuchKey")
                content = copied.content
            held = Held(content, next(self.bucket.generations), time.time())
            self.bucket.objects[self.key()] = held
        body = b"<CopyObjectResult></CopyObjectResult>" if source is not None else b""
        self.tell(200, body, **self.facts(held))

    def do_DELETE(self) -> None:
        with self.bucket.lock:
            gone = self.bucket.objects.pop(self.key(), None)
        if gone is None:
            return self.refuse(404, "NoSuchKey")
        self.tell(204)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self.key():
            return self.list()
        with self.bucket.lock:
            held = self.bucket.objects.get(self.key())
        if held is None:
            return self.refuse(404, "NoSuchKey")
        asked = self.headers.get("Range")
        if self.command == "HEAD" or asked is None:
            # A HEAD tells the length of what a GET would bring.
            if self.command == "HEAD":
                self.send_response(200)
                for name, value in self.facts(held).items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(held.content)))
                self.end_headers()
                return
            return self.tell(200, held.content, **self.facts(held))
        first, last = asked.removeprefix("bytes=").split("-")
        size = len(held.content)
        begin, end = (max(size - int(last), 0), size) if not first else (int(first), min(int(last or size) + 1, size))
        if begin >= size:
            return self.refuse(416, "InvalidRange")
        self.tell(
            206, held.content[begin:end], Content_Range=f"bytes {begin}-{end - 1}/{size}", **self.facts(held)
        )

    def list(self) -> None:
        asked = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        after = asked.get("continuation-token", asked.get("start-after", ""))
        with self.bucket.lock:
            names = sorted(name for name in self.bucket.objects if name.startswith(prefix) and name > after)
            folders: list[str] = []
            found: list[str] = []
            cut = ""
            for name in names:
                rest = name[len(prefix) :]
                if delimiter and delimiter in rest:
                    folder = prefix + rest.split(delimiter)[0] + delimiter
                    if folder not in folders:
                        folders.append(folder)
                else:
                    found.append(name)
                if len(found) + len(folders) > PAGE:
                    break
                cut = name
            more = bool(names) and cut != names[-1]
            if len(found) > PAGE:
                found.pop()
            items = "".join(
                f"<Contents><Key>{escape(name)}</Key><Size>{len(held.content)}</Size>"
                f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{escape(held.tag)}</ETag></Contents>"
                for name in found
                for held in [self.bucket.objects[name]]
            )
        shared = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
        token = f"<NextContinuationToken>{escape(cut)}</NextContinuationToken>" if more else ""
        body = f"<?xml version='1.0'?><ListBucketResult>{items}{shared}{token}</ListBucketResult>"
        self.tell(200, body.encode(), Content_Type="application/xml")


def serve(port: int = 0) -> tuple[ThreadingHTTPServer, Bucket]:
    bucket = Bucket()
    handler = type("Answer", (Answer,), {"bucket": bucket})
    return ThreadingHTTPServer(("127.0.0.1", port), handler), bucket


if __name__ == "__main__":
    serve(int(sys.argv[1]))[0].serve_forever()
