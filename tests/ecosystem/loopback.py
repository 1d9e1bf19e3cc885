"""What the tests of the ecosystem share."""

from __future__ import annotations

import http.server
import ssl
from typing import Any, Iterator

from peers import DEADLINE
from pki import HOSTNAME, LOOPBACK

import pytls

INJECTED = ssl is pytls
"""Whether this is the run in which there is no other `ssl`."""

BODY = bytes(range(256)) * 4096  # 1 MiB


class Handler(http.server.BaseHTTPRequestHandler):
    """GET: who the client is, by its certificate. POST: what it sent."""

    protocol_version = "HTTP/1.1"
    timeout = DEADLINE

    def do_GET(self) -> None:
        """The client's name."""
        subject = (self.connection.getpeercert() or {}).get("subject", ())  # type: ignore[attr-defined]
        self._answer(dict(pair for part in subject for pair in part).get("commonName", "").encode())

    def do_POST(self) -> None:
        """An echo."""
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Not a word."""


class Server(http.server.ThreadingHTTPServer):
    """HTTPS by threads: the handshake is its connection's thread's."""

    daemon_threads = True

    def __init__(self, context: Any) -> None:
        super().__init__((LOOPBACK, 0), Handler)
        self.context = context
        self.connections = 0

    def get_request(self) -> Any:
        """A connection with TLS on it, which has still to shake hands."""
        self.connections += 1
        plain, address = super().get_request()
        plain.settimeout(DEADLINE)
        return self.context.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        ), address

    def handle_error(self, *_: Any) -> None:
        """A client that refuses the server is the subject of a test, and no news."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"https://{HOSTNAME}:{self.server_port}/"


def beneath(error: BaseException, kind: type[BaseException]) -> BaseException:
    """The exception of a kind that a library's own exception wraps, in whichever way."""
    found = [inner for inner in _within(error) if isinstance(inner, kind)]
    assert found, f"{error!r} has nothing to do with {kind}"
    return found[0]


def _within(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        parts = [*error.args, *getattr(error, "exceptions", ())]
        parts += [getattr(error, name, None) for name in ("reason", "certificate_error")]
        for part in parts:
            if isinstance(part, BaseException):
                yield from _within(part)
        error = error.__cause__ or error.__context__
