"""The other end of every connection: a process that speaks the running `ssl`.

A connection says in its first `PLAIN` bytes, in plain text, what it wants: ``send 1.3 16384``. The
process prints its port, and ends with its standard input.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from contextlib import suppress
from typing import Any, Callable

from . import credentials
from .process import PLAIN, prepare

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Peer:
    """What a peer can do, a method a wish."""

    def __init__(self, folder: str) -> None:
        self.servers = {}
        self.clients = {}
        for name, version in VERSIONS.items():
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(credentials.chain(folder))
            client = ssl.create_default_context(cafile=credentials.authority(folder))
            for context in (server, client):
                context.minimum_version = context.maximum_version = version
            self.servers[name], self.clients[name] = server, client

    def serve(self, sock: socket.socket) -> None:
        """Do what the connection wishes until it ends."""
        # A peer that goes without a word is no mishap here
        with suppress(OSError, EOFError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wish, version, size = exactly(sock, PLAIN).decode().split()
            if wish == "connect":
                self.connect(sock, version, int(size))
                return
            do: Callable[[Any, int], None] = getattr(self, wish)
            with self.servers[version].wrap_socket(sock, server_side=True) as connection:
                do(connection, int(size))

    def send(self, sock: ssl.SSLSocket, size: int) -> None:
        """Send without end, `size` bytes a call."""
        data = bytes(size)
        while True:
            sock.sendall(data)

    def body(self, sock: ssl.SSLSocket, size: int) -> None:
        """Send `size` bytes and close, in order."""
        sock.sendall(bytes(size))
        sock.unwrap()

    def sink(self, sock: ssl.SSLSocket, size: int) -> None:
        """Take everything, `size` bytes a call."""
        room = bytearray(size)
        while sock.recv_into(room):
            pass

    def echo(self, sock: ssl.SSLSocket, size: int) -> None:
        """Give back messages of `size` bytes."""
        while True:
            sock.sendall(exactly(sock, size))

    def greet(self, sock: ssl.SSLSocket, size: int) -> None:
        """Say `size` bytes, which come after the session's tickets, and wait for the end."""
        if size:
            sock.sendall(bytes(size))
        sock.recv(1)

    def http(self, sock: ssl.SSLSocket, size: int) -> None:
        """Answer each request with a body of `size` bytes."""
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
        while sock.recv(65536):
            sock.sendall(answer)

    def connect(self, control: socket.socket, version: str, port: int) -> None:
        """Shake hands as a client with `port`, as often as `control` asks for."""
        context = self.clients[version]
        while True:
            for _ in range(int(exactly(control, 8))):
                sock = socket.create_connection((credentials.LOOPBACK, port))
                with context.wrap_socket(sock, server_hostname=credentials.HOSTNAME) as connection:
                    connection.recv(1)


def exactly(sock: socket.socket, size: int) -> bytes:
    """`size` bytes of `sock`."""
    parts = []
    while size:
        data = sock.recv(size)
        if not data:
            raise EOFError
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def main(folder: str, core: str) -> None:
    """Serve until standard input ends."""
    prepare(core)
    peer = Peer(folder)
    listener = socket.create_server((credentials.LOOPBACK, 0), backlog=1024)

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=peer.serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
