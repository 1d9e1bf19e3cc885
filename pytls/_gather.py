"""Large writes: what OpenSSL writes by records goes to the socket by many of them at a time."""

from __future__ import annotations

from ctypes import addressof, string_at

from ._arguments import RECORD
from ._libcrypto import (
    BIO_f_buffer,
    BIO_flush,
    BIO_free_all,
    BIO_get_ktls_send,
    BIO_new,
    BIO_push,
    BIO_set_write_buffer_size,
    BIO_should_retry,
    BIO_up_ref,
)
from ._libssl import (
    SSL_WRITING,
    SSL_get_rbio,
    SSL_get_wbio,
    SSL_is_init_finished,
    SSL_set0_wbio,
    SSL_version,
    SSL_want,
    SSL_write,
)
from ._queue import from_queue
from ._types import Any
from .bio import BIO
from .constants import SSLErrorNumber, TLSVersion

LARGE = 8 * RECORD
"""From so many bytes on it is worth while: with half of them it costs (benchmark sendall-1m)."""

_RECORDS = 8

_OVERHEAD12, _OVERHEAD13 = 29, 22
"""Bytes that a record has beside its plaintext, with AES-GCM.

In TLS 1.2 header, nonce and tag, RFC 5288 §3; in TLS 1.3 header, type and tag, RFC 8446 §5.2.
"""

_TELLING = 64  # bytes: by its last ones, what was taken is known again in another buffer

WANT_WRITE = -int(SSLErrorNumber.SSL_ERROR_WANT_WRITE)
_FAILED = -int(SSLErrorNumber.SSL_ERROR_SYSCALL)


class _Chain(BIO):
    """Own a `BIO*` and, with it, a reference to what stands below it."""

    __slots__ = ()
    _free = staticmethod(BIO_free_all)


class Gatherer:
    """A buffering BIO between an `SSL*` and its socket, for as long as one write takes.

    Who has the connection's lock uses it. A write that is given up leaves it there, with what has
    not gone: that goes first.

    BIO_f_buffer(3)
    """

    # A signal's exception may come up anywhere: the connection has it before the `SSL*` has, and
    # longer; and both own the BIO.

    __slots__ = ("_bio", "_data", "_end", "_ssl", "_taken")

    def __init__(self, connection: Any) -> None:
        self._bio = _Chain(BIO_new(BIO_f_buffer()))
        self._ssl = ssl = connection.ptr
        #: what is being written
        self._data: Any = None
        #: how much of it OpenSSL has taken, all or nothing, and what that ends with
        self._taken = 0
        self._end = b""
        bio = self._bio.ptr
        # Room for whole records: where a part of one went in, the first error would be lost
        overhead = _OVERHEAD13 if SSL_version(ssl) >= TLSVersion.TLSv1_3 else _OVERHEAD12
        if not BIO_set_write_buffer_size(bio, _RECORDS * (RECORD + overhead)):
            raise from_queue()
        connection.gatherer = self
        sock = SSL_get_wbio(ssl)
        BIO_up_ref(sock)
        BIO_push(bio, sock)
        BIO_up_ref(bio)
        SSL_set0_wbio(ssl, bio)

    def is_there(self) -> bool:
        """Whether the `SSL*` writes to it."""
        return bool(SSL_get_wbio(self._ssl) == self._bio.ptr.value)

    def write(self, data: Any, size: int) -> int:
        """Like SSL_write(3), but that all has gone when it returns `size`.

        :returns: `size`, what SSL_write has returned instead, or what `flush` tells.
        """
        code = self.flush()
        if code:
            return code
        if self._data is not data:
            self._begin(data, size)
        if self._taken < size:
            rest = _octets(data, self._taken, size) if self._taken else data
            count: int = SSL_write(self._ssl, rest, size - self._taken)
            if count <= 0:
                return count
            self._end = _octets(data, size - _TELLING, size)
            self._taken = size
            code = self.flush()
        return code or size

    def flush(self) -> int:
        """0 when all has gone; else what SSL_get_error(3) would tell of the socket, negative."""
        if BIO_flush(self._bio.ptr):
            return 0
        return WANT_WRITE if BIO_should_retry(self._bio.ptr) else _FAILED

    def blocks(self) -> bool:
        """Whether what OpenSSL calls an error is that the socket is full.

        In older releases, the one of its own above this one does not hear of it. BIO_f_buffer(3)
        """
        return bool(SSL_want(self._ssl) == SSL_WRITING and BIO_should_retry(self._bio.ptr))

    def _begin(self, data: Any, size: int) -> None:
        """Take up another buffer, which may hold what was given up."""
        taken = self._taken
        if taken and (size < taken or _octets(data, taken - _TELLING, taken) != self._end):
            self._taken = 0
        self._data = data

    def end(self, connection: Any) -> None:
        """Give the connection its socket back."""
        # It reads from the same one. Never by BIO_pop(3): in a handshake, OpenSSL has a BIO of its
        # own above this one.
        sock = SSL_get_rbio(self._ssl)
        BIO_up_ref(sock)
        SSL_set0_wbio(self._ssl, sock)
        connection.gatherer = None


def _octets(data: Any, begin: int, end: int) -> bytes:
    """Some of what is to be written."""
    if type(data) is bytes:
        return data[begin:end]
    return string_at(addressof(data) + begin, end - begin)


def write_large(connection: Any, data: Any, size: int) -> int:
    """Write as SSL_write(3) does, or go on with it; the caller has the connection's lock.

    :returns: what SSL_write returns or, below -1, what SSL_get_error(3) would tell, negative.
    """
    gatherer = connection.gatherer
    if gatherer is not None and size < LARGE:
        code = settle(connection)
        if code:
            return code
        gatherer = None
    elif gatherer is not None and not gatherer.is_there():
        gatherer = connection.gatherer = None
    if gatherer is None:
        if size < LARGE or not connection.on_socket or not _may_gather(connection.ptr):
            return int(SSL_write(connection.ptr, data, size))
        gatherer = Gatherer(connection)
    count: int = gatherer.write(data, size)
    if count > 0:
        gatherer.end(connection)
    return count


def settle(connection: Any) -> int:
    """Send what a write that was given up has left, and gather no more.

    :returns: 0 or, negative, what SSL_get_error(3) would tell.
    """
    gatherer = connection.gatherer
    code = 0
    if gatherer.is_there():
        code = gatherer.flush()
        if not code:
            gatherer.end(connection)
    else:
        connection.gatherer = None
    return code


def _may_gather(ssl: Any) -> bool:
    """Whether a handshake is done, and the kernel does not encrypt by itself."""
    return bool(
        SSL_set0_wbio and SSL_is_init_finished(ssl) and not BIO_get_ktls_send(SSL_get_wbio(ssl))
    )
