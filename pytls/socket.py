"""`SSLSocket`: TLS on a socket; what the engine wants becomes a wait with a deadline."""

from __future__ import annotations

import errno
import socket as _socket
from _thread import RLock
from _thread import _count as others
from functools import wraps

from ._arguments import INT_MAX, RECORD, readable
from ._facts import check_arguments
from ._features import MAY_WAIT
from ._guise import guise, names
from ._makefile import hasten
from ._python import ONE_AT_A_TIME
from ._queue import refusal
from ._sendfile import sendfile
from ._transport import Transport
from ._types import Any
from ._wait import set_blocking
from .connection import NOTHING, WANT_READ, Connection
from .constants import SSLErrorNumber
from .errors import SSLError
from .session import SSLSession

_PLAIN = {bytearray, memoryview}


class SSLSocket(Transport):
    """A stream socket that speaks TLS.

    It has the methods of `socket.socket`; those that make no sense under TLS are refused. Threads
    may share it: one can read while another writes.

    Source: `ssl.SSLSocket`.
    """

    __class__ = guise("SSLSocket")
    __dir__ = names
    __slots__ = (
        "do_handshake_on_connect",
        "server_hostname",
        "server_side",
        "suppress_ragged_eofs",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Refused: `SSLContext.wrap_socket` makes them."""
        raise TypeError(
            f"{self.__class__.__name__} does not have a public constructor. "
            "Instances are returned by SSLContext.wrap_socket()."
        )

    server_side: bool
    server_hostname: str | None
    do_handshake_on_connect: bool
    suppress_ragged_eofs: bool

    @classmethod
    def _create(
        cls,
        sock: _socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | None = None,
        context: Any = None,
        session: SSLSession | None = None,
    ) -> SSLSocket:
        if sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_TYPE) != _socket.SOCK_STREAM:
            raise NotImplementedError("only stream sockets are supported")
        check_arguments(context, server_side, server_hostname, session)
        timeout = sock.gettimeout()
        self = cls.__new__(cls)
        # The descriptor changes its owner: it has one at every moment
        _socket.socket.__init__(
            self, family=sock.family, type=sock.type, proto=sock.proto, fileno=sock.fileno()
        )
        sock.detach()
        self._context = context
        self._session = session
        self._writing = RLock()
        self.server_side = server_side
        self.do_handshake_on_connect = do_handshake_on_connect
        self.suppress_ragged_eofs = suppress_ragged_eofs
        try:
            self.server_hostname = context._encode_hostname(server_hostname)
            self.settimeout(timeout)
            self._connected = self._has_peer()
            if self._connected:
                connection = self._engine(
                    Connection, self.server_side, self.server_hostname, self._session
                )
                # Nobody else has it yet, nor can change its context: OpenSSL may wait by itself
                # (benchmark handshake12-server)
                alone = do_handshake_on_connect and timeout is None and MAY_WAIT and not others()
                self._attach(connection, blocking=alone)
                if do_handshake_on_connect:
                    if timeout == 0.0:
                        raise ValueError(
                            "do_handshake_on_connect should not be specified for "
                            "non-blocking sockets"
                        )
                    self.do_handshake()
                if alone:
                    set_blocking(self.fileno(), False)
        except BaseException:
            self.close()
            raise
        return self

    # --- the engine and its descriptor

    def _has_peer(self) -> bool:
        """Whether the socket is connected.

        :raises SSLError: it is no longer, and plaintext has come before TLS.
        """
        try:
            self.getpeername()
            return True
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EINVAL):
                raise
            number = error.errno
        # A peer that wrote and went must not pass for a socket that never was connected:
        # its bytes would be read as if TLS had carried them.
        timeout = self.gettimeout()
        super().settimeout(0.0)
        try:
            early = super().recv(1)
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EINVAL, errno.EAGAIN, errno.EWOULDBLOCK):
                raise
            early = b""
        finally:
            super().settimeout(timeout)
        if early:
            self.close()
            early_data = refusal("Closed before TLS handshake with data in recv buffer.", number)
            early_data.reason = str(early_data.strerror)
            raise early_data
        return False

    # --- reading and writing

    def read(self, len: int = 1024, buffer: Any = None) -> bytes | int:
        """Receive up to `len` bytes of plaintext, one record's at most.

        :param buffer: where to put them, writable, instead of returning them.
        :returns: the bytes, ``b""`` after the peer's close_notify; with `buffer`, how many.
        :raises ValueError: there is no TLS on the socket.
        :raises SSLWantReadError: non-blocking, and more ciphertext is needed.
        :raises socket.timeout: `gettimeout()` seconds have passed.
        :raises SSLEOFError: no close_notify, and not `suppress_ragged_eofs`.

        Source: `ssl.SSLSocket.read`; SSL_read(3).
        """
        connection = self._sslobj
        if connection is None:
            raise ValueError("Read on closed or unwrapped SSL socket.")
        try:
            if buffer is None and type(len) is int and 0 < len <= INT_MAX:
                data: Any
                if connection.rest is not NOTHING and ONE_AT_A_TIME:
                    data = connection.rest.read(len)
                    if data:
                        return data  # type: ignore[no-any-return]  # bytes
                data = WANT_READ
                if (
                    connection.awaits_answer
                    and not connection._more_there
                    and self.gettimeout() != 0
                ):
                    # It is seldom there so soon: wait at once (benchmark ping)
                    connection.awaits_answer = False
                else:
                    data = connection.read(len)
                    if type(data) is bytes:
                        return data
                return self._go_on(data, connection, connection.read, len)  # type: ignore[no-any-return]
            if type(len) is int and type(buffer) in _PLAIN:
                return self._read_into(connection, len, buffer)
            return self._read(connection, len, buffer)  # type: ignore[no-any-return]
        except SSLError as error:
            if error.args[0] == SSLErrorNumber.SSL_ERROR_EOF and self.suppress_ragged_eofs:
                return b"" if buffer is None else 0
            raise

    def write(self, data: Any) -> int:
        """Send `data`, bytes-like: all of it or, when non-blocking, as much as there is room for.

        :returns: how many bytes were taken.
        :raises ValueError: there is no TLS on the socket.
        :raises SSLWantWriteError: non-blocking, and the socket takes no more.
        :raises socket.timeout: `gettimeout()` seconds have passed.

        Source: `ssl.SSLSocket.write`; SSL_write(3).
        """
        connection = self._sslobj
        if connection is None:
            raise ValueError("Write on closed or unwrapped SSL socket.")
        if type(data) is bytes and len(data) <= RECORD:
            return self._write(connection, data, len(data))
        if self.gettimeout() == 0:
            return self._write_now(connection, data)
        source, size = readable(data)
        return self._write(connection, source, min(size, INT_MAX))

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive up to `buflen` bytes of plaintext; one call returns at most one record (16384).

        :param flags: must be 0.
        :returns: bytes; ``b""`` after the peer's close_notify.
        :raises SSLWantReadError: non-blocking, and more ciphertext is needed.
        :raises socket.timeout: `gettimeout()` seconds have passed.
        :raises SSLEOFError: no close_notify, and not `suppress_ragged_eofs`.

        Source: `ssl.SSLSocket.recv`; SSL_read(3); RFC 8446 §5.1, §6.1.
        """
        if self._sslobj is None:
            return super().recv(buflen, flags)
        if flags != 0:
            self._refuse_flags("recv")
        return self.read(buflen)  # type: ignore[return-value]  # bytes without a buffer

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive plaintext into `buffer`, writable; one call at most one record (16384).

        :param nbytes: how many at most; None or 0: as many as the buffer holds.
        :param flags: must be 0.
        :returns: how many bytes; 0 after the peer's close_notify.
        :raises SSLWantReadError, socket.timeout, SSLEOFError: as for `recv`.

        Source: `ssl.SSLSocket.recv_into`; SSL_read(3).
        """
        if nbytes is None:
            if type(buffer) is bytearray:
                nbytes = len(buffer)
            elif type(buffer) is memoryview:
                nbytes = buffer.nbytes
            elif buffer is not None:
                with memoryview(buffer) as view:
                    nbytes = view.nbytes
            nbytes = nbytes or 1024
        if self._sslobj is None:
            return super().recv_into(buffer, nbytes, flags)
        if flags != 0:
            self._refuse_flags("recv_into")
        return self.read(nbytes, buffer)  # type: ignore[return-value]  # int with a buffer

    def send(self, data: Any, flags: int = 0) -> int:
        """Send `data`, bytes-like: all of it or, when non-blocking, as much as there is room for.

        :param flags: must be 0.
        :returns: how many bytes were taken.
        :raises SSLWantWriteError: non-blocking, and the socket takes no more; repeat the call
            with the same bytes.
        :raises socket.timeout: `gettimeout()` seconds have passed.

        Source: `ssl.SSLSocket.send`; SSL_write(3).
        """
        if self._sslobj is None:
            return super().send(data, flags)
        if flags != 0:
            self._refuse_flags("send")
        return self.write(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of `data`, bytes-like.

        :param flags: must be 0.
        :raises SSLWantWriteError: non-blocking, and the socket takes no more.
        :raises socket.timeout: `gettimeout()` seconds have passed; nobody knows how much was sent.
        :raises OverflowError: more than 2 GiB at once; a memoryview of them goes in pieces.

        Source: `ssl.SSLSocket.sendall`; SSL_write(3).
        """
        connection = self._sslobj
        if connection is None:
            super().sendall(data, flags)
            return
        if flags != 0:
            self._refuse_flags("sendall")
        if type(data) is bytes and 0 < len(data) <= RECORD:
            self._write(connection, data, len(data))
            return
        if isinstance(data, memoryview) or self.gettimeout() == 0:
            # In pieces, since C is given a copy of a read-only view
            with memoryview(data) as view, view.cast("B") as octets:
                self._write_pieces(connection, octets)
            return
        source, size = readable(data)
        if size > INT_MAX:
            raise OverflowError(f"string longer than {INT_MAX} bytes")
        if size:
            self._write(connection, source, size)

    def _refuse_flags(self, method: str) -> None:
        raise ValueError(f"non-zero flags not allowed in calls to {method}() on {self.__class__}")

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file opened in binary mode; by the kernel, where OP_ENABLE_KTLS has made it do so.

        :param offset: where to start, bytes.
        :param count: how many bytes; None: to the end.
        :returns: how many bytes were sent.

        Source: `ssl.SSLSocket.sendfile`; SSL_sendfile(3).
        """
        connection = self._sslobj
        if connection is None:
            return super().sendfile(file, offset, count)
        sent = sendfile(self, connection, file, offset, count)
        if sent is not None:
            return sent
        return self._sendfile_use_send(file, offset, count)  # type: ignore[attr-defined,no-any-return]

    @wraps(_socket.socket.makefile)  # its signature
    def makefile(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]  # overloads
        """A file object on the connection, as `socket.socket.makefile` makes it.

        Source: `socket.socket.makefile`.
        """
        file = super().makefile(*args, **kwargs)
        hasten(file)
        return file

    # --- what TLS has no place for

    def dup(self) -> Any:
        """Refused: two sockets cannot share one TLS connection. Source: `ssl.SSLSocket.dup`."""
        raise NotImplementedError(f"Can't dup() {self.__class__.__name__} instances")

    def sendto(self, data: Any, flags_or_addr: Any, addr: Any = None) -> int:
        """Refused under TLS. Source: `ssl.SSLSocket.sendto`."""
        self._refuse("sendto")
        if addr is None:
            return super().sendto(data, flags_or_addr)
        return super().sendto(data, flags_or_addr, addr)

    def recvfrom(self, buflen: int = 1024, flags: int = 0) -> tuple[bytes, Any]:
        """Refused under TLS. Source: `ssl.SSLSocket.recvfrom`."""
        self._refuse("recvfrom")
        return super().recvfrom(buflen, flags)

    def recvfrom_into(
        self, buffer: Any, nbytes: int | None = None, flags: int = 0
    ) -> tuple[int, Any]:
        """Refused under TLS. Source: `ssl.SSLSocket.recvfrom_into`."""
        self._refuse("recvfrom_into")
        return super().recvfrom_into(buffer, nbytes or 0, flags)

    def recvmsg(self, *args: Any, **kwargs: Any) -> Any:
        """Refused. Source: `ssl.SSLSocket.recvmsg`."""
        raise NotImplementedError(f"recvmsg not allowed on instances of {self.__class__}")

    def recvmsg_into(self, *args: Any, **kwargs: Any) -> Any:
        """Refused. Source: `ssl.SSLSocket.recvmsg_into`."""
        raise NotImplementedError(f"recvmsg_into not allowed on instances of {self.__class__}")

    def sendmsg(self, *args: Any, **kwargs: Any) -> Any:
        """Refused. Source: `ssl.SSLSocket.sendmsg`."""
        raise NotImplementedError(f"sendmsg not allowed on instances of {self.__class__}")

    def _refuse(self, method: str) -> None:
        if self._sslobj is not None:
            raise ValueError(f"{method} not allowed on instances of {self.__class__}")

    # --- the life of a connection

    def _check_connected(self) -> None:
        if not self._connected:
            # Raises ENOTCONN, or tells that there is a peer by now
            self.getpeername()

    def connect(self, addr: Any) -> None:
        """Connect to `addr`, then shake hands unless `do_handshake_on_connect` is false.

        :raises ValueError: on a server's side, or already connected.
        :raises OSError, SSLError: it failed.

        Source: `ssl.SSLSocket.connect`.
        """
        self._real_connect(addr, False)

    def connect_ex(self, addr: Any) -> int:
        """`connect`, but an error of the connection is returned: its errno, or 0.

        Source: `ssl.SSLSocket.connect_ex`.
        """
        return self._real_connect(addr, True)

    def _real_connect(self, addr: Any, connect_ex: bool) -> int:
        if self.server_side:
            raise ValueError("can't connect in server-side mode")
        if self._connected or self._sslobj is not None:
            raise ValueError("attempt to connect already-connected SSLSocket!")
        connection = self._engine(Connection, self.server_side, self.server_hostname, self._session)
        code = 0
        try:
            if connect_ex:
                code = super().connect_ex(addr)
            else:
                super().connect(addr)
            self._attach(connection)
            if not code:
                self._connected = True
                if self.do_handshake_on_connect:
                    self.do_handshake()
        except (OSError, ValueError):
            self._detach()
            raise
        return code

    def accept(self) -> tuple[SSLSocket, Any]:
        """Accept a connection, and wrap it with the settings of this socket.

        :returns: the connection and the peer's address.

        Source: `ssl.SSLSocket.accept`.
        """
        sock, addr = super().accept()
        wrapped = self._context.wrap_socket(
            sock,
            do_handshake_on_connect=self.do_handshake_on_connect,
            suppress_ragged_eofs=self.suppress_ragged_eofs,
            server_side=True,
        )
        return wrapped, addr

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; on a connected socket it is done.

        :param block: on a non-blocking socket, wait for ever.
        :raises SSLWantReadError, SSLWantWriteError: non-blocking, and not done yet.
        :raises socket.timeout: `gettimeout()` seconds have passed.
        :raises SSLCertVerificationError: the peer was not believed.
        :raises SSLError: it failed.

        Source: `ssl.SSLSocket.do_handshake`; SSL_do_handshake(3).
        """
        self._check_connected()
        connection: Any = self._sslobj
        timeout = self.gettimeout()
        if connection is None:
            super().settimeout(timeout)  # a closed socket is a bad descriptor
        try:
            if timeout == 0.0 and block:
                self.settimeout(None)
            self._drive(connection, connection.do_handshake, verb="handshake")
        finally:
            if timeout == 0.0 and block:
                self.settimeout(timeout)

    def unwrap(self) -> _socket.socket:
        """Close TLS, with the peer's close_notify awaited, and leave the connection open.

        :returns: the socket to go on with in plain text: this one.
        :raises ValueError: there is no TLS on the socket.
        :raises SSLError, socket.timeout: as for `recv`.

        Source: `ssl.SSLSocket.unwrap`; SSL_shutdown(3).
        """
        connection = self._sslobj
        if connection is None:
            raise ValueError(f"No SSL wrapper around {self}")
        self._drive(connection, connection.shutdown)
        self._detach()
        return self

    def shutdown(self, how: int) -> None:
        """Shut down the connection, without close_notify; TLS is over with it.

        :param how: SHUT_RD, SHUT_WR or SHUT_RDWR.

        Source: `ssl.SSLSocket.shutdown`.
        """
        super().shutdown(how)
        self._detach()
