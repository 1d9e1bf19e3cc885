"""Small messages there and back: 64 bytes, blocking or not, and a request by HTTP."""

from __future__ import annotations

import selectors
import sys
import threading
from typing import Any

from benchmarks import credentials

from .registry import COMPLETE, MODULES, Run, Site, workload

SIZE = 64
MESSAGE = bytes(SIZE)


def _ping(connection: Any) -> Run:
    sendall, recv = connection.sendall, connection.recv

    def run(turns: int) -> None:
        for _ in range(turns):
            sendall(MESSAGE)
            if len(recv(SIZE)) != SIZE:
                raise RuntimeError("the message is not whole")

    return run


@workload("ping", "ping of 64 B, blocking", unit="/s", reach=1.0)
def ping(site: Site) -> Run:
    return _ping(site.connect("echo", SIZE))


@workload("ping-timeout", "ping of 64 B, with a timeout", unit="/s", reach=1.0, who=MODULES)
def ping_timeout(site: Site) -> Run:
    connection = site.connect("echo", SIZE)
    connection.settimeout(10)
    return _ping(connection)


@workload(
    "ping-busy",
    "ping of 64 B beside a busy thread, elapsed time",
    unit="/s",
    reach=2.0,
    figure="wall",
    who=COMPLETE,  # no call's cost: who is sooner to have the interpreter's lock back
    pinned=False,
)
def ping_busy(site: Site) -> Run:
    once = _ping(site.connect("echo", SIZE))

    def run(turns: int) -> None:
        done = threading.Event()

        def spin() -> None:
            while not done.is_set():
                for _ in range(1000):
                    pass

        busy = threading.Thread(target=spin)
        busy.start()
        try:
            once(turns)
        finally:
            done.set()
            busy.join()

    return run


@workload("ping-selectors", "ping of 64 B, 8 connections, selectors", unit="/s", reach=0.95)
def ping_selectors(site: Site) -> Run:
    want_read = site.tls.want_read
    selector = selectors.DefaultSelector()
    connections = []
    for _ in range(8):
        connection = site.connect("echo", SIZE)
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ, connection)
        connections.append(connection)

    def run(turns: int) -> None:
        left = turns
        for connection in connections:
            connection.send(MESSAGE)
        waiting = len(connections)
        while waiting:
            for key, _ in selector.select():
                try:
                    data = key.data.recv(65536)
                except want_read:
                    continue
                if len(data) != SIZE:
                    raise RuntimeError("the message is not whole")
                left -= 1
                if left > 0:
                    key.data.send(MESSAGE)
                else:
                    waiting -= 1

    return run


@workload("http", "http.client GET of 1 KiB", unit="/s", reach=0.97, who=MODULES)
def http(site: Site) -> Run:
    sys.modules["ssl"] = site.tls.module
    from http.client import HTTPSConnection

    context = site.tls.client_context("1.3")
    connection = HTTPSConnection(credentials.HOSTNAME, context=context)
    connection.sock = site.tls.connect(context, site.plain("http", 1024))

    def run(turns: int) -> None:
        for _ in range(turns):
            connection.request("GET", "/")
            if len(connection.getresponse().read()) != 1024:
                raise RuntimeError("the body is not whole")

    return run
