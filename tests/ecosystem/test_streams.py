"""Libraries of streams, at both ends: trio, anyio on both its backends, tornado, websockets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from typing import Any, Callable

import anyio
import anyio.streams.tls
import pytest
import tornado.iostream
import tornado.tcpserver
import trio
import websockets.asyncio.client
import websockets.asyncio.server
import websockets.sync.client
import websockets.sync.server
from loopback import BODY, beneath
from peers import DEADLINE, Background, Contexts
from pki import HOSTNAME, LOOPBACK

Talk = Callable[[Contexts, str], "tuple[bytes, str]"]
"""Have a server echo BODY to a client that expects a name: what came back, and the version."""


def by_trio(contexts: Contexts, name: str) -> tuple[bytes, str]:
    async def echo(stream: Any) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            async with stream:
                async for data in stream:
                    await stream.send_all(data)

    async def main() -> tuple[bytes, str]:
        with trio.fail_after(DEADLINE):
            async with trio.open_nursery() as nursery:
                serve = functools.partial(
                    trio.serve_ssl_over_tcp, echo, 0, contexts.server, host=LOOPBACK
                )
                (listener,) = await nursery.start(serve)
                address = listener.transport_listener.socket.getsockname()
                plain = await trio.open_tcp_stream(*address)
                async with trio.SSLStream(plain, contexts.client, server_hostname=name) as stream:
                    await stream.do_handshake()
                    nursery.start_soon(stream.send_all, BODY)
                    received = b""
                    while len(received) < len(BODY):
                        received += await stream.receive_some()
                    version = stream.version()
                nursery.cancel_scope.cancel()
        return received, version

    return trio.run(main)


async def anyio_main(contexts: Contexts, name: str) -> tuple[bytes, str]:
    async def echo(stream: Any) -> None:
        async with stream:
            async for data in stream:
                await stream.send(data)

    with anyio.fail_after(DEADLINE):
        plain = await anyio.create_tcp_listener(local_host=LOOPBACK)
        listener = anyio.streams.tls.TLSListener(plain, contexts.server)
        port = plain.extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, echo)
            async with await anyio.connect_tcp(
                LOOPBACK, port, tls=True, ssl_context=contexts.client, tls_hostname=name
            ) as stream:
                tasks.start_soon(stream.send, BODY)
                received = b""
                while len(received) < len(BODY):
                    received += await stream.receive()
                version = stream.extra(anyio.streams.tls.TLSAttribute.tls_version)
            tasks.cancel_scope.cancel()
    return received, version


def by_anyio_on_asyncio(contexts: Contexts, name: str) -> tuple[bytes, str]:
    return anyio.run(anyio_main, contexts, name, backend="asyncio")


def by_anyio_on_trio(contexts: Contexts, name: str) -> tuple[bytes, str]:
    return anyio.run(anyio_main, contexts, name, backend="trio")


def by_tornado(contexts: Contexts, name: str) -> tuple[bytes, str]:
    class Echo(tornado.tcpserver.TCPServer):
        async def handle_stream(self, stream: Any, address: Any) -> None:
            with contextlib.suppress(tornado.iostream.StreamClosedError):
                stream.write(await stream.read_bytes(len(BODY)))

    async def main() -> tuple[bytes, str]:
        (sock,) = tornado.netutil.bind_sockets(0, LOOPBACK)
        server = Echo(ssl_options=contexts.server)
        server.add_socket(sock)
        try:
            plain = tornado.iostream.IOStream(tornado.netutil.socket.socket())
            await plain.connect(sock.getsockname())
            stream = await plain.start_tls(False, contexts.client, server_hostname=name)
            stream.write(BODY)
            received = await stream.read_bytes(len(BODY))
            version = stream.socket.version()
            stream.close()
        finally:
            server.stop()
        return received, version

    return asyncio.run(asyncio.wait_for(main(), DEADLINE))


def by_websockets(contexts: Contexts, name: str) -> tuple[bytes, str]:
    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async def main() -> tuple[bytes, str]:
        async with websockets.asyncio.server.serve(
            echo, LOOPBACK, 0, ssl=contexts.server, max_size=None
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with websockets.asyncio.client.connect(
                f"wss://{HOSTNAME}:{port}/",
                ssl=contexts.client,
                server_hostname=name,
                max_size=None,
            ) as client:
                await client.send(BODY)
                received = await client.recv()
                return received, client.transport.get_extra_info("ssl_object").version()

    return asyncio.run(asyncio.wait_for(main(), DEADLINE))


def by_websockets_in_threads(contexts: Contexts, name: str) -> tuple[bytes, str]:
    if type(contexts.client).__module__ == "ssl":
        # A thread of the client reads while another writes. Without a lock of its own, `ssl` makes
        # two calls to OpenSSL of that: when a ticket comes then, both wait. pytls must not need it
        contexts.server.num_tickets = 0

    def echo(connection: Any) -> None:
        for message in connection:
            connection.send(message)

    with websockets.sync.server.serve(
        echo, LOOPBACK, 0, ssl=contexts.server, max_size=None
    ) as server:
        serving = Background(server.serve_forever)
        try:
            port = server.socket.getsockname()[1]
            with websockets.sync.client.connect(
                f"wss://{HOSTNAME}:{port}/",
                ssl=contexts.client,
                server_hostname=name,
                max_size=None,
            ) as client:
                client.send(BODY)
                return client.recv(), client.socket.version()
        finally:
            server.shutdown()
            serving.result()


LIBRARIES: dict[str, Talk] = {
    "trio": by_trio,
    "anyio-asyncio": by_anyio_on_asyncio,
    "anyio-trio": by_anyio_on_trio,
    "tornado": by_tornado,
    "websockets": by_websockets,
    "websockets-threads": by_websockets_in_threads,
}

each_library = pytest.mark.parametrize("talk", LIBRARIES.values(), ids=LIBRARIES)


@each_library
def test_what_is_sent_comes_back(talk: Talk, contexts: Contexts, tls_version: str) -> None:
    """More than any buffer on the way holds, and both directions at once."""
    assert talk(contexts, HOSTNAME) == (BODY, tls_version)


@each_library
def test_a_certificate_for_another_name_is_refused(talk: Talk, contexts: Contexts) -> None:
    """The handshake's exception comes out of the library, or beneath its own."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # of six libraries
        talk(contexts, "other.test")

    assert "Hostname mismatch" in str(beneath(caught.value, ssl.SSLCertVerificationError))
