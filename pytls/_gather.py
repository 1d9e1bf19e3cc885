"""Large writes: what OpenSSL writes by records goes to the socket by many of them at a time."""

from __future__ import annotations

from ctypes import c_void_p

from ._arguments import RECORD
from ._libcrypto import (
    BIO_f_buffer,
    BIO_flush,
    BIO_get_ktls_send,
    BIO_new,
    BIO_pop,
    BIO_push,
    BIO_set_write_buffer_size,
    BIO_should_retry,
    BIO_up_ref,
)
from ._libssl import SSL_get_wbio, SSL_is_init_finished, SSL_set0_wbio, SSL_write
from ._queue import from_queue
from ._types import Any
from .bio import BIO
from .constants import SSLErrorNumber

LARGE = 8 * RECORD
"""From so many bytes on it is worth while: with half of them it costs (benchmark sendall-1m)."""

_ROOM = 8 * RECORD

WANT_WRITE = -int(SSLErrorNumber.SSL_ERROR_WANT_WRITE)
_FAILED = -int(SSLErrorNumber.SSL_ERROR_SYSCALL)


class Gatherer:
    """A buffering BIO between an `SSL*` and its socket, for as long as one write takes.

    Who has the connection's lock uses it. A write that is given up leaves it there, with what has
    not gone: the next one goes on with that first.

    BIO_f_buffer(3)
    """

    __slots__ = ("_bio", "_ssl", "_taken")

    def __init__(self, ssl: Any) -> None:
        bio = BIO(BIO_new(BIO_f_buffer()))
        if not BIO_set_write_buffer_size(bio.ptr, _ROOM):
            raise from_queue()
        self._ssl = ssl
        #: what OpenSSL has taken as a whole, and is still to be sent
        self._taken: Any = None
        sock = SSL_get_wbio(ssl)
        BIO_up_ref(sock)
        self._bio = c_void_p(bio.ptr.value)
        SSL_set0_wbio(ssl, BIO_push(bio.give(), sock))

    def write(self, data: Any, size: int) -> int:
        """Like SSL_write(3), but that all has gone when it returns `size`.

        :returns: `size`, what SSL_write has returned instead, or what `_blocked` tells.
        """
        if self._taken is not data:
            if not BIO_flush(self._bio):
                return self._blocked()
            count: int = SSL_write(self._ssl, data, size)
            if count <= 0:
                return count
            self._taken = data
        return size if BIO_flush(self._bio) else self._blocked()

    def _blocked(self) -> int:
        """What SSL_get_error(3) would tell of the socket, negative."""
        return WANT_WRITE if BIO_should_retry(self._bio) else _FAILED

    def end(self) -> None:
        """Give the connection its socket back."""
        SSL_set0_wbio(self._ssl, BIO_pop(self._bio))


def write_large(connection: Any, data: Any, size: int) -> int:
    """Write as SSL_write(3) does, or go on with it; the caller has the connection's lock.

    :returns: what SSL_write returns or, below -1, what SSL_get_error(3) would tell, negative.
    """
    gatherer = connection.gatherer
    if gatherer is None:
        if not connection.on_socket or not _may_gather(connection.ptr):
            return int(SSL_write(connection.ptr, data, size))
        gatherer = connection.gatherer = Gatherer(connection.ptr)
    count: int = gatherer.write(data, size)
    if count > 0:
        connection.gatherer = None
        gatherer.end()
    return count


def _may_gather(ssl: Any) -> bool:
    """Whether a handshake is done, and the kernel does not encrypt by itself."""
    return bool(
        SSL_set0_wbio and SSL_is_init_finished(ssl) and not BIO_get_ktls_send(SSL_get_wbio(ssl))
    )
