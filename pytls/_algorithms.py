"""Which algorithms a context allows: one part of `SSLContext`."""

from __future__ import annotations

from ctypes import string_at

from . import _credentials
from . import _features as features
from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._agreed import cipher_details, ciphers, stack
from ._arguments import path, text
from ._change import replace
from ._queue import from_queue, take
from ._types import Any
from .errors import SSLError


class Algorithms:
    """Ciphers, groups and signature algorithms."""

    _handle: Any

    @property
    def security_level(self) -> int:
        """0 to 5: the higher, the stronger a key or algorithm must be.

        :raises NotImplementedError: before OpenSSL 1.1.0.

        Source: `ssl.SSLContext.security_level`; SSL_CTX_get_security_level(3).
        """
        return int(libssl.SSL_CTX_get_security_level(self._handle.ptr))

    def set_ciphers(self, cipherlist: str, /) -> None:
        """Allow the ciphers of TLS 1.2 and below that the list names, in its order.

        :param cipherlist: names and words such as ``"HIGH:!aNULL"``, colons between them.
        :raises SSLError: it names none that there is.

        Source: `ssl.SSLContext.set_ciphers`; openssl-ciphers(1).
        """
        names = text(cipherlist, "set_ciphers")
        if not replace(self._handle, libssl.SSL_CTX_set_cipher_list, names):
            take()
            raise SSLError("No cipher can be selected.")

    def get_ciphers(self) -> list[dict[str, Any]]:
        """The allowed ciphers, the preferred first. Source: `ssl.SSLContext.get_ciphers`."""
        return [cipher_details(cipher) for cipher in ciphers(self._handle)]

    def set_ciphersuites(self, ciphersuites: str, /) -> None:
        """Allow the TLS 1.3 cipher suites that the list names, colons between them.

        :raises SSLError: one of them is unknown.
        :raises NotImplementedError: before OpenSSL 1.1.1.

        Source: `ssl.SSLContext.set_ciphersuites`; SSL_CTX_set_ciphersuites(3).
        """
        names = text(ciphersuites, "set_ciphersuites")
        if not replace(self._handle, libssl.SSL_CTX_set_ciphersuites, names):
            take()
            raise SSLError("No cipher suite can be selected.")

    def set_ecdh_curve(self, name: Any, /) -> None:
        """Allow this one curve for elliptic-curve key agreement.

        :param name: OpenSSL's short name, str or bytes, such as ``"prime256v1"``.
        :raises ValueError: there is no such curve.
        :raises SSLError: it is not for key agreement.

        Source: `ssl.SSLContext.set_ecdh_curve`; SSL_CTX_set1_groups(3).
        """
        encoded = path(name, "name")
        nid = libcrypto.OBJ_sn2nid(encoded)
        if not nid:
            raise ValueError(f"unknown elliptic curve name {name!r}")
        if not replace(self._handle, libssl.SSL_CTX_set1_groups, nid):
            raise from_queue()

    def set_groups(self, grouplist: str, /) -> None:
        """Allow the key agreement's groups that the list names, colons between them.

        :raises SSLError: one of them is unknown.

        Source: `ssl.SSLContext.set_groups`; SSL_CTX_set1_groups_list(3).
        """
        names = text(grouplist, "set_groups")
        if not replace(self._handle, libssl.SSL_CTX_set1_groups_list, names):
            take()
            raise SSLError("unrecognized group")

    def get_groups(self, *, include_aliases: bool = False) -> list[str]:
        """The names of the groups there are for this context's versions.

        :param include_aliases: whether to give a group's other names too.
        :raises NotImplementedError: before OpenSSL 3.5.

        Source: `ssl.SSLContext.get_groups`; SSL_CTX_get0_implemented_groups(3).
        """
        if not features.HAS_GET_GROUPS:
            raise features.needs("Getting implemented groups", (3, 5, 0))
        names = libcrypto.OPENSSL_sk_new_null()
        if not names:
            raise MemoryError("OPENSSL_sk_new_null failed")
        try:
            if not libssl.SSL_CTX_get0_implemented_groups(
                self._handle.ptr, bool(include_aliases), names
            ):
                raise from_queue()
            return [string_at(name).decode("ascii") for name in stack(names)]
        finally:
            libcrypto.OPENSSL_sk_free(names)

    def set_client_sigalgs(self, sigalgslist: str, /) -> None:
        """Allow these signature algorithms for client authentication, colons between them.

        :raises SSLError: one of them is unknown.

        Source: `ssl.SSLContext.set_client_sigalgs`; SSL_CTX_set1_client_sigalgs_list(3).
        """
        names = text(sigalgslist, "set_client_sigalgs")
        if not replace(self._handle, libssl.SSL_CTX_set1_client_sigalgs_list, names):
            take()
            raise SSLError("unrecognized signature algorithm")

    def set_server_sigalgs(self, sigalgslist: str, /) -> None:
        """Allow these signature algorithms for server authentication, colons between them.

        :raises SSLError: one of them is unknown.

        Source: `ssl.SSLContext.set_server_sigalgs`; SSL_CTX_set1_sigalgs_list(3).
        """
        names = text(sigalgslist, "set_server_sigalgs")
        if not replace(self._handle, libssl.SSL_CTX_set1_sigalgs_list, names):
            take()
            raise SSLError("unrecognized signature algorithm")

    def load_dh_params(self, path: Any, /) -> None:
        """Take Diffie-Hellman parameters from the PEM file `path`.

        :raises OSError: it cannot be read.
        :raises SSLError: there are none in it, or they are too weak.

        Source: `ssl.SSLContext.load_dh_params`; SSL_CTX_set_tmp_dh(3).
        """
        _credentials.load_dh_params(self._handle, path)


def get_sigalgs() -> list[str]:
    """The names of the signature algorithms there are.

    :raises NotImplementedError: before OpenSSL 3.4.

    Source: `ssl.get_sigalgs`; SSL_get1_builtin_sigalgs(3).
    """
    if not libssl.SSL_get1_builtin_sigalgs:
        raise features.needs("Getting signature algorithms", (3, 4, 0))
    names = libssl.SSL_get1_builtin_sigalgs(None)
    if not names:
        raise from_queue()
    try:
        return string_at(names).decode("ascii").split(":")
    finally:
        libcrypto.OPENSSL_free(names)
