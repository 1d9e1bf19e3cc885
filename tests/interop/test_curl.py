"""curl as a client of the standard library's HTTP server over pytls."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import threading
from typing import Any, Iterator

import pytest
from peers import DEADLINE, server_context
from pki import HOSTNAME, LOOPBACK, Pki
from programs import program, run

import pytls

BODY = os.urandom(1 << 20)
VERSIONS = {
    "TLSv1.2": ("--tlsv1.2", "--tls-max", "1.2"),
    "TLSv1.3": ("--tlsv1.3", "--tls-max", "1.3"),
}


class Site(http.server.BaseHTTPRequestHandler):
    """A megabyte for who asks; the digest of what is posted; who the client is."""

    protocol_version = "HTTP/1.1"
    timeout = DEADLINE

    def do_GET(self) -> None:
        """/body, or /who."""
        if self.path == "/body":
            self._answer(BODY)
        else:
            certificate = self.connection.getpeercert()
            names = certificate["subjectAltName"] if certificate else ()
            self._answer(f"{self.connection.version()} {names}".encode())

    def do_POST(self) -> None:
        """The SHA-256 of the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(hashlib.sha256(body).hexdigest().encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: pytest has its own."""


class Server(http.server.ThreadingHTTPServer):
    """Its listening socket is wrapped, and with it each connection."""

    daemon_threads = False

    def __init__(self, context: Any) -> None:
        super().__init__((LOOPBACK, 0), Site)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: Any) -> None:
        """A client that goes is no error of the server's."""


@contextlib.contextmanager
def site(context: Any) -> Iterator[str]:
    """Where the site is."""
    with Server(context) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"https://{HOSTNAME}:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join(DEADLINE)


def curl(pki: Pki, version: str, *arguments: str, given: bytes = b"") -> Any:
    """curl, which believes the authority and checks the name."""
    return run(
        program("curl"),
        *("--silent", "--show-error", "--fail", "--ipv4", "--noproxy", "*", "--cacert", pki.ca),
        *VERSIONS[version],
        *arguments,
        given=given,
    )


def test_curl_gets_a_megabyte(pki: Pki, tls_version: str) -> None:
    """Every byte, over a verified connection."""
    with site(server_context(pytls, pki)) as url:
        done = curl(pki, tls_version, f"{url}/body")

    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(BODY).digest()


def test_curl_posts_a_megabyte(pki: Pki, tls_version: str) -> None:
    """The server got what was posted."""
    with site(server_context(pytls, pki)) as url:
        done = curl(pki, tls_version, "--data-binary", "@-", url, given=BODY)

    assert done.stdout.decode() == hashlib.sha256(BODY).hexdigest(), done.stderr


def test_curl_asks_many_times_over_one_connection(pki: Pki, tls_version: str) -> None:
    """Keep-alive: two bodies and a question."""
    with site(server_context(pytls, pki)) as url:
        done = curl(
            pki, tls_version, f"{url}/body", f"{url}/body", f"{url}/who", "-w", "%{num_connects} "
        )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(BODY + b"1 " + BODY + b"0 ")
    assert done.stdout.endswith(f"{tls_version} ()0 ".encode())


def test_curl_shows_its_certificate(pki: Pki, tls_version: str) -> None:
    """The server demands one and knows who asks; without one it does not answer."""
    context = server_context(pytls, pki)
    context.verify_mode = pytls.CERT_REQUIRED
    context.load_verify_locations(pki.ca)
    with site(context) as url:
        done = curl(
            pki, tls_version, f"{url}/who", "--cert", pki.client.chain, "--key", pki.client.key
        )
        refused = curl(pki, tls_version, f"{url}/who")

    assert done.stdout.decode() == f"{tls_version} (('email', 'client@example.test'),)"
    assert refused.returncode != 0


def test_curl_refuses_a_server_that_it_does_not_believe(pki: Pki, tls_version: str) -> None:
    """Exit code 60: the certificate is not by its authority."""
    with site(server_context(pytls, pki, credentials=pki.by_stranger)) as url:
        done = curl(pki, tls_version, f"{url}/body")

    assert done.returncode == 60


def test_curl_and_the_server_agree_by_alpn(pki: Pki, tls_version: str) -> None:
    """Curl offers h2 and http/1.1; the server takes http/1.1."""
    context = server_context(pytls, pki)
    context.set_alpn_protocols(["http/1.1"])
    with site(context) as url:
        done = curl(pki, tls_version, "--verbose", f"{url}/who")

    assert done.returncode == 0, done.stderr
    assert b"ALPN" in done.stderr
    assert b"http/1.1" in done.stderr


@pytest.mark.parametrize("options", [("--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384")], ids=["aes"])
def test_curl_chooses_the_cipher(pki: Pki, options: tuple[str, ...]) -> None:
    """A list of one, for TLS 1.2."""
    seen = []
    context = server_context(pytls, pki)
    context.sni_callback = lambda sock, *_: seen.append(sock)
    with site(context) as url:
        done = curl(pki, "TLSv1.2", "--verbose", *options, f"{url}/who")

    assert done.returncode == 0, done.stderr
    assert b"ECDHE-ECDSA-AES256-GCM-SHA384" in done.stderr
    assert len(seen) == 1
