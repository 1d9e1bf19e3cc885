"""HTTP servers: each with a context of its user's choice, against `http.client`."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
from typing import Any, Awaitable, Callable, Iterator

import pytest
import tornado.httpserver
import tornado.web
import uvicorn
from aiohttp import web
from loopback import BODY
from peers import DEADLINE, Background, Contexts
from pki import HOSTNAME, LOOPBACK, Pki

Stop = Callable[[], Awaitable[None]]
Start = Callable[[Any], "Awaitable[tuple[int, Stop]]"]
"""Start a server with a context, which echoes what is posted: its port, and how to stop it."""


@contextlib.contextmanager
def running(start: Start, context: Any) -> Iterator[int]:
    """A server in a loop of its own, in a thread: its port."""
    loop = asyncio.new_event_loop()
    turning = Background(loop.run_forever)
    try:
        port, stop = asyncio.run_coroutine_threadsafe(start(context), loop).result(DEADLINE)
        try:
            yield port
        finally:
            asyncio.run_coroutine_threadsafe(stop(), loop).result(DEADLINE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        turning.result()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def start_aiohttp(context: Any) -> tuple[int, Stop]:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application(client_max_size=2 * len(BODY))
    app.router.add_post("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0, ssl_context=context).start()
    return runner.addresses[0][1], runner.cleanup


async def start_tornado(context: Any) -> tuple[int, Stop]:
    class Echo(tornado.web.RequestHandler):
        def post(self) -> None:
            self.write(self.request.body)

    server = tornado.httpserver.HTTPServer(
        tornado.web.Application([("/", Echo)], log_function=lambda _: None), ssl_options=context
    )
    (sock,) = tornado.netutil.bind_sockets(0, LOOPBACK)
    server.add_socket(sock)

    async def stop() -> None:
        server.stop()
        await server.close_all_connections()

    return sock.getsockname()[1], stop


async def start_uvicorn(context: Any) -> tuple[int, Stop]:
    async def echo(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(echo, lifespan="off", log_config=None)
    if hasattr(config, "ssl_context_factory"):
        config.ssl_context_factory = lambda *_: context
    config.load()
    config.ssl = context
    server = uvicorn.Server(config)
    sock = socket.create_server((LOOPBACK, 0))
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    while not server.started:
        await asyncio.sleep(0.01)

    async def stop() -> None:
        server.should_exit = True
        await serving

    return sock.getsockname()[1], stop


SERVERS = {"aiohttp": start_aiohttp, "tornado": start_tornado, "uvicorn": start_uvicorn}

each_server = pytest.mark.parametrize("start", SERVERS.values(), ids=SERVERS)


def posted(port: int, context: Any, times: int) -> list[bytes]:
    """What comes back, over one connection."""
    connection = http.client.HTTPSConnection(HOSTNAME, port, context=context, timeout=DEADLINE)
    with contextlib.closing(connection):
        bodies = []
        for _ in range(times):
            connection.request("POST", "/", BODY)
            bodies.append(connection.getresponse().read())
        return bodies


@each_server
def test_what_is_posted_comes_back(start: Start, contexts: Contexts) -> None:
    """Twice, over one connection."""
    with running(start, contexts.server) as port:
        assert posted(port, contexts.client, 2) == [BODY, BODY]


@each_server
def test_a_client_without_a_certificate_is_refused(
    start: Start, contexts: Contexts, pki: Pki
) -> None:
    """And the server goes on with those who have one."""
    contexts.server.load_verify_locations(pki.ca)
    contexts.server.verify_mode = ssl.CERT_REQUIRED

    with running(start, contexts.server) as port:
        with pytest.raises(OSError):  # noqa: PT011  # an alert or, if it is too late for it, a reset
            posted(port, contexts.client, 1)
        contexts.client.load_cert_chain(pki.client.both)
        assert posted(port, contexts.client, 1) == [BODY]
