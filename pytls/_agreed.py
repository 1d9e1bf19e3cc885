"""What the two sides of a connection have agreed on, and who the peer is."""

from __future__ import annotations

from ctypes import byref, c_int, c_uint, c_void_p, create_string_buffer, string_at

from . import _features as features
from . import _libcrypto as libcrypto
from . import _libssl as libssl
from . import _python as python
from ._change import Shared
from ._queue import from_queue
from ._types import Any, Tuple
from .constants import TLSVersion
from .session import SSLSession
from .x509 import Certificate, decode

Cipher = Tuple[str, str, int]

_CIPHER_NAMES_MOST = 8192

_FINISHED_MOST = 128
"""More than any Finished message's bytes. RFC 5246 §7.4.9"""


class Agreed:
    """The questions that can be put to a connection; each takes its lock."""

    __slots__ = ("_given",)

    ptr: Any
    _lock: Any
    _owner: Any
    ctx: Shared
    hooks: Any
    server_side: bool
    in_callback: Any
    sni_unheard: Any
    #: the contexts that it was given later
    _given: list[Shared]
    #: what getpeercert() tells, where it cannot change any more
    _told: dict[str, Any] | None

    # --- the peer

    def getpeercert(self, binary_form: bool) -> Any:
        """`ssl.SSLSocket.getpeercert`; SSL_get1_peer_certificate(3)"""
        if self._told is not None and not binary_form:
            return dict(self._told)
        with self._lock:
            if not libssl.SSL_is_init_finished(self.ptr):
                raise ValueError("handshake not done yet")
            address = libssl.SSL_get1_peer_certificate(self.ptr)
            if not address:
                return None
            encoded = Certificate._of(address)._der()
            if binary_form:
                return encoded
            if not libssl.SSL_get_verify_mode(self.ptr) & libssl.SSL_VERIFY_PEER:
                return {}
            # A server's is settled by then: TLS 1.3 has no renegotiation. RFC 8446 §1.2
            settled = not self.server_side and libssl.SSL_version(self.ptr) >= TLSVersion.TLSv1_3
        told = decode(encoded)
        if settled:
            self._told = told  # type: ignore[misc]  # the slot is the connection's
        return dict(told)

    def get_verified_chain(self) -> list[Certificate] | None:
        """From the peer's certificate to the root. SSL_get0_verified_chain(3)"""
        with self._lock:
            return _chain(libssl.SSL_get0_verified_chain(self.ptr))

    def get_unverified_chain(self) -> list[Certificate] | None:
        """What the peer has sent, its own certificate first. SSL_get_peer_cert_chain(3)"""
        with self._lock:
            chain = _chain(libssl.SSL_get_peer_cert_chain(self.ptr))
            if chain is None or not self.server_side:
                return chain
            # A server's chain is without the client's own certificate
            address = libssl.SSL_get1_peer_certificate(self.ptr)
            return [Certificate._of(address), *chain] if address else chain

    def _peer_has_closed(self) -> bool:
        """Whether the peer has closed TLS in order, and we have not."""
        return bool(libssl.SSL_get_shutdown(self.ptr) == libssl.SSL_RECEIVED_SHUTDOWN)

    def _allow_post_handshake_auth(self) -> None:
        if not self.server_side:
            libssl.SSL_set_post_handshake_auth(self.ptr, 1)
            return
        mode = libssl.SSL_get_verify_mode(self.ptr)
        if mode & libssl.SSL_VERIFY_PEER:
            libssl.SSL_set_verify(self.ptr, mode | libssl.SSL_VERIFY_POST_HANDSHAKE, None)

    def verify_client_post_handshake(self) -> None:
        """Ask a TLS 1.3 client for its certificate. SSL_verify_client_post_handshake(3)"""
        if not features.HAS_PHA:
            raise features.needs("Post-handshake auth", (1, 1, 1))
        with self._lock:
            if libssl.SSL_verify_client_post_handshake(self.ptr) == 0:
                raise from_queue()

    # --- the context

    @property
    def context(self) -> Any:
        """The `SSLContext`, which the owner keeps alive."""
        return self.hooks.context()

    @property
    def owner(self) -> Any:
        """The SSLSocket or SSLObject, for callbacks; None when it is gone."""
        return self._owner()

    def expect_context(self, ctx: Shared) -> None:
        """Be ready to get the settings of `ctx`, which lives as long as the connection then.

        Names that are told stand in the memory of the context that they were agreed on with.

        :raises ValueError: a handshake has chosen a certificate of the present one, and uses it.
        """
        if self.in_callback is True:
            may_be_chosen = not self.sni_unheard
        else:
            may_be_chosen = libssl.SSL_want(self.ptr) == libssl.SSL_WRITING
            may_be_chosen &= not libssl.SSL_is_init_finished(self.ptr)
        if may_be_chosen:
            raise ValueError("Cannot set context within handshake.")
        given = getattr(self, "_given", [])
        if ctx not in given:
            self._given = [*given, ctx]

    # --- version and ciphers

    def version(self) -> str | None:
        """`ssl.SSLSocket.version`; SSL_get_version(3)"""
        with self._lock:
            if not libssl.SSL_is_init_finished(self.ptr):
                return None
            name: str = libssl.SSL_get_version(self.ptr).decode("ascii")
        return None if name == "unknown" else name

    def cipher(self) -> Cipher | None:
        """`ssl.SSLSocket.cipher`; SSL_get_current_cipher(3)"""
        with self._lock:
            cipher = libssl.SSL_get_current_cipher(self.ptr)
            return describe_cipher(cipher) if cipher else None

    def shared_ciphers(self) -> list[Cipher] | None:
        """`ssl.SSLSocket.shared_ciphers`; SSL_get_client_ciphers(3)"""
        if python.OWN_CIPHERS:
            return [describe_cipher(cipher) for cipher in ciphers(self.ctx)]
        if not libssl.SSL_get_client_ciphers:
            return self._shared_ciphers_by_name()
        with self._lock:
            theirs = set(stack(libssl.SSL_get_client_ciphers(self.ptr)))
        if not theirs:
            return None
        return [describe_cipher(cipher) for cipher in ciphers(self.ctx) if cipher in theirs]

    def _shared_ciphers_by_name(self) -> list[Cipher] | None:
        """In 1.0.2: SSL_get_shared_ciphers(3) gives a server the client's list."""
        room = create_string_buffer(_CIPHER_NAMES_MOST)
        with self._lock:
            names: bytes | None = None
            if self.server_side:
                names = libssl.SSL_get_shared_ciphers(self.ptr, room, len(room))
            if not names:
                return None
            known = set(names.decode("ascii").split(":"))
        ours = map(describe_cipher, ciphers(self.ctx))
        return [cipher for cipher in ours if cipher[0] in known]

    def compression(self) -> str | None:
        """`ssl.SSLSocket.compression`; SSL_get_current_compression(3)"""
        with self._lock:
            method = libssl.SSL_get_current_compression(self.ptr)
            name = libssl.SSL_COMP_get_name(method) if method else None
        return name.decode("ascii") if name else None

    def selected_alpn_protocol(self) -> str | None:
        """`ssl.SSLSocket.selected_alpn_protocol`; SSL_get0_alpn_selected(3)"""
        address = c_void_p()
        length = c_uint()
        with self._lock:
            libssl.SSL_get0_alpn_selected(self.ptr, byref(address), byref(length))
            if not address.value:
                return None
            return string_at(address.value, length.value).decode()

    def group(self) -> str | None:
        """`ssl.SSLSocket.group`; SSL_get0_group_name(3)"""
        if not libssl.SSL_get0_group_name:
            raise features.needs("Getting selected group", (3, 2, 0))
        with self._lock:
            if not libssl.SSL_is_init_finished(self.ptr):
                return None  # without a session, SSL_get0_group_name(3) follows a NULL pointer
            name = libssl.SSL_get0_group_name(self.ptr)
        return name.decode("ascii") if name else None

    def client_sigalg(self) -> str | None:
        """`ssl.SSLSocket.client_sigalg`; SSL_get0_signature_name(3)"""
        return self._sigalg("client", of_peer=self.server_side)

    def server_sigalg(self) -> str | None:
        """`ssl.SSLSocket.server_sigalg`; SSL_get0_peer_signature_name(3)"""
        return self._sigalg("server", of_peer=not self.server_side)

    def _sigalg(self, side: str, of_peer: bool) -> str | None:
        if not features.HAS_SIGNATURE_NAMES:
            raise features.needs(f"Getting {side} signature algorithm", (3, 5, 0))
        with self._lock:
            name = libssl.SSL_get0_signature_name(self.ptr, of_peer)
        return name.decode("ascii") if name else None

    def uses_ktls_for_send(self) -> bool:
        """Whether the kernel encrypts what is sent. BIO_get_ktls_send(3)"""
        with self._lock:
            return libcrypto.BIO_get_ktls_send(libssl.SSL_get_wbio(self.ptr))

    def uses_ktls_for_recv(self) -> bool:
        """Whether the kernel decrypts what is received. BIO_get_ktls_recv(3)"""
        with self._lock:
            return libcrypto.BIO_get_ktls_recv(libssl.SSL_get_rbio(self.ptr))

    def get_channel_binding(self) -> bytes | None:
        """The first Finished message of the handshake. RFC 5929 §3; SSL_get_finished(3)"""
        room = create_string_buffer(_FINISHED_MOST)
        with self._lock:
            if not libssl.SSL_is_init_finished(self.ptr):
                return None
            reused = bool(libssl.SSL_session_reused(self.ptr))
            # The client's is first, but in an abbreviated handshake
            if reused != self.server_side:
                length = libssl.SSL_get_peer_finished(self.ptr, room, _FINISHED_MOST)
            else:
                length = libssl.SSL_get_finished(self.ptr, room, _FINISHED_MOST)
        return room.raw[:length] if length else None

    # --- the session

    @property
    def session(self) -> SSLSession | None:
        """`ssl.SSLSocket.session`; SSL_get1_session(3)"""
        with self._lock:
            address = libssl.SSL_get1_session(self.ptr)
        return SSLSession._of(address, self.ctx) if address else None

    @session.setter
    def session(self, session: Any) -> None:
        if not isinstance(session, SSLSession):
            raise TypeError("Value is not a SSLSession.")
        if session._context is not self.ctx:
            raise ValueError("Session refers to a different SSLContext.")
        if self.server_side:
            raise ValueError("Cannot set session for server-side SSLSocket.")
        with self._lock:
            # In its midst, OpenSSL would go on with the session that it frees here
            if not libssl.SSL_in_before(self.ptr):
                raise ValueError("Cannot set session after handshake.")
            if not libssl.SSL_set_session(self.ptr, session._handle.ptr):
                raise from_queue()

    @property
    def session_reused(self) -> bool:
        """`ssl.SSLSocket.session_reused`; SSL_session_reused(3)"""
        with self._lock:
            return bool(libssl.SSL_session_reused(self.ptr))


def stack(address: Any) -> list[Any]:
    """The addresses in a `STACK_OF(…)`; all belong to the stack. DEFINE_STACK_OF(3)"""
    number = libcrypto.OPENSSL_sk_num(address)
    return [libcrypto.OPENSSL_sk_value(address, at) for at in range(number)]


def ciphers(ctx: Shared) -> list[Any]:
    """The addresses of the ciphers that the `SSL_CTX` allows, which are static.

    Their list is not: another thread may replace it, though a connection's lock is held where a
    callback asks. SSL_get_ciphers(3)
    """
    with ctx.copying:
        ssl = libssl.SSL_new(ctx.ptr)
        if not ssl:
            raise from_queue()
        try:
            return stack(libssl.SSL_get_ciphers(ssl))
        finally:
            libssl.SSL_free(ssl)


def describe_cipher(cipher: Any) -> Cipher:
    """A cipher's name, the version that defines it, and its secret bits. SSL_CIPHER_get_name(3)"""
    return (
        libssl.SSL_CIPHER_get_name(cipher).decode("ascii"),
        libssl.SSL_CIPHER_get_version(cipher).decode("ascii"),
        libssl.SSL_CIPHER_get_bits(cipher, None),
    )


def cipher_details(cipher: Any) -> dict[str, Any]:
    """A cipher as `ssl.SSLContext.get_ciphers` has it. SSL_CIPHER_description(3)"""
    name, protocol, bits = describe_cipher(cipher)
    alg_bits = c_int()
    libssl.SSL_CIPHER_get_bits(cipher, byref(alg_bits))
    room = create_string_buffer(512)
    text = libssl.SSL_CIPHER_description(cipher, room, len(room)).decode("ascii").rstrip("\n")
    details = {
        "id": libssl.SSL_CIPHER_get_id(cipher),
        "name": name,
        "protocol": protocol,
        "description": text,
        "strength_bits": bits,
        "alg_bits": alg_bits.value,
    }
    if libssl.SSL_CIPHER_is_aead:
        details["aead"] = bool(libssl.SSL_CIPHER_is_aead(cipher))
        details["symmetric"] = _long_name(libssl.SSL_CIPHER_get_cipher_nid(cipher))
        details["digest"] = _long_name(libssl.SSL_CIPHER_get_digest_nid(cipher))
        details["kea"] = _long_name(libssl.SSL_CIPHER_get_kx_nid(cipher))
        details["auth"] = _long_name(libssl.SSL_CIPHER_get_auth_nid(cipher))
    return details


def _long_name(nid: int) -> str | None:
    return libcrypto.OBJ_nid2ln(nid).decode("ascii") if nid else None


def _chain(addresses: Any) -> list[Certificate] | None:
    if not addresses:
        return None
    return [Certificate._of(_own(address)) for address in stack(addresses)]


def _own(x509: Any) -> Any:
    """One more reference to a certificate, or before 1.1.0 a copy. X509_up_ref(3)"""
    if not libcrypto.X509_up_ref:
        return libcrypto.X509_dup(x509)
    libcrypto.X509_up_ref(x509)
    return x509
