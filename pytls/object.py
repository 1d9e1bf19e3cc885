"""`SSLObject`: TLS without a socket, through two `MemoryBIO`s."""

from __future__ import annotations

from . import _python as python
from ._arguments import INT_MAX, RECORD, let_go, readable
from ._facts import Facts, check_arguments
from ._ferry import FOREIGN, Ferry
from ._memory import InMemory
from ._queue import want
from ._types import Any
from .bio import MemoryBIO
from .connection import NOTHING, WANT_READ, Connection
from .session import SSLSession


class SSLObject(Facts):
    """One side of a TLS connection, through two BIOs.

    The program carries the bytes between them and the peer. What cannot go on without more bytes
    raises SSLWantReadError.

    Source: `ssl.SSLObject`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Refused: `SSLContext.wrap_bio` makes them."""
        raise TypeError(
            f"{self.__class__.__name__} does not have a public constructor. "
            "Instances are returned by SSLContext.wrap_bio()."
        )

    _sslobj: InMemory
    _session: SSLSession | None = None
    _ferry: Ferry | None = None

    @classmethod
    def _create(
        cls,
        incoming: MemoryBIO,
        outgoing: MemoryBIO,
        server_side: bool = False,
        server_hostname: str | None = None,
        session: SSLSession | None = None,
        context: Any = None,
    ) -> SSLObject:
        if python.CHECKS_OBJECTS:
            check_arguments(context, server_side, server_hostname, session)
        for name, bio in (("incoming", incoming), ("outgoing", outgoing)):
            if not isinstance(bio, (MemoryBIO, *FOREIGN)):
                raise TypeError(
                    f"wrap_bio() argument '{name}' must be MemoryBIO, not {type(bio).__name__}"
                )
        self = cls.__new__(cls)
        if isinstance(incoming, FOREIGN) or isinstance(outgoing, FOREIGN):
            ferry = Ferry(incoming, outgoing)
            incoming, outgoing = ferry.incoming, ferry.outgoing
            self._ferry = ferry
        self._context = context
        self._sslobj = self._engine(
            InMemory, bool(server_side), context._encode_hostname(server_hostname), session
        )
        self._sslobj.attach(incoming, outgoing)
        return self

    @property
    def server_side(self) -> bool:
        """Whether this is the server. Source: `ssl.SSLObject.server_side`."""
        return self._sslobj.server_side

    @property
    def server_hostname(self) -> str | None:
        """The name that the peer is held to. Source: `ssl.SSLObject.server_hostname`."""
        return self._sslobj.server_hostname

    def read(self, len: int = 1024, buffer: Any = None) -> bytes | int:
        """Decrypt up to `len` bytes: what is left of a record, or of large ones all that have come.

        :param buffer: where to put them, writable, instead of returning them.
        :returns: the bytes, ``b""`` after the peer's close_notify; with `buffer`, how many.
        :raises SSLWantReadError: more must be written to the incoming BIO.
        :raises SSLError: reading failed.

        Source: `ssl.SSLObject.read`; SSL_read(3).
        """
        connection = self._sslobj
        if buffer is None and type(len) is int and 0 < len <= INT_MAX and self._ferry is None:
            # The short way: nothing has come since there was nothing (benchmark bio-64)
            if (
                connection._incoming._dry
                and not connection.unfed
                and connection.rest is NOTHING
                and not connection._more_there
            ):
                raise want(-WANT_READ)
            if connection._incoming._large and len > RECORD:
                data: Any = connection.read_records(len)
            else:
                data = connection.read(len)
            if type(data) is bytes:
                return data
            raise want(-data)
        return self._read(connection, len, buffer)  # type: ignore[no-any-return]  # as `buffer` says

    def write(self, data: Any) -> int:
        """Encrypt `data`, bytes-like, into the outgoing BIO.

        :returns: how many bytes were taken: all, up to 2 GiB.
        :raises SSLError: writing failed.

        Source: `ssl.SSLObject.write`; SSL_write(3).
        """
        connection = self._sslobj
        source, size = (data, len(data)) if type(data) is bytes else readable(data)
        if size > INT_MAX:
            size = INT_MAX
        try:
            if self._ferry is not None:
                return self._drive(connection, connection.write, source, size)  # type: ignore[no-any-return]  # a count
            count = connection.write(source, size)
            if count < 0:
                raise want(-count)
            return count
        except BaseException:
            let_go(source)
            raise

    def do_handshake(self) -> None:
        """Go on with the handshake.

        :raises SSLWantReadError: more must be written to the incoming BIO.
        :raises SSLError: it failed.

        Source: `ssl.SSLObject.do_handshake`; SSL_do_handshake(3).
        """
        self._drive(self._sslobj, self._sslobj.do_handshake)

    def unwrap(self) -> None:
        """Send close_notify and wait for the peer's.

        :raises SSLWantReadError: more must be written to the incoming BIO.
        :raises SSLError: it failed.

        Source: `ssl.SSLObject.unwrap`; SSL_shutdown(3).
        """
        self._drive(self._sslobj, self._sslobj.shutdown)

    def _drive(self, connection: Connection, operation: Any, *arguments: Any) -> Any:
        """The operation's result; a Want becomes its exception."""
        if self._ferry is not None:
            return self._ferry.drive(connection, operation, *arguments)
        result = operation(*arguments)
        if result.__class__ is int and result < 0:
            raise want(-result)
        return result
