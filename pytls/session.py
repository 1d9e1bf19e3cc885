"""`SSLSession`: what a client keeps to resume a session."""

from __future__ import annotations

from ctypes import addressof, byref, c_uint, c_void_p, create_string_buffer, string_at

from . import _libssl as C
from ._handle import Handle
from ._openssl102 import ticket_of
from ._types import Any


class SESSION(Handle):
    """Own a `SSL_SESSION*`."""

    __slots__ = ()
    _free = staticmethod(C.SSL_SESSION_free)


class SSLSession:
    """A TLS session, to be handed to `SSLContext.wrap_socket` or `SSLSocket.session`.

    Two are equal when they bear the same id.

    Source: `ssl.SSLSession`; SSL_get1_session(3); RFC 8446 §2.2.
    """

    __slots__ = ("__weakref__", "_context", "_handle")

    _context: Any
    _handle: SESSION

    def __new__(cls, *_: object) -> SSLSession:
        """Refused: connections make them."""
        raise TypeError("cannot create 'ssl.SSLSession' instances")

    @classmethod
    def _of(cls, address: Any, context: Any) -> SSLSession:
        """Own `address`, which came from a connection of the `SSL_CTX` handle `context`."""
        self = object.__new__(cls)
        self._handle = SESSION(address)
        # A session is for connections of its own context only
        self._context = context
        return self

    @property
    def id(self) -> bytes:
        """The session's id, 32 bytes at most. SSL_SESSION_get_id(3)"""
        length = c_uint()
        address = C.SSL_SESSION_get_id(self._handle.ptr, byref(length))
        return string_at(address, length.value) if address else b""

    @property
    def time(self) -> int:
        """When it was made: seconds since 1970. SSL_SESSION_get_time(3)"""
        return int(C.SSL_SESSION_get_time(self._handle.ptr))

    @property
    def timeout(self) -> int:
        """How long it may be resumed: seconds from `time`. SSL_SESSION_get_timeout(3)"""
        return int(C.SSL_SESSION_get_timeout(self._handle.ptr))

    @property
    def ticket_lifetime_hint(self) -> int:
        """The ticket's lifetime as the server told it: seconds. RFC 8446 §4.6.1"""
        if not C.SSL_SESSION_get_ticket_lifetime_hint:
            return ticket_of(self._der())[1]
        return int(C.SSL_SESSION_get_ticket_lifetime_hint(self._handle.ptr))

    @property
    def has_ticket(self) -> bool:
        """Whether it holds a ticket. SSL_SESSION_has_ticket(3)"""
        if not C.SSL_SESSION_has_ticket:
            return ticket_of(self._der())[0]
        return bool(C.SSL_SESSION_has_ticket(self._handle.ptr))

    def _der(self) -> bytes:
        """It holds the session's secret: for this module only. i2d_SSL_SESSION(3)"""
        size = C.i2d_SSL_SESSION(self._handle.ptr, None)
        room = create_string_buffer(size)
        C.i2d_SSL_SESSION(self._handle.ptr, byref(c_void_p(addressof(room))))
        return room.raw

    def __eq__(self, other: object) -> bool:
        """Whether both bear the same id."""
        if not isinstance(other, SSLSession):
            return NotImplemented
        return self is other or self.id == other.id

    def __hash__(self) -> int:
        """From the id."""
        return hash(self.id)
