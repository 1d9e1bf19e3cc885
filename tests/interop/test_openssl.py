"""`openssl s_server` and `openssl s_client` as peers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from pathlib import Path
from typing import Any, Iterator

import expected
import pytest
from peers import (
    DEADLINE,
    Contexts,
    client_context,
    connected,
    receive_all,
    server_context,
    serving,
)
from pki import HOSTNAME, LOOPBACK, Credentials, Pki
from programs import Running, program, run, running

import pytls

BODY = os.urandom(1 << 20)
FLAG = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}


@contextlib.contextmanager
def s_server(pki: Pki, version: str, *options: str, **more: Any) -> Iterator[tuple[Running, Any]]:
    """The server, and its address."""
    with running(
        program("openssl"),
        *("s_server", "-accept", f"{LOOPBACK}:0", FLAG[version]),
        *("-cert", pki.server.chain, "-key", pki.server.key, *options),
        **more,
    ) as server:
        port = server.wait_for(r"ACCEPT [\d.]+:(\d+)").group(1)
        yield server, (LOOPBACK, int(port))


def connect(context: Any, address: Any, **options: Any) -> Any:
    """A client, under a timeout."""
    plain = socket.create_connection(address, DEADLINE)
    return context.wrap_socket(plain, server_hostname=HOSTNAME, **options)


def s_client(pki: Pki, version: str, address: Any, *options: str, given: bytes = b"") -> Any:
    """The client, which believes the authority, from its beginning to its end."""
    return run(
        program("openssl"),
        *("s_client", "-connect", f"{address[0]}:{address[1]}", FLAG[version]),
        *("-servername", HOSTNAME, "-verify_hostname", HOSTNAME, "-verify_return_error"),
        *("-CAfile", pki.ca, *options),
        given=given,
    )


# s_server


def test_a_client_talks_to_s_server(pki: Pki, tls_version: str) -> None:
    """s_server -rev turns each line round."""
    context = client_context(pytls, pki, tls_version)
    with s_server(pki, tls_version, "-rev") as (_, address), connect(context, address) as client:
        client.sendall(b"hello\n")
        assert client.recv(100) == b"olleh\n"
        assert client.version() == tls_version
        assert client.getpeercert(True) == pki.server.der


def test_a_client_gets_a_megabyte_from_s_server(pki: Pki, tls_version: str, tmp_path: Path) -> None:
    """s_server -WWW serves files; the stream ends with close_notify, for the client is strict."""
    (tmp_path / "body").write_bytes(BODY)
    with s_server(pki, tls_version, "-WWW", cwd=str(tmp_path)) as (_, address):
        context = client_context(pytls, pki, tls_version)
        with connect(context, address, suppress_ragged_eofs=False) as client:
            client.sendall(b"GET /body HTTP/1.0\r\n\r\n")
            header, _, body = receive_all(client).partition(b"\r\n\r\n")

    assert header.startswith(b"HTTP/1.0 200")
    assert hashlib.sha256(body).digest() == hashlib.sha256(BODY).digest()


def test_s_server_asks_for_a_client_certificate(pki: Pki, tls_version: str) -> None:
    """And prints whose it is; without one the client is refused."""
    options = "-Verify", "1", "-CAfile", pki.ca, "-verify_return_error"
    with s_server(pki, tls_version, *options) as (server, address):
        context = client_context(pytls, pki, tls_version)
        with pytest.raises(pytls.SSLError), connect(context, address) as client:
            client.recv(1)

        context.load_cert_chain(pki.client.both)
        with connect(context, address) as client:
            client.sendall(b"it is me\n")
            server.wait_for("it is me")
            server.wait_for("CN ?= ?A client")


def test_a_session_of_s_server_is_resumed(pki: Pki, tls_version: str) -> None:
    """The second connection is reused, as both ends say."""
    context = client_context(pytls, pki, tls_version)
    with s_server(pki, tls_version, "-rev") as (_, address):
        with connect(context, address) as client:
            client.sendall(b"hello\n")
            client.recv(100)  # and with it the ticket of TLS 1.3
            session = client.session
            client.unwrap()
        with connect(context, address, session=session) as client:
            assert client.session_reused


def test_a_wrong_authority_is_refused(pki: Pki, tls_version: str) -> None:
    """s_server hears the alert."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.ca_of_others)
    with s_server(pki, tls_version) as (server, address):
        with pytest.raises(pytls.SSLCertVerificationError):
            connect(context, address)
        server.wait_for("alert unknown ca")


# s_client


def test_s_client_talks_to_a_server(pki: Pki, tls_version: str) -> None:
    """It verifies the chain and the name, and prints what it was sent."""

    def answer(connection: Any) -> None:
        assert connection.recv(100) == b"hello\n"
        assert connection.version() == tls_version
        connection.sendall(b"hello yourself\n")
        connection.unwrap()

    with serving(server_context(pytls, pki, tls_version), answer) as address:
        done = s_client(pki, tls_version, address, "-ign_eof", given=b"hello\n")

    assert done.returncode == 0, done.stderr
    assert b"hello yourself" in done.stdout
    assert b"Verify return code: 0 (ok)" in done.stdout
    assert f"Verified peername: {HOSTNAME}".encode() in done.stdout


def test_s_client_gets_a_megabyte_from_a_server(pki: Pki, tls_version: str) -> None:
    """Every byte arrives before the close_notify."""

    def answer(connection: Any) -> None:
        connection.recv(100)
        connection.sendall(BODY)
        connection.unwrap()

    with serving(server_context(pytls, pki, tls_version), answer) as address:
        done = s_client(pki, tls_version, address, "-quiet", given=b"send it\n")

    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(BODY).digest()


def test_s_client_shows_its_certificate(pki: Pki, tls_version: str) -> None:
    """A server that demands one decodes it."""
    seen = []

    def answer(connection: Any) -> None:
        connection.recv(100)
        seen.append(connection.getpeercert()["subjectAltName"])
        connection.unwrap()

    context = server_context(pytls, pki, tls_version)
    context.verify_mode = pytls.CERT_REQUIRED
    context.load_verify_locations(pki.ca)
    with serving(context, answer) as address:
        done = s_client(
            pki,
            tls_version,
            address,
            *("-ign_eof", "-cert", pki.client.chain, "-key", pki.client.key),
            given=b"hello\n",
        )

    assert done.returncode == 0, done.stderr
    assert seen == [(("email", "client@example.test"),)]


def test_s_client_resumes_a_session(pki: Pki, tls_version: str, tmp_path: Path) -> None:
    """-sess_out, then -sess_in: the server says that the second was resumed."""
    reused = []

    def answer(connection: Any) -> None:
        connection.recv(100)
        reused.append(connection.session_reused)
        connection.sendall(b"!\n")
        connection.unwrap()

    session = str(tmp_path / "session.pem")
    with serving(server_context(pytls, pki, tls_version), answer) as address:
        for option in "-sess_out", "-sess_in":
            done = s_client(pki, tls_version, address, "-ign_eof", option, session, given=b"?\n")
            assert done.returncode == 0, done.stderr

    assert reused == [False, True]


@expected.needs("PSK")
@pytest.mark.parametrize(
    ("version", "options"),
    [
        ("TLSv1.2", ["-cipher", "PSK"]),
        pytest.param("TLSv1.3", [], marks=expected.needs("TLSv1_3")),
        # A HelloRetryRequest comes in between: the client is asked for the other group
        pytest.param("TLSv1.3", ["-groups", "X25519:P-256"], marks=expected.needs("TLSv1_3")),
    ],
)
def test_s_client_is_known_by_a_pre_shared_key(version: str, options: list[str]) -> None:
    """No certificate anywhere; with another key there is no connection."""
    key = os.urandom(32)
    asked, heard = [], []

    def find(identity: Any) -> bytes:
        asked.append(identity)
        return key

    def answer(connection: Any) -> None:
        heard.append(connection.recv(100))
        connection.unwrap()

    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    context.set_psk_server_callback(find, "a hint")
    context.set_ecdh_curve("prime256v1")
    if version == "TLSv1.2":
        context.set_ciphers("PSK")

    def connect_with(secret: bytes) -> Any:
        with serving(context, answer) as address:
            return run(
                program("openssl"),
                *("s_client", "-connect", f"{address[0]}:{address[1]}", FLAG[version], "-ign_eof"),
                *("-psk_identity", "somebody", "-psk", secret.hex(), *options),
                given=b"hello\n",
            )

    assert connect_with(key).returncode == 0
    assert heard == [b"hello\n"]
    assert set(asked) == {"somebody"}
    with pytest.raises(pytls.SSLError):
        connect_with(bytes(32))
    assert heard == [b"hello\n"]


@expected.needs("PSK")
@pytest.mark.parametrize(
    "version", ["TLSv1.2", pytest.param("TLSv1.3", marks=expected.needs("TLSv1_3"))]
)
def test_s_server_is_known_by_a_pre_shared_key(pki: Pki, version: str) -> None:
    """Likewise."""
    key = os.urandom(32)
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = pytls.CERT_NONE
    context.set_psk_client_callback(lambda _: ("Client_identity", key))
    options = ["-psk", key.hex(), "-nocert", "-rev"]
    if version == "TLSv1.2":
        context.set_ciphers("PSK")
        options += ["-cipher", "PSK"]
    with s_server(pki, version, *options) as (_, address):
        with connect(context, address) as client:
            client.sendall(b"hello\n")
            assert client.recv(100) == b"olleh\n"
            assert client.getpeercert(True) is None
        context.set_psk_client_callback(lambda _: ("Client_identity", bytes(32)))
        with pytest.raises(pytls.SSLError):
            connect(context, address)


def test_alpn_with_s_client(pki: Pki, tls_version: str) -> None:
    """The server's choice reaches the client."""

    def answer(connection: Any) -> None:
        connection.recv(100)
        connection.unwrap()

    context = server_context(pytls, pki, tls_version)
    context.set_alpn_protocols(["spdy/9", "http/1.1"])
    with serving(context, answer) as address:
        done = s_client(pki, tls_version, address, "-ign_eof", "-alpn", "h2,http/1.1", given=b"?\n")

    assert b"ALPN protocol: http/1.1" in done.stdout


# openssl req


def test_a_self_signed_certificate_as_the_reference_makes_it(tmp_path: Path) -> None:
    """`openssl req -new -x509 -days 365 -nodes -out cert.pem -keyout cert.pem`."""
    pem = str(tmp_path / "cert.pem")
    done = run(
        program("openssl"),
        *("req", "-new", "-x509", "-days", "365", "-nodes", "-out", pem, "-keyout", pem),
        *("-newkey", "rsa:2048", "-subj", "/C=US/ST=MyState/L=Some City/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost"),
    )
    assert done.returncode == 0, done.stderr
    made = Credentials(pem, pem, pem)
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(pem)
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)

    with connected(Contexts(client, server)) as pair:
        assert pair.client.getpeercert(True) == made.der
        assert (("localityName", "Some City"),) in pair.client.getpeercert()["subject"]
