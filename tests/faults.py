"""A network that fails: what a peer sends passes through a fault before it arrives.

Nothing here waits and nothing runs beside it: the end under test is a socket that never blocks, the
peer an `SSLObject` of the standard library, and what one has written is carried to the other at
once. So a fault strikes at the same byte each time, whichever module is under test.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
from types import ModuleType
from typing import Any, Callable, NamedTuple

from expected import ANY_KEY_WILL_DO
from outcomes import Raised, raised
from peers import (
    DEADLINE,
    SHORT,
    Contexts,
    client_context,
    server_context,
    takes_about,
    tcp_pair,
)
from pki import HOSTNAME, Credentials, Pki

MESSAGES = [b"first " * 50, b"second " * 300, b"third"]
TURNS = 40_000  # more than any exchange here takes


class Fault(NamedTuple):
    """What happens to the stream from the peer."""

    at: int = 1 << 30  #: after so many bytes
    cut: str = ""  #: "fin" or "reset": that is the end of it; "silence": nothing more comes
    flip: int = 0  #: bits of the byte there that are turned over
    inject: bytes = b""  #: what is put in
    piece: int = 1 << 30  #: so many bytes at once
    last_words: bool = True  #: whether the peer's close_notify is sent


class End(NamedTuple):
    """What the end under test has seen."""

    version: str | None
    received: bytes
    error: Raised | None
    sent: int  #: bytes that came from the peer, to know where faults can be put


def contexts(m: ModuleType, end: str, pki: Pki, of: Credentials, version: str) -> Contexts:
    """Where `m` plays `end`, and the standard library the other."""
    ours, theirs = (m, ssl) if end == "client" else (ssl, m)
    made = Contexts(client_context(ours, pki, version), server_context(theirs, pki, version, of))
    if ANY_KEY_WILL_DO:
        made.client.set_ecdh_curve("X25519")
    return made


class Network:
    """One connection, whose `end` is under test, to a peer behind a fault."""

    def __init__(self, contexts: Contexts, end: str, fault: Fault) -> None:
        self.fault, self.passed, self.over = fault, 0, False
        self.still = 0  # how often nobody had anything to say
        self.waiting = bytearray()
        near, self.far = tcp_pair()
        near.setblocking(False)
        self.far.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        options: Any = {"do_handshake_on_connect": False, "suppress_ragged_eofs": False}
        if end == "client":
            self.end = contexts.client.wrap_socket(near, server_hostname=HOSTNAME, **options)
            self.peer = contexts.server.wrap_bio(self.incoming, self.outgoing, server_side=True)
        else:
            self.end = contexts.server.wrap_socket(near, server_side=True, **options)
            self.peer = contexts.client.wrap_bio(
                self.incoming, self.outgoing, server_hostname=HOSTNAME
            )
        self.plan = self.talk()

    def talk(self) -> Any:
        """What the peer does, one step after another."""
        while True:
            try:
                self.peer.do_handshake()
                break
            except ssl.SSLWantReadError:
                yield
        yield
        for message in MESSAGES:
            self.peer.write(message)
            yield
        if self.fault.last_words:
            with contextlib.suppress(ssl.SSLError):
                self.peer.unwrap()
        yield

    def run(self) -> End:
        """Shake hands and read to the end; whatever happens, no descriptor stays open."""
        received, error = bytearray(), None
        with self.far, self.end:
            try:
                self.until_done(self.end.do_handshake)
                while True:
                    data = self.until_done(lambda: self.end.recv(1000))
                    if not data:
                        break
                    received += data
            except OSError as caught:
                error = raised(caught)
            return End(self.end.version(), bytes(received), error, self.passed)

    def until_done(self, call: Callable[[], Any]) -> Any:
        """Repeat a call and carry bytes meanwhile; where nothing more comes, with a timeout."""
        for _ in range(TURNS):
            try:
                if self.over and self.fault.cut == "silence":
                    self.end.settimeout(SHORT)
                    with takes_about(SHORT):
                        return call()
                return call()
            except ssl.SSLWantReadError:
                self.carry()
        raise AssertionError("it goes on for ever")

    def carry(self) -> None:
        """Bring the peer what was written, let it do a step, and send a piece of what it says."""
        if self.over:
            if self.fault.cut == "silence":
                return None
            assert select.select([self.end], [], [], DEADLINE)[0], "the end is not seen"
            return None
        if not self.waiting:
            heard = 0
            with contextlib.suppress(BlockingIOError, ConnectionError):
                heard = self.incoming.write(self.far.recv(65536))
            try:
                next(self.plan)
            except StopIteration:
                return self.cut("fin")
            except ssl.SSLError:  # it has its own opinion of what became of the connection
                self.plan = iter(())
            self.waiting += self.outgoing.read()
            self.still = 0 if heard or self.waiting else self.still + 1
            if self.still > 3:  # each waits for the other
                return self.cut("fin")
        piece = bytes(self.waiting[: self.fault.piece])
        del self.waiting[: len(piece)]
        self.send(piece)
        return None

    def send(self, data: bytes) -> None:
        """Through the fault."""
        fault, at = self.fault, self.fault.at - self.passed
        self.passed += len(data)
        if 0 <= at < len(data):
            if fault.cut:
                self.far.sendall(data[:at])
                return self.cut(fault.cut)
            changed = bytes([data[at] ^ fault.flip])
            data = data[:at] + fault.inject + changed + data[at + 1 :]
        self.far.sendall(data)
        return None

    def cut(self, how: str) -> None:
        """Nothing more comes from the peer."""
        self.over = True
        if how == "silence":
            pass
        elif how == "reset":
            self.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.far.close()
        else:
            self.far.shutdown(socket.SHUT_WR)
