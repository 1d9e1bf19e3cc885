"""Whom a context believes: the store of certificates that it verifies peers with."""

from __future__ import annotations

from ctypes import set_errno

from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._agreed import stack
from ._arguments import INT_MAX, as_bytes, path
from ._credentials import failure
from ._features import STORE_OBJECTS_ARE_COPIES
from ._queue import from_queue, refusal, split, take
from ._types import Any, Iterator
from .bio import BIO
from .x509 import Certificate, decode, der

X509_LU_X509 = 1
X509_LU_CRL = 2

_ERR_LIB_PEM = 9
_ERR_LIB_ASN1 = 13
_ERR_LIB_X509 = 11
_PEM_R_NO_START_LINE = 108
_ASN1_R_HEADER_TOO_LONG = 123
_X509_R_CERT_ALREADY_IN_HASH_TABLE = 101

# What a parser says at the end of its input
_ENDS = {
    (_ERR_LIB_PEM, _PEM_R_NO_START_LINE),
    (_ERR_LIB_ASN1, _ASN1_R_HEADER_TOO_LONG),
}


def load_verify_locations(ctx: Any, cafile: Any, capath: Any, cadata: Any) -> None:
    """`ssl.SSLContext.load_verify_locations` on the `SSL_CTX*`.

    SSL_CTX_load_verify_locations(3), X509_STORE_add_cert(3)
    """
    if cafile is None and capath is None and cadata is None:
        raise TypeError("cafile, capath and cadata cannot be all omitted")
    file = None if cafile is None else path(cafile, "cafile")
    folder = None if capath is None else path(capath, "capath")
    if cadata is not None:
        _add_certificates(ctx, cadata)
    if file is None and folder is None:
        return
    libcrypto.ERR_clear_error()
    set_errno(0)
    if libssl.SSL_CTX_load_verify_locations(ctx, file, folder) != 1:
        raise failure()


def _add_certificates(ctx: Any, cadata: Any) -> None:
    """Add every certificate in `cadata`: PEM text, or DER one after the other."""
    is_text = isinstance(cadata, str)
    try:
        data = str.encode(cadata, "ascii") if is_text else as_bytes(cadata)
    except (TypeError, UnicodeEncodeError):
        raise TypeError("cadata should be an ASCII string or a bytes-like object") from None
    if not data:
        raise ValueError("Empty certificate data")
    if len(data) > INT_MAX:
        raise OverflowError("Certificate data is too long.")
    store = libssl.SSL_CTX_get_cert_store(ctx)
    libcrypto.ERR_clear_error()
    source = BIO(libcrypto.BIO_new_mem_buf(data, len(data)))
    loaded = 0
    # An empty BIO is an end too, and one that no two releases report alike
    while not loaded or libcrypto.BIO_ctrl_pending(source.ptr):
        if is_text:
            address = libcrypto.PEM_read_bio_X509(source.ptr, None, None, None)
        else:
            address = libcrypto.d2i_X509_bio(source.ptr, None)
        if not address:
            break
        certificate = Certificate._of(address)
        if not libcrypto.X509_STORE_add_cert(store, certificate.ptr):
            known = (_ERR_LIB_X509, _X509_R_CERT_ALREADY_IN_HASH_TABLE)
            if split(libcrypto.ERR_peek_last_error()) != known:
                raise from_queue()
            take()
        loaded += 1
    else:
        return
    if not loaded:
        take()
        what = "no start line" if is_text else "not enough data"
        raise refusal(f"{what}: cadata does not contain a certificate")
    if split(libcrypto.ERR_peek_last_error()) not in _ENDS:
        raise from_queue()
    take()


def objects(store: Any) -> Iterator[Any]:
    """The objects of a `X509_STORE*`, whose addresses hold until the next step.

    X509_STORE_get1_objects(3)
    """
    if not STORE_OBJECTS_ARE_COPIES:
        yield from _shared_objects(store)
        return
    copies = libcrypto.X509_STORE_get1_objects(store)
    if not copies:
        raise MemoryError("X509_STORE_get1_objects failed")
    try:
        yield from stack(copies)
    finally:
        for address in stack(copies):
            libcrypto.X509_OBJECT_free(address)
        libcrypto.OPENSSL_sk_free(copies)


def _shared_objects(store: Any) -> list[Any]:
    """Those that the store has now: handshakes may add more, but it never drops one.

    Whatever else takes the store's lock releases the interpreter's, or both would wait forever.
    """
    if not libcrypto.X509_STORE_lock:  # 1.0.2: one call at a time
        return stack(libcrypto.X509_STORE_get0_objects(store))
    libcrypto.X509_STORE_lock(store)
    try:
        return stack(libcrypto.X509_STORE_get0_objects(store))
    finally:
        libcrypto.X509_STORE_unlock(store)


def cert_store_stats(ctx: Any) -> dict[str, int]:
    """`ssl.SSLContext.cert_store_stats` of the `SSL_CTX*`."""
    stats = {"x509": 0, "crl": 0, "x509_ca": 0}
    for address in objects(libssl.SSL_CTX_get_cert_store(ctx)):
        kind = libcrypto.X509_OBJECT_get_type(address)
        if kind == X509_LU_X509:
            stats["x509"] += 1
            certificate = libcrypto.X509_OBJECT_get0_X509(address)
            stats["x509_ca"] += bool(libcrypto.X509_check_ca(certificate))
        elif kind == X509_LU_CRL:
            stats["crl"] += 1
    take()  # X509_check_ca(3) says what is wrong with an extension
    return stats


def get_ca_certs(ctx: Any, binary_form: bool) -> list[Any]:
    """`ssl.SSLContext.get_ca_certs` of the `SSL_CTX*`."""
    found: list[bytes] = []
    for address in objects(libssl.SSL_CTX_get_cert_store(ctx)):
        if libcrypto.X509_OBJECT_get_type(address) != X509_LU_X509:
            continue
        certificate = libcrypto.X509_OBJECT_get0_X509(address)
        if libcrypto.X509_check_ca(certificate):
            found.append(der(certificate))
    take()  # X509_check_ca(3) says what is wrong with an extension
    return [encoded if binary_form else decode(encoded) for encoded in found]
