"""The questions that `SSLSocket` and `SSLObject` answer alike."""

from __future__ import annotations

import sys
from weakref import ref

from ._arguments import address, c_int, let_go, writable
from ._callbacks import Hooks
from ._change import Shared
from ._features import LOSES_HOST_FLAGS
from ._protocol import check_side, no_npn
from ._types import Any, TypeVar
from ._verification import set_host_flags
from .connection import Connection
from .constants import CHANNEL_BINDING_TYPES
from .session import SSLSession
from .x509 import DER

_C = TypeVar("_C", bound=Connection)

_octets: Any = bytes if sys.version_info >= (3, 13) else DER


def check_arguments(
    context: Any, server_side: bool, server_hostname: Any, session: SSLSession | None
) -> None:
    """Refuse arguments of a connection that do not fit each other.

    :raises ValueError: they do not.
    """
    if server_side:
        if server_hostname:
            raise ValueError("server_hostname can only be specified in client mode")
        if session is not None:
            raise ValueError("session can only be specified in client mode")
    if context._check_hostname and not server_hostname:
        raise ValueError("check_hostname requires server_hostname")


class Facts:
    """What a handshake has settled. `_sslobj` is the engine; a socket may be without one."""

    __slots__ = ()

    _sslobj: Any
    _context: Any
    _session: Any  # SSLSession | None

    def _engine(
        self,
        engine: type[_C],
        server_side: bool,
        server_hostname: str | None,
        session: SSLSession | None,
    ) -> _C:
        """A connection of the context that speaks to nobody yet."""
        context = self._context
        check_side(context._protocol, server_side)
        connection = engine(
            context._handle,
            context._hooks,
            server_side,
            server_hostname,
            context._check_hostname,
            context._post_handshake_auth,
        )
        connection._owner = ref(self)
        if LOSES_HOST_FLAGS:
            set_host_flags(connection.ptr, context._host_flags)
        if session is not None:
            connection.session = session
        return connection

    def _check_connected(self) -> None:
        """A socket raises OSError here when it has no peer."""

    def _drive(self, connection: Connection, operation: Any, *arguments: Any) -> Any:
        """The result of an engine's operation; a subclass decides what becomes of a Want."""
        raise NotImplementedError

    def _read(self, connection: Connection, size: int, buffer: Any) -> Any:
        """Up to `size` bytes, or how many there are now in `buffer`."""
        size = c_int(size)
        if buffer is None:
            if size <= 0:
                if size < 0:
                    raise ValueError("size should not be negative")
                return b""
            return self._drive(connection, connection.read, size)
        view = writable(buffer)
        if size <= 0 or size > view.nbytes:
            size = view.nbytes
        if not size:
            return 0
        size = c_int(size)
        room = address(view)
        try:
            return self._drive(connection, connection.read_into, room, size)
        except BaseException:
            let_go(room)
            view.release()
            raise

    @property
    def context(self) -> Any:
        """The `SSLContext`. Setting it, from an SNI callback, changes certificate and callbacks.

        :raises TypeError: on setting: no context.
        :raises ValueError: a certificate has been chosen, and the handshake goes on with it.

        Source: `ssl.SSLSocket.context`; SSL_set_SSL_CTX(3).
        """
        return self._context

    @context.setter
    def context(self, context: Any) -> None:
        handle, hooks = getattr(context, "_handle", None), getattr(context, "_hooks", None)
        if not isinstance(handle, Shared) or not isinstance(hooks, Hooks):
            raise TypeError("The value must be a SSLContext")
        connection: Connection | None = self._sslobj
        if connection is not None:
            with connection._lock:
                connection.expect_context(handle)
                connection.set_context(handle, hooks)
        self._context = context

    @property
    def session(self) -> SSLSession | None:
        """The session, to be resumed by another client connection of the same context.

        A TLS 1.3 session that can be resumed is there once the server's ticket has been read.
        Setting it is for clients, before the handshake.

        :raises TypeError, ValueError: on setting: no session, another context's, a server's side,
            or too late.

        Source: `ssl.SSLSocket.session`; SSL_get1_session(3), SSL_set_session(3).
        """
        connection: Connection | None = self._sslobj
        return connection.session if connection is not None else None

    @session.setter
    def session(self, session: SSLSession) -> None:
        self._session = session
        if self._sslobj is not None:
            self._sslobj.session = session

    @property
    def session_reused(self) -> bool | None:
        """Whether the handshake resumed a session; None without TLS.

        Source: `ssl.SSLSocket.session_reused`; SSL_session_reused(3).
        """
        connection: Connection | None = self._sslobj
        return connection.session_reused if connection is not None else None

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The peer's certificate.

        :param binary_form: as DER bytes, instead of a dict.
        :returns: None when the peer sent none; an empty dict when it was not verified.
        :raises ValueError: before the handshake is done.

        Source: `ssl.SSLSocket.getpeercert`; SSL_get1_peer_certificate(3); RFC 5280 §4.
        """
        self._check_connected()
        return self._sslobj.getpeercert(binary_form)

    def get_verified_chain(self) -> list[bytes]:
        """The verified chain as DER, from the peer's certificate to the root.

        :raises NotImplementedError: before OpenSSL 1.1.0.

        Source: `ssl.SSLSocket.get_verified_chain`; SSL_get0_verified_chain(3).
        """
        return [_octets(cert._der()) for cert in self._sslobj.get_verified_chain() or ()]

    def get_unverified_chain(self) -> list[bytes]:
        """The chain as the peer has sent it, as DER, its own certificate first.

        Source: `ssl.SSLSocket.get_unverified_chain`; SSL_get_peer_cert_chain(3).
        """
        return [_octets(cert._der()) for cert in self._sslobj.get_unverified_chain() or ()]

    def selected_npn_protocol(self) -> None:
        """None: NPN is gone. Source: `ssl.SSLSocket.selected_npn_protocol`."""
        no_npn()

    def selected_alpn_protocol(self) -> str | None:
        """The protocol agreed on by ALPN; None when there is none.

        Source: `ssl.SSLSocket.selected_alpn_protocol`; RFC 7301.
        """
        connection: Connection | None = self._sslobj
        return connection.selected_alpn_protocol() if connection is not None else None

    def cipher(self) -> tuple[str, str, int] | None:
        """The cipher's name, the version that defines it, its secret bits; None without TLS.

        Source: `ssl.SSLSocket.cipher`; SSL_get_current_cipher(3).
        """
        connection: Connection | None = self._sslobj
        return connection.cipher() if connection is not None else None

    def group(self) -> str | None:
        """The name of the key agreement's group; None without TLS.

        :raises NotImplementedError: before OpenSSL 3.2.

        Source: `ssl.SSLSocket.group`; SSL_get0_group_name(3).
        """
        connection: Connection | None = self._sslobj
        return connection.group() if connection is not None else None

    def client_sigalg(self) -> str | None:
        """The algorithm of the client's signature; None when it did not sign.

        :raises NotImplementedError: before OpenSSL 3.5.

        Source: `ssl.SSLSocket.client_sigalg`; SSL_get0_signature_name(3).
        """
        connection: Connection | None = self._sslobj
        return connection.client_sigalg() if connection is not None else None

    def server_sigalg(self) -> str | None:
        """The algorithm of the server's signature; None when it did not sign.

        :raises NotImplementedError: before OpenSSL 3.5.

        Source: `ssl.SSLSocket.server_sigalg`; SSL_get0_peer_signature_name(3).
        """
        connection: Connection | None = self._sslobj
        return connection.server_sigalg() if connection is not None else None

    def shared_ciphers(self) -> list[tuple[str, str, int]] | None:
        """On a server: what both sides could use, as `cipher` has it. None on a client.

        Before Python 3.10: what this side could use, on either.

        Source: `ssl.SSLSocket.shared_ciphers`; SSL_get_client_ciphers(3).
        """
        connection: Connection | None = self._sslobj
        return connection.shared_ciphers() if connection is not None else None

    def compression(self) -> str | None:
        """The name of the compression, None without.

        Source: `ssl.SSLSocket.compression`; SSL_get_current_compression(3).
        """
        connection: Connection | None = self._sslobj
        return connection.compression() if connection is not None else None

    def pending(self) -> int:
        """How many decrypted bytes can be read without waiting.

        Source: `ssl.SSLSocket.pending`; SSL_pending(3).
        """
        connection: Connection | None = self._sslobj
        return connection.pending() if connection is not None else 0

    def version(self) -> str | None:
        """The protocol's version, such as ``"TLSv1.3"``; None before the handshake is done.

        Source: `ssl.SSLSocket.version`; SSL_get_version(3).
        """
        connection: Connection | None = self._sslobj
        return connection.version() if connection is not None else None

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """The bytes that bind another protocol's authentication to this connection.

        :raises ValueError: `cb_type` is none of CHANNEL_BINDING_TYPES.

        Source: `ssl.SSLSocket.get_channel_binding`; RFC 5929 §3.
        """
        connection: Connection | None = self._sslobj
        if connection is not None and not isinstance(cb_type, str):
            raise TypeError(f"argument 'cb_type' must be str, not {type(cb_type).__name__}")
        if cb_type not in CHANNEL_BINDING_TYPES:
            name = f"'{cb_type}'" if connection is not None else cb_type
            raise ValueError(f"{name} channel binding type not implemented")
        return connection.get_channel_binding() if connection is not None else None

    def verify_client_post_handshake(self) -> None:
        """On a TLS 1.3 server: ask the client for its certificate; it comes with a later read.

        :raises SSLError: the client does not allow it, or it is no TLS 1.3 server.
        :raises NotImplementedError: before OpenSSL 1.1.1.
        :raises ValueError: there is no TLS.

        Source: `ssl.SSLSocket.verify_client_post_handshake`; RFC 8446 §4.6.2.
        """
        connection: Connection | None = self._sslobj
        if connection is None:
            raise ValueError(f"No SSL wrapper around {self}")
        connection.verify_client_post_handshake()
