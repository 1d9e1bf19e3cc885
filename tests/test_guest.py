"""A context of pytls among modules that have imported the interpreter's `ssl`: nothing is injected.

They make memory BIOs of that `ssl`, catch its exceptions and ask for its classes.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
import sys
import urllib.request
from typing import Any, Callable, NamedTuple
from unittest import mock

import pytest
from expected import needs
from peers import (
    DEADLINE,
    RECORD,
    Contexts,
    Pair,
    Sides,
    client_context,
    connected,
    server_context,
    serving,
)
from pki import HOSTNAME, LOOPBACK, Pki

import pytls

MORE_THAN_A_BUFFER = 500_000  # bytes; a transport pauses its reader and its writer on the way


# --- isinstance


@pytest.mark.difference(
    "contexts",
    "**`isinstance(context, ssl.SSLContext)`** is true of a `pytls.SSLContext`, and so "
    "with `SSLSocket`: libraries ask that before they take one. `type(context)` tells the "
    "truth, and subclasses pass for nothing else.",
)
def test_a_context_passes_for_one_of_ssl(pki: Pki) -> None:
    """Libraries ask before they take one."""
    context = client_context(pytls, pki)

    assert isinstance(context, ssl.SSLContext)
    assert isinstance(context, pytls.SSLContext)
    assert type(context) is pytls.SSLContext


def test_a_socket_passes_for_one_of_ssl(pair: Pair) -> None:
    """Whichever end pytls plays."""
    assert all(isinstance(end, ssl.SSLSocket) for end in pair)


def test_its_names_are_told_all_the_same(pki: Pki) -> None:
    """`dir` asks the `__class__`, and a mock is made of what it tells."""
    contexts = Contexts(client_context(pytls, pki), server_context(pytls, pki))
    with connected(contexts) as pair:
        contexts.client.of_the_program = pair.client.of_the_program = None
        assert {"of_the_program", "set_groups"} <= {*dir(contexts.client)}
        assert {"of_the_program", "server_hostname"} <= {*dir(pair.client)}
        assert hasattr(mock.create_autospec(pair.client), "server_side")


def test_a_subclass_passes_for_nothing_else() -> None:
    """What a program derives, it may want to know again by its `__class__`."""

    class Own(pytls.SSLContext):
        pass

    context = Own(pytls.PROTOCOL_TLS_CLIENT)

    assert context.__class__ is Own
    assert isinstance(context, pytls.SSLContext)
    assert not isinstance(context, ssl.SSLContext)


# --- memory BIOs of `ssl`


class Foreign(NamedTuple):
    """A TLS object and the two BIOs of `ssl` that it speaks through."""

    tls: Any
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO


def foreign(context: Any, **options: Any) -> Foreign:
    """An object of `context` on BIOs of `ssl`."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    return Foreign(context.wrap_bio(incoming, outgoing, **options), incoming, outgoing)


def carry(one: Foreign, other: Foreign) -> None:
    """Bring what each has to say to the other."""
    other.incoming.write(one.outgoing.read())
    one.incoming.write(other.outgoing.read())


def handshake(contexts: Contexts) -> tuple[Foreign, Foreign]:
    """A client and a server that have shaken hands."""
    client = foreign(contexts.client, server_hostname=HOSTNAME)
    server = foreign(contexts.server, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for end in list(waiting):
            try:
                end.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            else:
                waiting.remove(end)
            carry(client, server)
        if not waiting:
            return client, server
    pytest.fail("the handshake goes on for ever")


def test_a_connection_through_bios_of_ssl(contexts: Contexts, tls_version: str) -> None:
    """From the handshake to the exchange of close_notify."""
    client, server = handshake(contexts)
    assert client.tls.version() == server.tls.version() == tls_version

    client.tls.write(b"there")
    carry(client, server)
    assert server.tls.read() == b"there"
    room = bytearray(4)
    server.tls.write(b"back")
    carry(client, server)
    assert client.tls.read(4, room) == 4
    assert room == b"back"

    with pytest.raises(ssl.SSLWantReadError):
        client.tls.unwrap()
    carry(client, server)
    assert server.tls.read() == b""
    server.tls.unwrap()
    carry(client, server)
    client.tls.unwrap()


def test_one_bio_may_be_of_ssl_and_the_other_of_pytls(contexts: Contexts, sides: Sides) -> None:
    """Nobody mixes them on purpose, but two libraries may."""
    incoming, outgoing = ssl.MemoryBIO(), pytls.MemoryBIO()
    server_side = sides.client is not pytls
    context = contexts.server if server_side else contexts.client
    name = None if server_side else HOSTNAME
    tls = context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=name)

    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()

    assert bool(outgoing.pending) is not server_side


def test_what_is_not_wanted_yet_stays_pending(contexts: Contexts) -> None:
    """A transport holds the peer back by what its incoming BIO still has."""
    client, server = handshake(contexts)
    for _ in range(20):
        server.tls.write(b"x" * RECORD)
    carry(client, server)
    before = client.incoming.pending

    assert client.tls.read(1) == b"x"

    assert before - 3 * RECORD < client.incoming.pending < before
    received = 1
    while received < 20 * RECORD:
        received += len(client.tls.read(RECORD))
    assert client.incoming.pending == 0


def test_an_alert_is_delivered_although_the_call_fails(contexts: Contexts, sides: Sides) -> None:
    """The peer learns why."""
    client = foreign(contexts.client, server_hostname="other.test")
    server = foreign(contexts.server, server_side=True)
    raised = []
    for end in (client, server) * 3:
        try:
            end.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raised.append((end, error))
        carry(client, server)

    (first, doubt), (second, alert) = raised[:2]
    assert first is client
    assert isinstance(doubt, ssl.SSLCertVerificationError)
    assert second is server
    assert "ALERT_BAD_CERTIFICATE" in alert.reason


def test_the_end_of_the_transport_is_an_error(contexts: Contexts) -> None:
    """Where no close_notify has come before it."""
    for end in handshake(contexts):
        end.incoming.write_eof()
        if type(end.tls) is pytls.SSLObject:
            with pytest.raises(ssl.SSLEOFError):
                end.tls.read()


# --- chains


@needs("VERIFIED_CHAIN")
@pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="here `ssl` itself has the chains, as bytes"
)
def test_a_chain_is_of_bytes_that_are_certificates_too(pki: Pki) -> None:
    """The first `get_unverified_chain` that truststore finds is the socket's; pip relies on it."""
    with connected(Contexts(client_context(pytls, pki), server_context(ssl, pki))) as (client, _):
        for chain in client.get_unverified_chain(), client.get_verified_chain():
            certificate = chain[0]

            assert certificate == pki.server.der
            assert certificate.public_bytes(pytls.constants.ENCODING_DER) == pki.server.der
            assert type(certificate.public_bytes(pytls.constants.ENCODING_DER)) is bytes
            assert certificate.public_bytes() == ssl.DER_cert_to_PEM_cert(pki.server.der)
            assert certificate.get_info() == client.getpeercert()
            with pytest.raises(ValueError, match="Unsupported format"):
                certificate.public_bytes(3)


# --- asyncio


def run(main: Callable[[], Any]) -> Any:
    """What the coroutine function returns, in a loop that complains about what is left behind."""

    async def whole() -> Any:
        try:
            return await asyncio.wait_for(main(), DEADLINE)
        finally:
            # The other end too comes to its end
            others = asyncio.all_tasks() - {asyncio.current_task()}
            while others:
                _, others = await asyncio.wait(others)

    return asyncio.run(whole(), debug=True)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close, and wait for it."""
    writer.close()
    await writer.wait_closed()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes: a line tells how many bytes."""
    size = int(await reader.readline())
    writer.write(await reader.readexactly(size))
    await writer.drain()
    await close(writer)


def test_asyncio_streams(contexts: Contexts, tls_version: str) -> None:
    """`start_server` and `open_connection`, which are create_server and create_connection."""

    async def main() -> tuple[bytes, str]:
        server = await asyncio.start_server(echo, LOOPBACK, 0, ssl=contexts.server)
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), ssl=contexts.client, server_hostname=HOSTNAME
        )
        writer.write(b"%d\n" % MORE_THAN_A_BUFFER + b"x" * MORE_THAN_A_BUFFER)
        received = await reader.read()
        version = writer.get_extra_info("ssl_object").version()
        await close(writer)
        server.close()
        return received, version

    assert run(main) == (b"x" * MORE_THAN_A_BUFFER, tls_version)


class Upgrading(asyncio.Protocol):
    """A server that starts TLS when it is told to, and greets over it."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def connection_made(self, transport: Any) -> None:
        """The plain one."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """The command."""
        assert data == b"STARTTLS\n"
        self.transport.pause_reading()
        self.transport.write(b"go\n")
        self.upgrading = asyncio.ensure_future(self.upgrade())

    async def upgrade(self) -> None:
        """Plain text ends here."""
        loop = asyncio.get_running_loop()
        over_tls = await loop.start_tls(self.transport, self, self.context, server_side=True)
        over_tls.write(b"hello")
        over_tls.close()


class Upgraded(asyncio.Protocol):
    """A client that keeps what comes."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def data_received(self, data: bytes) -> None:
        """One message."""
        self.received.put_nowait(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The end."""
        self.received.put_nowait(b"")


def test_asyncio_upgrades_a_plain_connection(contexts: Contexts) -> None:
    """`start_tls` takes nothing that is not an `ssl.SSLContext`."""

    async def main() -> bytes:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Upgrading(contexts.server), LOOPBACK, 0)
        transport, protocol = await loop.create_connection(
            Upgraded, *server.sockets[0].getsockname()
        )
        transport.write(b"STARTTLS\n")
        assert await protocol.received.get() == b"go\n"
        over_tls = await loop.start_tls(
            transport, protocol, contexts.client, server_hostname=HOSTNAME
        )
        received = await protocol.received.get()
        over_tls.close()
        assert await protocol.received.get() == b""
        server.close()
        return received

    assert run(main) == b"hello"


def test_asyncio_raises_what_its_own_ssl_has(contexts: Contexts) -> None:
    """A certificate for another name."""

    async def main() -> None:
        server = await asyncio.start_server(echo, LOOPBACK, 0, ssl=contexts.server)
        try:
            await asyncio.open_connection(
                *server.sockets[0].getsockname(), ssl=contexts.client, server_hostname="other.test"
            )
        finally:
            server.close()

    with pytest.raises(ssl.SSLCertVerificationError):
        run(main)


# --- http.client and urllib


def answer(connection: Any) -> None:
    """One request, one answer."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(1024)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    connection.recv(1)


def test_http_client_takes_a_context(contexts: Contexts) -> None:
    """`HTTPSConnection(context=)`."""
    with serving(contexts.server, answer) as (_, port):
        connection = http.client.HTTPSConnection(
            HOSTNAME, port, context=contexts.client, timeout=DEADLINE
        )
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"
        connection.close()


def test_urllib_takes_a_context(contexts: Contexts) -> None:
    """`urlopen(context=)`, and through it the same."""
    with serving(contexts.server, answer) as (_, port):
        address = f"https://{HOSTNAME}:{port}/"
        with urllib.request.urlopen(address, context=contexts.client, timeout=DEADLINE) as response:
            assert response.read() == b"ok"
