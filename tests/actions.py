"""What is repeated to see whether anything of it stays: made of one module and its certificates."""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any, Callable

from peers import Contexts, attempt, client_context, server_context, tcp_pair
from pki import HOSTNAME


class Actions:
    """Each method does something once, and is to leave nothing."""

    def __init__(self, m: ModuleType, pki: Any) -> None:
        self.m, self.pki = m, pki
        self.both = Contexts(client_context(m, pki), server_context(m, pki))
        self.strangers = m.SSLContext(m.PROTOCOL_TLS_CLIENT)
        with open(pki.ca) as file:
            self.pem = file.read()

    def named(self) -> dict[str, Callable[[], Any]]:
        """All of them."""
        names = "handshakes failed_handshakes objects failed_objects contexts sessions certificates"
        return {name: getattr(self, name) for name in [*names.split(), "bios", "errors", "cycles"]}

    def ends(self, client: Any, server: Any) -> tuple[Any, Any]:
        there, back = self.m.MemoryBIO(), self.m.MemoryBIO()
        return (
            client.wrap_bio(back, there, server_hostname=HOSTNAME),
            server.wrap_bio(there, back, server_side=True),
        )

    def shake(self, *ends: Any) -> tuple[Any, ...]:
        for _ in range(3):
            for end in ends:
                try:
                    end.do_handshake()
                except self.m.SSLWantReadError:
                    pass
        return ends

    def handshakes(self) -> None:
        """Two sockets, a byte each way, both closed."""
        near, far = tcp_pair()
        near.setblocking(False)
        far.setblocking(False)
        client = self.both.client.wrap_socket(
            near, server_hostname=HOSTNAME, do_handshake_on_connect=False
        )
        server = self.both.server.wrap_socket(far, server_side=True, do_handshake_on_connect=False)
        with client, server:
            self.shake(client, server)
            client.send(b"x")
            server.send(b"y")
            assert server.recv(1) + client.recv(1) == b"xy"

    def failed_handshakes(self) -> None:
        """The client does not trust the server."""
        assert attempt(Contexts(self.strangers, self.both.server)).client

    def objects(self) -> None:
        """The same without sockets."""
        near, far = self.shake(*self.ends(*self.both))
        near.write(b"x" * 100)
        assert far.read(100) == b"x" * 100

    def failed_objects(self) -> None:
        """The client does not trust the server."""
        try:
            self.shake(*self.ends(self.strangers, self.both.server))
        except self.m.SSLError:
            pass
        else:
            raise AssertionError("it trusts everybody")

    def contexts(self) -> None:
        """A client's and a server's."""
        client_context(self.m, self.pki)
        server_context(self.m, self.pki).sni_callback = lambda *_: None

    def sessions(self) -> None:
        """A session and what resumes it."""
        near, far = self.shake(*self.ends(*self.both))
        far.write(b"x")
        near.read(1)
        session = near.session
        assert session.id
        near = self.both.client.wrap_bio(
            self.m.MemoryBIO(), self.m.MemoryBIO(), server_hostname=HOSTNAME, session=session
        )
        try:
            near.do_handshake()
        except self.m.SSLWantReadError:
            pass

    def certificates(self) -> None:
        """Read from PEM, from a trust store and of a peer."""
        context = self.m.SSLContext(self.m.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.pem)
        assert context.get_ca_certs()
        near, _ = self.shake(*self.ends(*self.both))
        assert near.getpeercert()
        assert near.getpeercert(True)

    def bios(self) -> None:
        """Filled, and half emptied, by a program and by what OpenSSL reads."""
        bio = self.m.MemoryBIO()
        bio.write(bytes(50_000))
        bio.read(20_000)
        self.both.server.wrap_bio(bio, self.m.MemoryBIO(), server_side=True)
        bio.read(20_000)

    def errors(self) -> None:
        """Exceptions of all kinds."""
        context = self.m.SSLContext(self.m.PROTOCOL_TLS_SERVER)
        for call in (
            lambda: context.set_ciphers("none"),
            lambda: context.load_verify_locations(cadata=b"\x30\x03\x02\x01\x01"),
            lambda: context.load_cert_chain(self.pki.ca),
            lambda: context.set_ecdh_curve("none"),
            lambda: self.ends(self.both.client, self.both.server)[0].read(1),
        ):
            try:
                call()
            except (OSError, ValueError):
                pass

    def cycles(self) -> None:
        """Garbage in a ring."""
        ends = self.ends(*self.both)
        ends[0].ring = ends  # type: ignore[attr-defined]
        gc.collect()
