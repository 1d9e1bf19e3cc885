"""Certificates: PEM and DER, dates, object identifiers, and the handle of an `X509*`."""

from __future__ import annotations

import binascii
import enum
from collections import namedtuple
from ctypes import c_ssize_t

from . import _libcrypto as libcrypto
from ._arguments import Buffer, c_int
from ._certificate import MONTHS, decode, encoded, object_text, printed
from ._handle import Handle
from ._types import Any, Optional, Tuple
from .constants import ENCODING_DER, ENCODING_PEM, PEM_FOOTER, PEM_HEADER

__all__ = [
    "DER",
    "Certificate",
    "DER_cert_to_PEM_cert",
    "PEM_cert_to_DER_cert",
    "Purpose",
    "cert_time_to_seconds",
    "decode",
    "der",
    "nid2obj",
    "txt2obj",
]

Object = Tuple[int, str, str, Optional[str]]


def cert_time_to_seconds(cert_time: str) -> int:
    """Seconds since 1970 for a certificate's date.

    :param cert_time: as `getpeercert` gives it: ``"Nov  1 00:00:00 2026 GMT"``. The month is
        English, whatever the locale.
    :raises ValueError: it is written in another way.

    Source: `ssl.cert_time_to_seconds`; RFC 5280 §4.1.2.5.
    """
    from calendar import timegm
    from time import strptime

    rest = " %d %H:%M:%S %Y GMT"
    try:
        month = MONTHS.index(cert_time[:3].title()) + 1
    except ValueError:
        raise ValueError(f'time data {cert_time!r} does not match format "%b{rest}"') from None
    # %b would be read in the locale's language; a day beyond the month's end counts on
    date = strptime(cert_time[3:], rest)
    return timegm((date.tm_year, month, *date[2:6]))


def DER_cert_to_PEM_cert(der_cert_bytes: Buffer) -> str:
    """A certificate's DER as PEM text.

    Source: `ssl.DER_cert_to_PEM_cert`; RFC 7468 §5.
    """
    text = binascii.b2a_base64(der_cert_bytes, newline=False).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, max(len(text), 1), 64)]
    return "\n".join([PEM_HEADER, *lines, PEM_FOOTER, ""])


def PEM_cert_to_DER_cert(pem_cert_string: str) -> bytes:
    """The DER of one certificate's PEM text.

    :raises ValueError: the text does not begin and end as such a text does, or what stands
        between is no base64.

    Source: `ssl.PEM_cert_to_DER_cert`; RFC 7468 §5.
    """
    if not pem_cert_string.startswith(PEM_HEADER):
        raise ValueError(f"Invalid PEM encoding; must start with {PEM_HEADER}")
    text = pem_cert_string.strip()
    if not text.endswith(PEM_FOOTER):
        raise ValueError(f"Invalid PEM encoding; must end with {PEM_FOOTER}")
    return binascii.a2b_base64(text[len(PEM_HEADER) : -len(PEM_FOOTER)].encode("ascii"))


def txt2obj(txt: str, name: bool = False) -> Object:
    """An object identifier as OpenSSL's (number, short name, long name, dotted text).

    :param txt: the dotted text; with `name`, a short or a long name will do too.
    :raises ValueError: OpenSSL does not know it.

    Source: `_ssl.txt2obj`; OBJ_txt2obj(3).
    """
    if not isinstance(txt, str):
        raise TypeError(f"txt2obj() argument 'txt' must be str, not {type(txt).__name__}")
    encoded = str.encode(txt)
    if b"\0" in encoded:
        raise ValueError("embedded null character")
    obj = libcrypto.OBJ_txt2obj(encoded, not name)
    if not obj:
        libcrypto.ERR_clear_error()
        raise ValueError(f"unknown object '{encoded[:100].decode(errors='replace')}'")
    try:
        return _names(obj)
    finally:
        libcrypto.ASN1_OBJECT_free(obj)


def nid2obj(nid: int, /) -> Object:
    """The same as `txt2obj` for OpenSSL's number of an object identifier.

    :raises ValueError: OpenSSL has none of that number.

    Source: `_ssl.nid2obj`; OBJ_nid2obj(3).
    """
    nid = c_int(nid)
    if nid < 0:
        raise ValueError("NID must be positive.")
    obj = libcrypto.OBJ_nid2obj(nid)
    if not obj:
        libcrypto.ERR_clear_error()
        raise ValueError(f"unknown NID {nid}")
    return _names(obj)


def _names(obj: int) -> Object:
    nid = libcrypto.OBJ_obj2nid(obj)
    if not nid:
        raise ValueError("Unknown object")
    return (
        nid,
        libcrypto.OBJ_nid2sn(nid).decode(),
        libcrypto.OBJ_nid2ln(nid).decode(),
        object_text(obj, True),
    )


class _ASN1Object(namedtuple("_ASN1Object", "nid shortname longname oid")):
    """An object identifier, looked up by its dotted text.

    Source: `ssl._ASN1Object`.
    """

    __module__ = "ssl"
    __slots__ = ()

    def __new__(cls, oid: str) -> _ASN1Object:
        return super().__new__(cls, *txt2obj(oid, name=False))

    @classmethod
    def fromnid(cls, nid: int) -> _ASN1Object:
        """Look it up by OpenSSL's number."""
        return super().__new__(cls, *nid2obj(nid))

    @classmethod
    def fromname(cls, name: str) -> _ASN1Object:
        """Look it up by its short or long name, or its dotted text."""
        return super().__new__(cls, *txt2obj(name, name=True))


class Purpose(_ASN1Object, enum.Enum):
    """What a context is for: the extended key usage that the peer's certificate must have.

    Source: `ssl.Purpose`; RFC 5280 §4.2.1.12.
    """

    __module__ = "ssl"

    SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


_XN_FLAG_RFC2253 = 0x1110317


class DER(bytes):
    """A certificate's octets, which also answer what a `Certificate` does.

    Before Python 3.13, an `ssl.SSLSocket` could not tell its chains; its `_sslobj` could, and gave
    them as `Certificate`. A program that takes whichever of the two can tell, as truststore does,
    comes to the socket's octets here, and asks them for `public_bytes`.

    Not in `ssl`.
    """

    __slots__ = ()

    def public_bytes(self, format: int = ENCODING_PEM) -> str | bytes:
        """PEM text or, for `ENCODING_DER`, bytes.

        :raises ValueError: `format` is neither.

        Source: `_ssl.Certificate.public_bytes`.
        """
        format = c_int(format)
        if format == ENCODING_PEM:
            return DER_cert_to_PEM_cert(self)
        if format == ENCODING_DER:
            return bytes(self)
        raise ValueError("Unsupported format")

    def get_info(self) -> dict[str, Any]:
        """What `getpeercert` tells of it. Source: `_ssl.Certificate.get_info`."""
        return decode(bytes(self))


class Certificate(Handle):
    """An `X509*`, as the chains of a connection held it from Python 3.10 to 3.12.

    Source: `_ssl.Certificate`.
    """

    __module__ = "_ssl"
    __slots__ = ()
    _free = staticmethod(libcrypto.X509_free)

    def __new__(cls, *_: object) -> Certificate:
        """Only connections make them."""
        raise TypeError("cannot create '_ssl.Certificate' instances")

    @classmethod
    def _of(cls, address: Any) -> Certificate:
        """Own `address`."""
        self = object.__new__(cls)
        Handle.__init__(self, address)
        return self

    def _der(self) -> bytes:
        return der(self.ptr)

    def public_bytes(self, format: int = ENCODING_PEM) -> str | bytes:
        """The certificate: PEM text or, for `ENCODING_DER`, bytes.

        Source: `_ssl.Certificate.public_bytes`; i2d_X509(3).
        """
        return DER(self._der()).public_bytes(format)

    def get_info(self) -> dict[str, Any]:
        """What `getpeercert` tells of it: see `decode`."""
        return decode(self._der())

    def __reduce__(self) -> str:
        raise TypeError("cannot pickle '_ssl.Certificate' object")

    def __eq__(self, other: object) -> bool:
        """Whether both are the same octets."""
        if not isinstance(other, Certificate):
            return NotImplemented
        return self._der() == other._der()

    def __hash__(self) -> int:
        """From the subject. X509_subject_name_hash(3)"""
        return hash(c_ssize_t(libcrypto.X509_subject_name_hash(self.ptr)).value)

    def __repr__(self) -> str:
        subject = printed(
            libcrypto.X509_NAME_print_ex,
            libcrypto.X509_get_subject_name(self.ptr),
            0,
            _XN_FLAG_RFC2253,
        )
        return f"<_ssl.Certificate '{subject.decode('ascii')}'>"


def der(x509: Any) -> bytes:
    """The DER of an `X509*`, by i2d_X509(3)."""
    return encoded(libcrypto.i2d_X509, x509)
