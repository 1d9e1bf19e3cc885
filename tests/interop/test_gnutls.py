"""GnuTLS, another implementation of TLS, as a peer: gnutls-serv and gnutls-cli."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from typing import Any, Iterator

from peers import DEADLINE, Background, client_context, receive_exactly, server_context, serving
from pki import HOSTNAME, LOOPBACK, Pki
from programs import Running, free_port, program, run, running

import pytls

PRIORITY = {
    "TLSv1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2",
    "TLSv1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3",
}


@contextlib.contextmanager
def gnutls_serv(pki: Pki, version: str, *options: str) -> Iterator[tuple[Running, Any]]:
    """A server that says everything once more, and its address."""
    port = free_port()
    with running(
        program("gnutls-serv"),
        *("--echo", "--port", str(port), "--priority", PRIORITY[version]),
        *("--x509certfile", pki.server.chain, "--x509keyfile", pki.server.key, *options),
    ) as server:
        server.wait_for_port(port)
        yield server, (LOOPBACK, port)


def connect(context: Any, address: Any, **options: Any) -> Any:
    """A client, under a timeout."""
    plain = socket.create_connection(address, DEADLINE)
    return context.wrap_socket(plain, server_hostname=HOSTNAME, **options)


def gnutls_cli(pki: Pki, version: str, address: Any, *options: str, given: bytes) -> Any:
    """The client, which believes the authority, from its beginning to its end."""
    return run(
        program("gnutls-cli"),
        *("--x509cafile", pki.ca, "--priority", PRIORITY[version], "--port", str(address[1])),
        *("--sni-hostname", HOSTNAME, "--verify-hostname", HOSTNAME, *options, address[0]),
        given=given,
    )


# gnutls-serv


def test_a_client_hears_its_echo(pki: Pki, tls_version: str) -> None:
    """Over a verified connection of the version asked for."""
    context = client_context(pytls, pki, tls_version)
    with gnutls_serv(pki, tls_version) as (_, address), connect(context, address) as client:
        client.sendall(b"hello\n")
        assert client.recv(100) == b"hello\n"
        assert client.version() == tls_version
        assert client.getpeercert(True) == pki.server.der


def test_a_megabyte_comes_back(pki: Pki, tls_version: str) -> None:
    """One thread sends while another receives: lines, for gnutls-serv thinks in lines."""
    body = b"".join(os.urandom(31).hex().encode() + b".\n" for _ in range(1 << 14))
    context = client_context(pytls, pki, tls_version)
    with gnutls_serv(pki, tls_version) as (_, address), connect(context, address) as client:
        sending = Background(client.sendall, body)
        echoed = receive_exactly(client, len(body))
        sending.result()

    assert hashlib.sha256(echoed).digest() == hashlib.sha256(body).digest()


def test_gnutls_serv_asks_for_a_client_certificate(pki: Pki, tls_version: str) -> None:
    """With one, it answers; without one, the connection fails."""
    options = "--require-client-cert", "--verify-client-cert", "--x509cafile", pki.ca
    context = client_context(pytls, pki, tls_version)
    with gnutls_serv(pki, tls_version, *options) as (_, address):
        with contextlib.suppress(OSError), connect(context, address) as client:
            client.sendall(b"hello\n")
            assert client.recv(100) == b""

        context.load_cert_chain(pki.client.both)
        with connect(context, address) as client:
            client.sendall(b"hello\n")
            assert client.recv(100) == b"hello\n"


def test_a_session_of_gnutls_serv_is_resumed(pki: Pki, tls_version: str) -> None:
    """By a ticket."""
    context = client_context(pytls, pki, tls_version)
    with gnutls_serv(pki, tls_version) as (_, address):
        with connect(context, address) as client:
            client.sendall(b"hello\n")
            client.recv(100)
            session = client.session
        with connect(context, address, session=session) as client:
            assert client.session_reused


def test_both_ends_part_by_close_notify(pki: Pki, tls_version: str) -> None:
    """unwrap() gets the server's answer to ours."""
    context = client_context(pytls, pki, tls_version)
    with gnutls_serv(pki, tls_version) as (_, address), connect(context, address) as client:
        client.sendall(b"hello\n")
        assert client.recv(100) == b"hello\n"
        client.unwrap().close()


# gnutls-cli


def part(connection: Any) -> None:
    """Send close_notify; gnutls-cli, whose input has ended, may go without an answer to it."""
    with contextlib.suppress(pytls.SSLEOFError, ConnectionError):
        connection.unwrap()


def test_gnutls_cli_talks_to_a_server(pki: Pki, tls_version: str) -> None:
    """It verifies the chain and the name, sends, and prints a megabyte of answer."""
    answer = b"".join(b"%07d\n" % number for number in range(1 << 17))
    seen = []

    def talk(connection: Any) -> None:
        seen.append((connection.recv(100), connection.version()))
        connection.sendall(answer)
        part(connection)

    with serving(server_context(pytls, pki, tls_version), talk) as address:
        done = gnutls_cli(pki, tls_version, address, given=b"hello\n")

    assert seen == [(b"hello\n", tls_version)]
    assert answer in done.stdout
    assert b"The certificate is trusted" in done.stdout
    assert done.returncode == 0, done.stderr


def test_gnutls_cli_shows_its_certificate(pki: Pki, tls_version: str) -> None:
    """A server that demands one decodes it."""
    seen = []

    def talk(connection: Any) -> None:
        connection.recv(100)
        seen.append(connection.getpeercert()["subjectAltName"])
        part(connection)

    context = server_context(pytls, pki, tls_version)
    context.verify_mode = pytls.CERT_REQUIRED
    context.load_verify_locations(pki.ca)
    options = "--x509certfile", pki.client.chain, "--x509keyfile", pki.client.key
    with serving(context, talk) as address:
        gnutls_cli(pki, tls_version, address, *options, given=b"hello\n")

    assert seen == [(("email", "client@example.test"),)]


def test_gnutls_cli_refuses_a_server_that_it_does_not_believe(pki: Pki, tls_version: str) -> None:
    """The alert comes out as an SSLError at the server."""
    failures = []

    def talk(connection: Any) -> None:
        try:
            connection.do_handshake()
            connection.recv(1)
        except pytls.SSLError as error:
            failures.append(error.reason)

    context = server_context(pytls, pki, tls_version, pki.by_stranger)
    with serving(context, talk, do_handshake_on_connect=False) as address:
        done = gnutls_cli(pki, tls_version, address, given=b"hello\n")

    assert done.returncode != 0
    assert len(failures) == 1
    assert failures[0].startswith(("TLSV1_ALERT_", "SSLV3_ALERT_"))
