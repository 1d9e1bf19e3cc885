"""The engine between two `MemoryBIO`s: feeds OpenSSL what came, and delivers what it says."""

from __future__ import annotations

from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._arguments import ENCRYPTED, INT_MAX, array, spare
from ._change import set_lock
from ._libcrypto import BIO_ctrl_pending, BIO_read
from ._types import Any, Callable
from .bio import BIO, MemoryBIO, drain, renew
from .connection import SHORT, WANT_READ, Connection


class InMemory(Connection):
    """A connection whose ciphertext the program carries.

    OpenSSL's side of it is two BIOs that nobody else touches, under the connection's lock. The
    program's side is Python's, so that it waits for no record that is being encrypted.
    """

    __slots__ = ("_incoming", "_out", "_outgoing")

    def attach(self, incoming: MemoryBIO, outgoing: MemoryBIO) -> None:
        """Speak through two memory BIOs. SSL_set_bio(3)"""
        self._incoming, self._outgoing = incoming, outgoing
        set_lock(self, incoming._lock)
        self.unfed = incoming._pieces
        self.in_memory = incoming._hand_over()
        libcrypto.BIO_up_ref(self.in_memory)
        out = BIO(libcrypto.BIO_new(libcrypto.BIO_s_mem()))
        self._out: Any = out.ptr
        libcrypto.BIO_up_ref(self._out)
        if outgoing._late:
            outgoing._fetch()
        outgoing._source = out, self._lock
        libssl.SSL_set_bio(self.ptr, self.in_memory, self._out)

    def do_handshake(self) -> int:
        """Go on with the handshake, as far as what has come goes."""
        return self._between(super().do_handshake)

    def shutdown(self) -> int:
        """Send close_notify, then wait for the peer's."""
        return self._between(super().shutdown)

    def verify_client_post_handshake(self) -> None:
        """Ask a TLS 1.3 client for its certificate. SSL_verify_client_post_handshake(3)"""
        with self._lock:
            self._incoming._dry = False  # the next read sends the question
            super().verify_client_post_handshake()

    def _write_nothing(self) -> int:
        return self._between(super()._write_nothing)

    def _between(self, operation: Callable[[], int]) -> int:
        with self._lock:
            self._feed()
            try:
                return operation()
            finally:
                self._deliver()

    def _feed(self) -> None:
        self._incoming._feed()

    def _deliver(self, written: int = 0) -> None:
        if written > SHORT and self._outgoing._handle is None:
            self._outgoing._late = True  # until it is read
            return
        try:
            pair = spare.pop()
        except IndexError:
            pair = array()
        record, room = pair
        count = BIO_read(self._out, room, ENCRYPTED)
        if count > 0:
            self._outgoing._pieces.append(record[:count])
        spare.append(pair)
        if count == ENCRYPTED:
            self._outgoing._pieces.append(drain(self._out, INT_MAX))

    def _run_dry(self) -> None:
        self._incoming._dry = True
        # What was read may have been answered at once: a KeyUpdate. RFC 8446 §4.6.3
        if BIO_ctrl_pending(self._out):
            self._deliver()

    def _want_or_raise(self, code: int, *how: Any, **more: Any) -> int:
        self._deliver()
        want = super()._want_or_raise(code, *how, **more)
        if want == WANT_READ:
            self._incoming._dry = True
        return want

    def _renew_locks(self, renewed: dict[Any, Any]) -> None:
        super()._renew_locks(renewed)
        for bio in self._incoming, self._outgoing:
            bio._lock = renew(bio._lock, renewed)
            if bio._source is not None:
                bio._source = bio._source[0], renew(bio._source[1], renewed)
