"""`SSLContext`: the settings, certificates and keys that connections share."""

from __future__ import annotations

import weakref

from . import _credentials
from . import _features as features
from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._algorithms import Algorithms
from ._arguments import as_bytes, c_int, text
from ._callbacks import (
    Hooks,
    close_keylog,
    open_keylog,
    set_psk_client_callback,
    set_psk_server_callback,
    trampoline,
)
from ._change import replace
from ._guise import guise, names
from ._later import Later
from ._protocol import DEPRECATED, deprecated, get_options, new_context, no_npn, set_options
from ._queue import refusal, take
from ._roots import Roots
from ._types import Any, Callable, Iterable
from ._verification import Verification
from ._versions import Versions
from .constants import (
    _DEFAULT_CIPHERS,
    HOSTFLAG_NO_PARTIAL_WILDCARDS,
    Options,
    VerifyFlags,
    VerifyMode,
    _SSLMethod,
)
from .errors import SSLError

_OP_DONT_INSERT_EMPTY_FRAGMENTS = 0x800

# What every context starts with, as C takes it: enums are slow to reckon with (benchmark context)
_OPTIONS = int(
    Options.OP_ALL & ~_OP_DONT_INSERT_EMPTY_FRAGMENTS
    | Options.OP_NO_COMPRESSION
    | Options.OP_CIPHER_SERVER_PREFERENCE
    | Options.OP_SINGLE_DH_USE
    | Options.OP_SINGLE_ECDH_USE
)
_OP_NO_SSLv3 = int(Options.OP_NO_SSLv3)
_TRUSTED_FIRST = int(VerifyFlags.VERIFY_X509_TRUSTED_FIRST)
_CIPHERS = features.cipher_list(_DEFAULT_CIPHERS)


# Half of an idle connection's memory is its buffers. No SSL_MODE_ENABLE_PARTIAL_WRITE: one
# SSL_write sends a whole buffer
_MODE = (
    libssl.SSL_MODE_RELEASE_BUFFERS
    | libssl.SSL_MODE_AUTO_RETRY
    | libssl.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
)


class SSLContext(Verification, Algorithms, Versions):
    """Settings, certificates and private keys for the connections made from it.

    :param protocol: one of PROTOCOL_*; PROTOCOL_TLS_CLIENT and PROTOCOL_TLS_SERVER are for
        today's programs, the first verifying the peer and its name.
    :raises ValueError: the library does not have `protocol`.

    Source: `ssl.SSLContext`; SSL_CTX_new(3).
    """

    __class__ = guise("SSLContext")
    __dir__ = names
    sslsocket_class: Any = Later("socket", "SSLSocket")
    sslobject_class: Any = Later("object", "SSLObject")

    _hooks: Hooks
    _protocol: int
    _post_handshake_auth: bool
    _keylog_filename: Any

    def __new__(cls, protocol: Any = None, *args: Any, **kwargs: Any) -> Any:
        """See the class."""
        if protocol is None:
            deprecated("ssl.SSLContext() without protocol argument is", end=".")
            protocol = _SSLMethod.PROTOCOL_TLS
        if protocol in DEPRECATED:
            deprecated(f"ssl.{_SSLMethod(protocol).name} is")
        return cls._make(protocol)

    @classmethod
    def _make(cls, protocol: Any) -> Any:
        """A context for `protocol`, without a word about its age."""
        self = super().__new__(cls)
        self._protocol = c_int(protocol)
        self._handle = new_context(self._protocol)
        self._roots = Roots(self._handle)
        self._hooks = Hooks(weakref.ref(self))
        self._check_hostname = False
        self._post_handshake_auth = False
        self._keylog_filename = None
        self._prepare()
        return self

    def __reduce__(self) -> str:
        # A copy would share the settings: to verify nobody by the one would be so by the other
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def _prepare(self) -> None:
        """Set what every context starts with."""
        ctx = self._handle.ptr
        options = _OPTIONS
        if self._protocol != _SSLMethod.PROTOCOL_SSLv2:
            options |= features.OP_NO_SSLv2
        if self._protocol != _SSLMethod.PROTOCOL_SSLv3:
            options |= _OP_NO_SSLv3
        set_options(self._handle, get_options(self._handle) | options)
        libssl.SSL_CTX_set_mode(ctx, _MODE)
        libssl.SSL_CTX_set_ecdh_auto(ctx)
        if not libssl.SSL_CTX_set_cipher_list(ctx, _CIPHERS):
            take()
            raise SSLError("No cipher can be selected.")
        param = libssl.SSL_CTX_get0_param(ctx)
        libcrypto.X509_VERIFY_PARAM_set_flags(param, _TRUSTED_FIRST)
        self._set_host_flags(HOSTFLAG_NO_PARTIAL_WILDCARDS)
        if self._protocol == _SSLMethod.PROTOCOL_TLS_CLIENT:
            self._set_verify_mode(VerifyMode.CERT_REQUIRED)
            self._check_hostname = True

    # --- connections

    def wrap_socket(
        self,
        sock: Any,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: str | None = None,
        session: Any = None,
    ) -> Any:
        """Take over the stream socket `sock` and put TLS on it.

        :param server_side: whether to accept the handshake instead of starting it. A socket that
            listens wraps what it accepts.
        :param do_handshake_on_connect: whether to shake hands now, or else in `connect`.
        :param suppress_ragged_eofs: whether an end without close_notify reads as ``b""``.
        :param server_hostname: the peer's name, for SNI and `check_hostname`.
        :param session: a session of this context to resume.
        :returns: an `SSLSocket`.
        :raises SSLError: the handshake failed.
        :raises socket.timeout: it took longer than the timeout of `sock`.
        :raises ValueError: arguments that do not fit each other.
        :raises NotImplementedError: `sock` is no stream socket.

        Source: `ssl.SSLContext.wrap_socket`.
        """
        return self.sslsocket_class._create(
            sock=sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=server_hostname,
            context=self,
            session=session,
        )

    def wrap_bio(
        self,
        incoming: Any,
        outgoing: Any,
        server_side: bool = False,
        server_hostname: str | None = None,
        session: Any = None,
    ) -> Any:
        """TLS through two `MemoryBIO`s: `incoming` from the peer, `outgoing` to it.

        :returns: an `SSLObject`.
        :raises ValueError: from Python 3.14 on: `check_hostname` without `server_hostname`, which
            before checks no name; or `server_hostname` or `session` on a server.

        Source: `ssl.SSLContext.wrap_bio`.
        """
        return self.sslobject_class._create(
            incoming,
            outgoing,
            server_side=server_side,
            server_hostname=self._encode_hostname(server_hostname),
            session=session,
            context=self,
        )

    def _encode_hostname(self, hostname: Any) -> str | None:
        """A name as the wire has it: ASCII, with IDNA's labels."""
        if hostname is None:
            return None
        # What it is, whatever a subclass of str says of itself
        if isinstance(hostname, str):
            return str.__str__(hostname).encode("idna").decode("ascii")
        return str.__str__(hostname.decode("ascii"))  # bytes, or AttributeError

    # --- credentials

    def load_cert_chain(
        self,
        certfile: Any,
        keyfile: Any = None,
        password: str | bytes | bytearray | Callable[[], Any] | None = None,
    ) -> None:
        """Show this certificate to peers.

        :param certfile: the path of a PEM file: the certificate, then those of its chain.
        :param keyfile: the private key's; by default it stands in `certfile`.
        :param password: of the key, or a function that returns it.
        :raises OSError: a file is missing.
        :raises SSLError: the key does not belong to the certificate, or there is none.

        Source: `ssl.SSLContext.load_cert_chain`; SSL_CTX_use_certificate_chain_file(3).
        """
        _credentials.load_cert_chain(self._handle, certfile, keyfile, password)

    # --- sessions

    def session_stats(self) -> dict[str, int]:
        """How many sessions were made, found and lost by this context, by counter's name.

        Source: `ssl.SSLContext.session_stats`; SSL_CTX_sess_number(3).
        """
        ctx = self._handle.ptr
        return {name: libssl.session_counter(ctx, name) for name in libssl.SESSION_COUNTERS}

    @property
    def num_tickets(self) -> int:
        """How many TLS 1.3 session tickets a server sends after a handshake.

        :raises ValueError: on setting: it is negative, or the context none of PROTOCOL_TLS_SERVER.
        :raises NotImplementedError: before OpenSSL 1.1.1.

        Source: `ssl.SSLContext.num_tickets`; SSL_CTX_set_num_tickets(3).
        """
        return int(libssl.SSL_CTX_get_num_tickets(self._handle.ptr))

    @num_tickets.setter
    def num_tickets(self, value: int) -> None:
        value = c_int(value)
        if value < 0:
            raise ValueError("value must be non-negative")
        if self._protocol != _SSLMethod.PROTOCOL_TLS_SERVER:
            raise ValueError("SSLContext is not a server context.")
        if libssl.SSL_CTX_set_num_tickets(self._handle.ptr, value) != 1:
            raise ValueError("failed to set num tickets.")

    @property
    def post_handshake_auth(self) -> bool:
        """Whether a TLS 1.3 server may ask for the client's certificate after the handshake.

        Source: `ssl.SSLContext.post_handshake_auth`; RFC 8446 §4.6.2.
        """
        return self._post_handshake_auth

    @post_handshake_auth.setter
    def post_handshake_auth(self, value: Any) -> None:
        self._post_handshake_auth = bool(value)

    # --- ALPN

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Offer these protocols, or as a server choose the first of them that is offered.

        :param alpn_protocols: ASCII names of 1 to 255 bytes, the preferred first.
        :raises SSLError: a name is too short or too long.

        Source: `ssl.SSLContext.set_alpn_protocols`; RFC 7301 §3.1.
        """
        wire = bytearray()
        for protocol in alpn_protocols:
            name = bytes(protocol, "ascii")
            if not 1 <= len(name) <= 255:
                raise SSLError("ALPN protocols must be 1 to 255 in length")
            wire.append(len(name))
            wire += name
        self._set_alpn_protocols(wire)

    def _set_alpn_protocols(self, protos: Any, /) -> None:
        wire = as_bytes(protos)
        ctx = self._handle.ptr
        # 0 means success
        if replace(self._handle, libssl.SSL_CTX_set_alpn_protos, wire, len(wire)) != 0:
            take()
            if wire:  # 1.0.2 finds no room for nothing, and offers nothing as it should
                raise MemoryError("SSL_CTX_set_alpn_protos failed")
        self._hooks.alpn = wire
        if self._protocol != _SSLMethod.PROTOCOL_TLS_CLIENT:
            libssl.SSL_CTX_set_alpn_select_cb(ctx, trampoline("alpn"), None)

    def set_npn_protocols(self, npn_protocols: Iterable[str]) -> None:
        """Nothing: NPN is gone, ALPN has taken its place.

        Source: `ssl.SSLContext.set_npn_protocols`.
        """
        no_npn()
        for protocol in npn_protocols:
            if not 1 <= len(bytes(protocol, "ascii")) <= 255:
                raise SSLError("NPN protocols must be 1 to 255 in length")

    # --- callbacks

    @property
    def sni_callback(self) -> Callable[..., Any] | None:
        """Called on a server with ``(socket, server name or None, context)`` for each ClientHello.

        It returns None to go on, or one of ALERT_DESCRIPTION_* to refuse, and may set the socket's
        `context`.

        :raises ValueError, TypeError: on setting: a client's context; not callable.

        Source: `ssl.SSLContext.sni_callback`; RFC 6066 §3.
        """
        return self._hooks.servername

    @sni_callback.setter
    def sni_callback(self, callback: Callable[..., Any] | None) -> None:
        if self._protocol == _SSLMethod.PROTOCOL_TLS_CLIENT:
            raise ValueError("sni_callback cannot be set on TLS_CLIENT context")
        if callback is not None and not callable(callback):
            raise TypeError("not a callable object")
        self._hooks.servername = callback
        function = None if callback is None else trampoline("servername")
        libssl.SSL_CTX_set_tlsext_servername_callback(self._handle.ptr, function)

    def set_servername_callback(self, server_name_callback: Callable[..., Any] | None) -> None:
        """`sni_callback`, with the name as U-labels are written.

        Source: `ssl.SSLContext.set_servername_callback`.
        """
        if server_name_callback is None:
            self.sni_callback = None
            return
        if not callable(server_name_callback):
            raise TypeError(f"{server_name_callback} is not callable.")
        function = server_name_callback

        def shim_cb(sslobj: Any, servername: str | None, sslctx: SSLContext) -> Any:
            return function(sslobj, self._encode_hostname(servername), sslctx)

        self.sni_callback = shim_cb

    @property
    def _msg_callback(self) -> Callable[..., Any] | None:
        """Called with each TLS message.

        Its arguments: the socket, ``"read"`` or ``"write"``, the version, the content type, the
        message type and the bytes. SSL_CTX_set_msg_callback(3)
        """
        return self._hooks.message

    @_msg_callback.setter
    def _msg_callback(self, callback: Callable[..., Any] | None) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"{callback} is not callable.")
        self._hooks.message = callback
        function = None if callback is None else trampoline("message")
        libssl.SSL_CTX_set_msg_callback(self._handle.ptr, function)

    @property
    def keylog_filename(self) -> Any:
        """The file that TLS secrets are appended to, for debugging; None: nowhere.

        :raises OSError: on setting: it cannot be written.
        :raises NotImplementedError: on setting, before OpenSSL 1.1.1.

        Source: `ssl.SSLContext.keylog_filename`; SSL_CTX_set_keylog_callback(3).
        """
        return self._keylog_filename

    @keylog_filename.setter
    def keylog_filename(self, filename: Any) -> None:
        ctx = self._handle.ptr
        libssl.SSL_CTX_set_keylog_callback(ctx, None)
        close_keylog(self._hooks)
        self._keylog_filename = None
        if filename is None:
            return
        self._hooks.keylog = open_keylog(filename)
        self._keylog_filename = filename
        libssl.SSL_CTX_set_keylog_callback(ctx, trampoline("keylog"))

    def set_psk_client_callback(self, callback: Callable[..., Any] | None) -> None:
        """Let a client choose a pre-shared key.

        :param callback: called with the server's hint, str or None; returns ``(identity, key)``,
            str or None and bytes. An empty key refuses.
        :raises SSLError: on a server's context.
        :raises NotImplementedError: the library was built without PSK.

        Source: `ssl.SSLContext.set_psk_client_callback`; RFC 4279.
        """
        self._check_psk(callback, _SSLMethod.PROTOCOL_TLS_SERVER, "client", "server")
        self._hooks.psk_client = callback
        set_psk_client_callback(self._handle.ptr, callback is not None)

    def set_psk_server_callback(
        self, callback: Callable[..., Any] | None, identity_hint: str | None = None
    ) -> None:
        """Let a server find a pre-shared key.

        :param callback: called with the client's identity, str or None; returns the key, bytes.
            An empty key refuses.
        :param identity_hint: what clients are told.
        :raises SSLError: on a client's context.
        :raises NotImplementedError: the library was built without PSK.
        :raises ValueError: the hint is too long.

        Source: `ssl.SSLContext.set_psk_server_callback`; RFC 4279.
        """
        self._check_psk(callback, _SSLMethod.PROTOCOL_TLS_CLIENT, "server", "client")
        hint = None if identity_hint is None else text(identity_hint, "set_psk_server_callback")
        if replace(self._handle, libssl.SSL_CTX_use_psk_identity_hint, hint) != 1:
            take()
            raise ValueError("failed to set identity hint")
        self._hooks.psk_server = callback
        set_psk_server_callback(self._handle.ptr, callback is not None)

    def _check_psk(self, callback: Any, refused: int, side: str, other: str) -> None:
        if not features.HAS_PSK:
            raise NotImplementedError(f"TLS-PSK is not supported by {features.OPENSSL_VERSION}")
        if self._protocol == refused:
            raise refusal(
                f"Cannot add PSK {side} callback to a PROTOCOL_TLS_{other.upper()} context"
            )
        if callback is not None and not callable(callback):
            raise TypeError("callback must be callable")
