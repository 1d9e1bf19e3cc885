"""A key and a certificate for one occasion, made in memory: no file, no program, no trust."""

from __future__ import annotations

from ctypes import byref
from typing import Any

from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._handle import Handle
from ._queue import from_queue
from .x509 import Certificate, der

#: Whom the certificate is for.
HOSTNAME = "localhost"
_ALSO = ("127.0.0.1", "::1")

_SUBJECT = b"pytls throwaway certificate"
_DAY = 86400  # seconds
_VERSION_3 = 2  # RFC 5280 §4.1.2.1
_MBSTRING_UTF8 = 0x1000


class _KeyContext(Handle):
    """Own an `EVP_PKEY_CTX*`."""

    __slots__ = ()
    _free = staticmethod(libcrypto.EVP_PKEY_CTX_free)


class _Key(Handle):
    """Own an `EVP_PKEY*`."""

    __slots__ = ()
    _free = staticmethod(libcrypto.EVP_PKEY_free)


class _Name(Handle):
    """Own an `X509_NAME*`."""

    __slots__ = ()
    _free = staticmethod(libcrypto.X509_NAME_free)


class _Extension(Handle):
    """Own an `X509_EXTENSION*`."""

    __slots__ = ()
    _free = staticmethod(libcrypto.X509_EXTENSION_free)


class _Time(Handle):
    """Own an `ASN1_TIME*`."""

    __slots__ = ()
    _free = staticmethod(libcrypto.ASN1_TIME_free)


class Throwaway:
    """A new P-256 key, and a certificate for `HOSTNAME` that it has signed itself.

    It is valid from yesterday, as clocks differ, until tomorrow.

    :raises SSLError: the library refuses to make it.
    """

    def __init__(self) -> None:
        libcrypto.ERR_clear_error()
        self._key = _new_key()
        self._certificate = _new_certificate(self._key)
        #: the certificate, for whoever is to believe it: ``load_verify_locations(cadata=…)``
        self.der: bytes = der(self._certificate.ptr)

    def install(self, context: Any) -> None:
        """Let an `SSLContext` show this certificate, as `load_cert_chain` does with a file's.

        SSL_CTX_use_certificate(3), SSL_CTX_use_PrivateKey(3)
        """
        ctx = context._handle.ptr
        _ok(libssl.SSL_CTX_use_certificate(ctx, self._certificate.ptr))
        _ok(libssl.SSL_CTX_use_PrivateKey(ctx, self._key.ptr))


def _ok(result: int) -> None:
    if result <= 0:
        raise from_queue()


def _new_key() -> _Key:
    """EVP_PKEY_keygen(3), EVP_PKEY_CTX_ctrl_str(3)"""
    kind = libcrypto.OBJ_sn2nid(b"id-ecPublicKey")
    making = _KeyContext(libcrypto.EVP_PKEY_CTX_new_id(kind, None))
    _ok(libcrypto.EVP_PKEY_keygen_init(making.ptr))
    _ok(libcrypto.EVP_PKEY_CTX_ctrl_str(making.ptr, b"ec_paramgen_curve", b"P-256"))
    # 1.0.2 would spell the curve out, which TLS does not take
    _ok(libcrypto.EVP_PKEY_CTX_ctrl_str(making.ptr, b"ec_param_enc", b"named_curve"))
    key = libcrypto.EVP_PKEY()
    _ok(libcrypto.EVP_PKEY_keygen(making.ptr, byref(key)))
    return _Key(key.value)


def _new_certificate(key: _Key) -> Certificate:
    """X509_set_version(3), X509_gmtime_adj(3), X509_sign(3); RFC 5280 §4.1"""
    certificate = Certificate._of(libcrypto.X509_new())
    x509 = certificate.ptr
    _ok(libcrypto.X509_set_version(x509, _VERSION_3))
    _ok(libcrypto.ASN1_INTEGER_set(libcrypto.X509_get_serialNumber(x509), 1))
    yesterday = _Time(libcrypto.X509_gmtime_adj(None, -_DAY))
    tomorrow = _Time(libcrypto.X509_gmtime_adj(None, _DAY))
    _ok(libcrypto.X509_set1_notBefore(x509, yesterday.ptr))
    _ok(libcrypto.X509_set1_notAfter(x509, tomorrow.ptr))
    name = _Name(libcrypto.X509_NAME_new())
    _ok(
        libcrypto.X509_NAME_add_entry_by_txt(
            name.ptr, b"CN", _MBSTRING_UTF8, _SUBJECT, len(_SUBJECT), -1, 0
        )
    )
    _ok(libcrypto.X509_set_subject_name(x509, name.ptr))
    _ok(libcrypto.X509_set_issuer_name(x509, name.ptr))
    _ok(libcrypto.X509_set_pubkey(x509, key.ptr))
    names = ",".join([f"DNS:{HOSTNAME}", *(f"IP:{address}" for address in _ALSO)])
    kind = libcrypto.OBJ_sn2nid(b"subjectAltName")
    extension = _Extension(libcrypto.X509V3_EXT_nconf_nid(None, None, kind, names.encode()))
    _ok(libcrypto.X509_add_ext(x509, extension.ptr, -1))
    _ok(libcrypto.X509_sign(x509, key.ptr, libcrypto.EVP_sha256()))
    return certificate
