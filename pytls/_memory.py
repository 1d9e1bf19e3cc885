"""The engine between two `MemoryBIO`s: feeds OpenSSL what came, and delivers what it says."""

from __future__ import annotations

from ctypes import c_ssize_t

from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._arguments import RECORD, fresh, pointer, start
from ._change import set_lock
from ._libcrypto import BIO_ctrl_pending
from ._libssl import SSL_read
from ._types import Any, Callable
from .bio import BIO, MemoryBIO, read_short, renew
from .connection import NOTHING, WANT_READ, Connection


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
        self.unfed, self.feed = incoming._pieces, incoming._feed
        self.in_memory = incoming._hand_over()
        if outgoing._source is not None:
            outgoing._hand_over()  # what several connections leave is not left to be fetched
        libcrypto.BIO_up_ref(self.in_memory)
        address = libcrypto.BIO_new(libcrypto.BIO_s_mem())
        out = BIO(address)
        self._out = pointer(address)
        libcrypto.BIO_up_ref(self._out)
        outgoing._source = out, self._out, self._lock
        libssl.SSL_set_bio(self.ptr, self.in_memory, self._out)

    def do_handshake(self) -> int:
        """Go on with the handshake, as far as what has come goes."""
        return self._between(super().do_handshake)

    def read_records(self, size: int) -> bytes | int:
        """`read` up to `size` bytes, of as many large records as have come.

        What is wrong with one that comes after another is raised by the next call.
        """
        with self._lock:
            self.feed()
            most = min(size, BIO_ctrl_pending(self.in_memory)) // RECORD
            if most < 2:
                self._incoming._large = False
            # An end that is found in advance would end what goes the other way, too
            at_once = most >= 2 and self.rest is NOTHING and not self._incoming._write_eof
            if not at_once or self.raised or self.in_callback:
                return self.read(size)
            room = fresh(None, c_ssize_t(most * RECORD))
            begin = start(room)
            got = 0
            while got <= (most - 1) * RECORD and not self.raised:
                # Straight into the bytes that the caller gets (benchmark bio-bulk)
                count = SSL_read(self.ptr, pointer(begin + got), RECORD)
                if count <= 0:
                    break
                got += count
            else:
                count = got
            if not got:
                return self._ended(count) or b""
            if count <= 0:
                try:
                    self._ended(count)
                except OSError as error:
                    self.raised = error
            elif not BIO_ctrl_pending(self.in_memory):
                self._run_dry()
            return room[:got]  # type: ignore[no-any-return]  # bytes

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
            self.feed()
            try:
                return operation()
            finally:
                self._deliver()

    def _deliver(self, written: int = 0) -> None:
        outgoing = self._outgoing
        outgoing._late = written or 1  # until it is read
        if outgoing._handle is None:  # in this order: whoever makes one looks what was left
            return
        outgoing._late = 0
        # Another connection reads from there, and must not wait for this one's lock
        data = read_short(self._out)
        if data:
            outgoing._pieces.append(data)

    def _run_dry(self) -> None:
        self._incoming._dry = not self._incoming._write_eof  # after which there is the end to tell
        # What was read may have been answered at once: a KeyUpdate. RFC 8446 §4.6.3
        if BIO_ctrl_pending(self._out):
            self._deliver()

    def _want_or_raise(self, code: int, *how: Any, **more: Any) -> int:
        self._deliver()
        want = super()._want_or_raise(code, *how, **more)
        if want == WANT_READ:
            self._incoming._dry = not self._incoming._write_eof
        return want

    def _renew_locks(self, renewed: dict[Any, Any]) -> None:
        super()._renew_locks(renewed)
        for bio in self._incoming, self._outgoing:
            bio._lock = renew(bio._lock, renewed)
            if bio._source is not None:
                *out, lock = bio._source
                bio._source = *out, renew(lock, renewed)
