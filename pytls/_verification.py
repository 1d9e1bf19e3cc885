"""Whom a context believes and what it demands of them: one part of `SSLContext`."""

from __future__ import annotations

import sys
import warnings

from . import _features as features
from . import _libcrypto as libcrypto
from . import _libssl as libssl
from . import _trust
from ._arguments import c_int, c_unsigned, path
from ._queue import from_queue, refusal
from ._roots import Roots
from ._types import Any
from .constants import HOSTFLAG_NEVER_CHECK_SUBJECT, VerifyFlags, VerifyMode
from .errors import SSLError
from .x509 import Purpose, _ASN1Object

_VERIFY_MODES = {
    VerifyMode.CERT_NONE: 0,
    VerifyMode.CERT_OPTIONAL: libssl.SSL_VERIFY_PEER,
    VerifyMode.CERT_REQUIRED: libssl.SSL_VERIFY_PEER | libssl.SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
}


class Verification:
    """How the peer's certificate and name are verified."""

    _handle: Any
    _check_hostname: bool
    _checks: int
    _roots: Roots

    _windows_cert_stores = ("CA", "ROOT")

    @property
    def verify_mode(self) -> VerifyMode:
        """Whether the peer's certificate is asked for and must be valid: one of CERT_*.

        :raises ValueError: on setting: none of them, or CERT_NONE while `check_hostname` is on.

        Source: `ssl.SSLContext.verify_mode`; SSL_CTX_set_verify(3).
        """
        mode = libssl.SSL_CTX_get_verify_mode(self._handle.ptr)
        for member, bits in _VERIFY_MODES.items():
            if bits == mode:
                return member
        raise SSLError("invalid return value from SSL_CTX_get_verify_mode")

    @verify_mode.setter
    def verify_mode(self, value: int) -> None:
        value = c_int(value)
        if value not in _VERIFY_MODES:
            raise ValueError("invalid value for verify_mode")
        if value == VerifyMode.CERT_NONE and self._check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._set_verify_mode(VerifyMode(value))

    def _set_verify_mode(self, value: VerifyMode) -> None:
        """The same, unchecked, and not the property of a subclass, whose `__init__` is to come."""
        libssl.SSL_CTX_set_verify(self._handle.ptr, _VERIFY_MODES[value], None)

    @property
    def verify_flags(self) -> VerifyFlags:
        """VERIFY_* flags. Source: `ssl.SSLContext.verify_flags`; X509_VERIFY_PARAM_set_flags(3)."""
        param = libssl.SSL_CTX_get0_param(self._handle.ptr)
        return VerifyFlags(libcrypto.X509_VERIFY_PARAM_get_flags(param))

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        value = c_unsigned(value, 8 * features.SIZEOF_LONG)
        param = libssl.SSL_CTX_get0_param(self._handle.ptr)
        present: int = libcrypto.X509_VERIFY_PARAM_get_flags(param)
        if present & ~value and not libcrypto.X509_VERIFY_PARAM_clear_flags(
            param, present & ~value
        ):
            raise from_queue()
        if value & ~present and not libcrypto.X509_VERIFY_PARAM_set_flags(param, value & ~present):
            raise from_queue()

    @property
    def check_hostname(self) -> bool:
        """Whether the peer's certificate must bear `server_hostname`.

        That takes CERT_REQUIRED or CERT_OPTIONAL: setting it turns CERT_NONE into CERT_REQUIRED.

        Source: `ssl.SSLContext.check_hostname`; X509_VERIFY_PARAM_set1_host(3).
        """
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value: Any) -> None:
        value = bool(value)
        if value and not libssl.SSL_CTX_get_verify_mode(self._handle.ptr):
            self._set_verify_mode(VerifyMode.CERT_REQUIRED)
        self._check_hostname = value

    @property
    def _host_flags(self) -> int:
        return self._checks

    @_host_flags.setter
    def _host_flags(self, value: int) -> None:
        self._set_host_flags(c_unsigned(value, 32))

    def _set_host_flags(self, value: int) -> None:
        if value & HOSTFLAG_NEVER_CHECK_SUBJECT and not features.HAS_NEVER_CHECK_COMMON_NAME:
            raise features.needs("Not to check the common name", (1, 1, 0))
        libcrypto.X509_VERIFY_PARAM_set_hostflags(
            libssl.SSL_CTX_get0_param(self._handle.ptr), value
        )
        self._checks = value

    @property
    def hostname_checks_common_name(self) -> bool:
        """Whether a certificate without names in subjectAltName is held to its commonName.

        :raises NotImplementedError: on clearing it, before OpenSSL 1.1.0.

        Source: `ssl.SSLContext.hostname_checks_common_name`; X509_check_host(3).
        """
        return not self._checks & HOSTFLAG_NEVER_CHECK_SUBJECT

    @hostname_checks_common_name.setter
    def hostname_checks_common_name(self, value: Any) -> None:
        if value:
            self._set_host_flags(self._checks & ~HOSTFLAG_NEVER_CHECK_SUBJECT)
        else:
            self._set_host_flags(self._checks | HOSTFLAG_NEVER_CHECK_SUBJECT)

    def load_verify_locations(
        self, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        """Believe more certification authorities.

        :param cafile: the path of a file of PEM certificates.
        :param capath: a folder of them, named by their hash; read when they are needed.
        :param cadata: PEM as str, or DER as bytes.
        :raises OSError: a file is missing.
        :raises SSLError: there is no certificate in it.
        :raises TypeError, ValueError: none of the three is given; `cadata` is empty.

        Source: `ssl.SSLContext.load_verify_locations`; SSL_CTX_load_verify_locations(3).
        """
        alone = cafile is not None and capath is None and cadata is None
        if alone and self._roots.share_file(path(cafile, "cafile")):
            return
        self._roots.own()
        _trust.load_verify_locations(self._handle.ptr, cafile, capath, cadata)

    def set_default_verify_paths(self) -> None:
        """Believe the authorities in the library's default places, if there are any.

        Source: `ssl.SSLContext.set_default_verify_paths`; SSL_CTX_set_default_verify_paths(3).
        """
        if self._roots.share_defaults():
            return
        self._roots.own()
        if not libssl.SSL_CTX_set_default_verify_paths(self._handle.ptr):
            raise from_queue()

    def load_default_certs(self, purpose: Any = Purpose.SERVER_AUTH) -> None:
        """Believe the system's authorities, on Windows those in its stores.

        :param purpose: what the peer is to be authenticated for; only Windows tells them apart.
        :raises TypeError: `purpose` is none.

        Source: `ssl.SSLContext.load_default_certs`.
        """
        if not isinstance(purpose, _ASN1Object):
            raise TypeError(purpose)
        if sys.platform == "win32":
            for name in self._windows_cert_stores:
                self._load_windows_store_certs(name, purpose)
        self.set_default_verify_paths()

    def _load_windows_store_certs(self, storename: str, purpose: Any) -> None:
        from ._windows import enum_certificates

        try:
            stored = enum_certificates(storename)
        except PermissionError:
            warnings.warn("unable to enumerate Windows certificate store", stacklevel=3)
            return
        for cert, encoding, trust in stored:
            if encoding == "x509_asn" and (isinstance(trust, bool) or purpose.oid in trust):
                try:
                    self.load_verify_locations(cadata=cert)
                except SSLError as error:
                    warnings.warn(
                        f"Bad certificate in Windows certificate store: {error!s}", stacklevel=3
                    )

    def cert_store_stats(self) -> dict[str, int]:
        """How many certificates, of authorities, and revocation lists are loaded.

        Source: `ssl.SSLContext.cert_store_stats`.
        """
        return _trust.cert_store_stats(self._handle.ptr)

    def get_ca_certs(self, binary_form: bool = False) -> list[Any]:
        """The loaded authorities' certificates, as `getpeercert` has them.

        Source: `ssl.SSLContext.get_ca_certs`.
        """
        return _trust.get_ca_certs(self._handle.ptr, bool(binary_form))


def set_host_flags(ssl: Any, flags: int) -> None:
    """Compare the peer's name as the context does, where the `SSL*` has not got that from it.

    :param flags: HOSTFLAG_*.

    X509_VERIFY_PARAM_set_hostflags(3)
    """
    libcrypto.X509_VERIFY_PARAM_set_hostflags(libssl.SSL_get0_param(ssl), flags)


def name_peer(ssl: Any, hostname: str, check: bool) -> None:
    """Send the name by SNI unless it is an address, and let OpenSSL hold the peer to it.

    :param ssl: the client's `SSL*`.
    :param hostname: ASCII.
    :param check: whether the peer's certificate must bear the name.
    :raises ValueError, TypeError, SSLError: no host has such a name.

    SSL_set_tlsext_host_name(3), X509_VERIFY_PARAM_set1_host(3); RFC 6066 §3
    """
    if not hostname or hostname.startswith("."):
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
    if "\0" in hostname:
        raise TypeError("argument must be encoded string without null bytes, not str")
    name = hostname.encode("ascii")
    address = libcrypto.a2i_IPADDRESS(name)
    libcrypto.ERR_clear_error()
    if address:
        octets = libcrypto.asn1_string(address)
        libcrypto.ASN1_OCTET_STRING_free(address)
    elif not libssl.SSL_set_tlsext_host_name(ssl, name):
        raise from_queue()
    if not check:
        return
    param = libssl.SSL_get0_param(ssl)
    if address:
        held = libcrypto.X509_VERIFY_PARAM_set1_ip(param, octets, len(octets))
    else:
        held = libcrypto.X509_VERIFY_PARAM_set1_host(param, name, len(name))
    if not held:
        error = from_queue()
        # From 4.0 on it looks at names, and says nothing of why it refuses one
        raise error if error.reason else refusal(f"OpenSSL takes this for no host: {hostname!r}")
