"""The implementations under test, alike where they differ: how to make contexts and connections.

What is timed is each one's own object; nothing stands between a workload and its `recv`.
"""

from __future__ import annotations

import importlib
import socket
from typing import Any, Callable

from . import credentials

NAMES = ("ssl", "pytls", "pyOpenSSL", "bare")
BASELINE = "ssl"


class Module:
    """`ssl`, or what has its names."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.folder = folder
        self.module: Any = importlib.import_module(name)
        self.want_read = self.module.SSLWantReadError

    def _held(self, context: Any, version: str) -> Any:
        version = f"TLSv{version.replace('.', '_')}"
        context.minimum_version = context.maximum_version = self.module.TLSVersion[version]
        return context

    def client_context(self, version: str) -> Any:
        """Verifies the peer and its name."""
        context = self.module.SSLContext(self.module.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(credentials.authority(self.folder))
        return self._held(context, version)

    def server_context(self, version: str) -> Any:
        """Has the certificate."""
        context = self.module.SSLContext(self.module.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(credentials.chain(self.folder))
        return self._held(context, version)

    def connect(self, context: Any, sock: socket.socket, session: Any = None) -> Any:
        """A client's end after the handshake."""
        return context.wrap_socket(sock, server_hostname=credentials.HOSTNAME, session=session)

    def accept(self, context: Any, sock: socket.socket) -> Any:
        """A server's end after the handshake."""
        return context.wrap_socket(sock, server_side=True)

    def session(self, connection: Any) -> Any:
        """What resumes the connection; it must be one that was resumed, but for the first."""
        return connection.session

    def reused(self, connection: Any) -> bool:
        """Whether a session was resumed."""
        return bool(connection.session_reused)

    def bio_transport(
        self, context: Any, server_side: bool
    ) -> tuple[Any, Callable[[bytes], int], Callable[[], bytes]]:
        """One end in memory; how ciphertext is put in and taken out."""
        incoming, outgoing = self.module.MemoryBIO(), self.module.MemoryBIO()
        name = None if server_side else credentials.HOSTNAME
        end = context.wrap_bio(incoming, outgoing, server_side, name)
        return end, incoming.write, outgoing.read

    def context(self) -> Any:
        """One with nothing in it."""
        return self.module.SSLContext(self.module.PROTOCOL_TLS_CLIENT)

    def default_context(self, cafile: str | None = None) -> Any:
        """One that trusts the system's roots, or those of a file."""
        return self.module.create_default_context(cafile=cafile)


class PyOpenSSL(Module):
    """pyOpenSSL, on the OpenSSL of its own that cryptography's wheel carries.

    It checks no host name and has no timeouts.
    """

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.folder = folder
        self.module = importlib.import_module("OpenSSL.SSL")
        self.want_read = self.module.WantReadError

    def _held(self, context: Any, version: str) -> Any:
        number = {"1.2": self.module.TLS1_2_VERSION, "1.3": self.module.TLS1_3_VERSION}[version]
        context.set_min_proto_version(number)
        context.set_max_proto_version(number)
        return context

    def client_context(self, version: str) -> Any:
        """Verifies the peer."""
        context = self.context()
        context.load_verify_locations(credentials.authority(self.folder))
        return self._held(context, version)

    def server_context(self, version: str) -> Any:
        """Has the certificate."""
        context = self.module.Context(self.module.TLS_SERVER_METHOD)
        context.use_certificate_chain_file(credentials.chain(self.folder))
        context.use_privatekey_file(credentials.chain(self.folder))
        return self._held(context, version)

    def connect(self, context: Any, sock: Any, session: Any = None) -> Any:
        """A client's end after the handshake."""
        connection = self.module.Connection(context, sock)
        connection.set_tlsext_host_name(credentials.HOSTNAME.encode())
        connection.set_connect_state()
        if session is not None:
            connection.set_session(session)
        connection.do_handshake()
        return connection

    def accept(self, context: Any, sock: Any) -> Any:
        """A server's end after the handshake."""
        connection = self.module.Connection(context, sock)
        connection.set_accept_state()
        connection.do_handshake()
        return connection

    def session(self, connection: Any) -> Any:
        """What resumes the connection."""
        return connection.get_session()

    def reused(self, connection: Any) -> bool:
        """Whether a session was resumed: pyOpenSSL cannot tell."""
        return True

    def bio_transport(
        self, context: Any, server_side: bool
    ) -> tuple[Any, Callable[[bytes], int], Callable[[], bytes]]:
        """One end in memory; how ciphertext is put in and taken out."""
        end = self.module.Connection(context, None)
        if server_side:
            end.set_accept_state()
        else:
            end.set_tlsext_host_name(credentials.HOSTNAME.encode())
            end.set_connect_state()

        def take() -> bytes:
            try:
                return bytes(end.bio_read(1 << 20))
            except self.module.WantReadError:
                return b""

        return end, end.bio_write, take

    def context(self) -> Any:
        """One with nothing in it, but that it verifies."""
        context = self.module.Context(self.module.TLS_CLIENT_METHOD)
        context.set_verify(self.module.VERIFY_PEER)
        return context

    def default_context(self, cafile: str | None = None) -> Any:
        """One that trusts the system's roots, or those of a file."""
        context = self.context()
        if cafile is None:
            context.set_default_verify_paths()
        else:
            context.load_verify_locations(cafile)
        return context


def load(name: str, folder: str) -> Module:
    """The implementation called `name`, with the certificates in `folder`.

    :raises ImportError: it is not installed.
    """
    if name == "pyOpenSSL":
        return PyOpenSSL(name, folder)
    return Module("benchmarks.bare" if name == "bare" else name, folder)
