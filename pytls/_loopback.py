"""A TLS connection of this process with itself, both ends driven by one thread."""

from __future__ import annotations

import contextlib
import select
import socket
from time import monotonic, perf_counter
from typing import Any, Iterator, NamedTuple

from ._throwaway import HOSTNAME, Throwaway
from .constants import PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER
from .context import SSLContext
from .errors import SSLWantReadError, SSLWantWriteError

PATIENCE = 10
"""Seconds that a handshake may take, which needs milliseconds."""


class Ends(NamedTuple):
    """A connection after its handshake."""

    client: Any
    server: Any
    seconds: float  # what the handshake took


def contexts(throwaway: Throwaway) -> tuple[SSLContext, SSLContext]:
    """A client that believes only the throwaway certificate, and a server that shows it."""
    client, server = SSLContext(PROTOCOL_TLS_CLIENT), SSLContext(PROTOCOL_TLS_SERVER)
    client.load_verify_locations(cadata=throwaway.der)
    throwaway.install(server)
    return client, server


@contextlib.contextmanager
def connected(
    client: SSLContext,
    server: SSLContext,
    sockets: tuple[socket.socket, socket.socket],
    hostname: str = HOSTNAME,
) -> Iterator[Ends]:
    """Put TLS on two sockets that are connected with each other; they are closed at the end.

    :raises SSLError: what the first of the two ends to fail has raised.
    :raises socket.timeout: the handshake does not come to an end.
    """
    with contextlib.ExitStack() as cleanup:
        for sock in sockets:
            cleanup.callback(sock.close)
            sock.settimeout(0)
        near = client.wrap_socket(
            sockets[0], server_hostname=hostname, do_handshake_on_connect=False
        )
        cleanup.callback(near.close)
        far = server.wrap_socket(sockets[1], server_side=True, do_handshake_on_connect=False)
        cleanup.callback(far.close)
        start = perf_counter()
        _shake_hands([near, far])
        seconds = perf_counter() - start
        for end in near, far:
            end.settimeout(PATIENCE)
        yield Ends(near, far, seconds)


def _shake_hands(waiting: list[Any]) -> None:
    """One after the other, as long as any of them is not done."""
    deadline = monotonic() + PATIENCE
    while True:
        for end in list(waiting):
            with contextlib.suppress(SSLWantReadError, SSLWantWriteError):
                end.do_handshake()
                waiting.remove(end)
        if not waiting:
            return
        if not select.select(waiting, [], [], max(0, deadline - monotonic()))[0]:
            raise socket.timeout(f"the handshake did not end within {PATIENCE} seconds")


def tcp() -> tuple[socket.socket, socket.socket]:
    """Two sockets connected over the loopback interface, by IPv4 or else by IPv6.

    :raises OSError: it is not to be had.
    """
    try:
        return _connected_pair("127.0.0.1", socket.AF_INET)
    except OSError as error:
        with contextlib.suppress(OSError):
            return _connected_pair("::1", socket.AF_INET6)
        raise OSError(error.errno, f"no connection over loopback: {error.strerror}") from error


def _connected_pair(
    address: str, family: socket.AddressFamily
) -> tuple[socket.socket, socket.socket]:
    with socket.create_server((address, 0), family=family) as listener:
        near = socket.create_connection(listener.getsockname()[:2], PATIENCE)
        listener.settimeout(PATIENCE)
        far, _ = listener.accept()
    return near, far
