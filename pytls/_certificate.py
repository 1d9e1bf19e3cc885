"""What `getpeercert()` tells of a certificate, read from its DER.

OpenSSL has parsed the certificate before, so its frame is sound. What its extensions hold is not:
OpenSSL has kept that as octets. Plain DER, which is nearly all that there is, is read here; where
something is unusual, OpenSSL is asked what it makes of it, and its own DER is read instead. So
both come to what the C extension gives, and garbage to a missing key.
"""

from __future__ import annotations

from ctypes import byref, c_char_p, c_long, c_void_p, create_string_buffer, string_at
from functools import lru_cache

from . import _libcrypto as libcrypto
from ._der import CONSTRUCTED, Element, Malformed, content, elements, whole, wrap
from ._queue import from_queue
from ._types import Any, Callable, Optional, Tuple, Union

Value = Union[str, bytes, None]
Name = Tuple[Tuple[Tuple[Optional[str], Value], ...], ...]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# Tags. X.680 §8.4; in a certificate, RFC 5280 §4.1
_BIT_STRING = 0x03
_OBJECT_IDENTIFIER = 0x06
_UTC_TIME = 0x17
_BMP_STRING = 0x1E
_SEQUENCE = 0x30
_VERSION = 0xA0
_EXTENSIONS = 0xA3

# Object identifiers, as their contents in DER. RFC 5280 §4.2
_SUBJECT_ALT_NAME = b"\x55\x1d\x11"
_CRL_DISTRIBUTION_POINTS = b"\x55\x1d\x1f"
_AUTHORITY_INFO_ACCESS = b"\x2b\x06\x01\x05\x05\x07\x01\x01"
_OCSP = b"\x2b\x06\x01\x05\x05\x07\x30\x01"
_CA_ISSUERS = b"\x2b\x06\x01\x05\x05\x07\x30\x02"
_TOLD = frozenset((_SUBJECT_ALT_NAME, _CRL_DISTRIBUTION_POINTS, _AUTHORITY_INFO_ACCESS))


def decode(certificate: bytes) -> dict[str, Any]:
    """What `SSLSocket.getpeercert` tells of a certificate: key for key, in the same order.

    :param certificate: the DER of a certificate that OpenSSL has parsed.
    :returns: a dict of the caller's own; its values are immutable.
    :raises SSLError: a name holds a value that is no string, or an object identifier too long.
    :raises UnicodeDecodeError: a name in an extension is no UTF-8.

    Source: `ssl.SSLSocket.getpeercert`; RFC 5280 §4.
    """
    # What is told of one takes up to thirty times its size; and no peer is to fill the memory
    read = _decode if len(certificate) < 8192 else _decode.__wrapped__
    return dict(read(certificate))


@lru_cache(maxsize=256)
def _decode(certificate: bytes) -> dict[str, Any]:
    """A certificate is met again and again: it is read once (benchmark getpeercert)."""
    (signed,) = elements(certificate, whole(certificate))
    to_be_signed, *_ = elements(certificate, signed)
    fields = elements(certificate, to_be_signed)
    version = 1
    if fields[0][0] == _VERSION:
        version = _version(certificate, fields.pop(0))
    serial, _, issuer, validity, subject, _, *rest = fields
    not_before, not_after = elements(certificate, validity)
    info: dict[str, Any] = {
        "subject": _name(certificate, subject),
        "issuer": _name(certificate, issuer),
        "version": version,
        "serialNumber": _serial_number(certificate, serial),
        "notBefore": _time(certificate, not_before),
        "notAfter": _time(certificate, not_after),
    }
    if rest and rest[-1][0] == _EXTENSIONS:
        _tell_extensions(info, _extensions(certificate, rest[-1]))
    return info


def encoded(i2d: Callable[..., int], address: Any) -> bytes:
    """The DER that a function such as i2d_X509(3) writes."""
    out = c_void_p()
    size = i2d(address, byref(out))
    if size < 0:
        raise from_queue()
    try:
        return string_at(out, size)
    finally:
        libcrypto.OPENSSL_free(out)


def printed(show: Callable[..., Any], *args: Any) -> bytes:
    """What a function such as ASN1_TIME_print(3) writes to a BIO."""
    address = libcrypto.BIO_new(libcrypto.BIO_s_mem())
    if not address:
        raise from_queue()
    bio = c_void_p(address)
    try:
        show(bio, *args)
        size = libcrypto.BIO_ctrl_pending(bio)
        room = create_string_buffer(size + 1)
        libcrypto.BIO_read(bio, room, size)
        return room.raw[:size]
    finally:
        libcrypto.BIO_free(bio)


def object_text(obj: Any, dotted: bool) -> str | None:
    """The long name of an `ASN1_OBJECT*`, or its dotted text; None for the empty one.

    :raises SSLError: OpenSSL has none for it, as it is too long.

    Source: OBJ_obj2txt(3).
    """
    size = libcrypto.OBJ_obj2txt(None, 0, obj, dotted)
    if size < 0:
        raise from_queue()
    room = create_string_buffer(size + 1)
    libcrypto.OBJ_obj2txt(room, size + 1, obj, dotted)
    return room.value.decode() or None


# Numbers and dates


def _version(data: bytes, element: Element) -> int:
    """One more than the number, which C takes for -1 when it is no long."""
    (integer,) = elements(data, element)
    number = int.from_bytes(content(data, integer), "big", signed=True)
    return c_long(number + 1).value if c_long(number).value == number else 0


def _serial_number(data: bytes, element: Element) -> str:
    """Two hexadecimal digits an octet; the first line of what i2a_ASN1_INTEGER(3) writes.

    A line holds 35 octets, and ends in a backslash when more follow.
    """
    number = int.from_bytes(content(data, element), "big", signed=True)
    digits = f"{abs(number):X}"
    if len(digits) % 2:
        digits = "0" + digits
    if len(digits) > 70:
        digits = digits[:70] + "\\\n"
    return "-" + digits if number < 0 else digits


_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# By the month's two digits: its name, and the last day for which the year does not matter
_CALENDAR = {
    b"%02d" % number: (name, b"%d" % days)
    for number, name, days in zip(range(1, 13), MONTHS, _DAYS)
}


def _time(data: bytes, element: Element) -> str:
    """A date as ASN1_TIME_print(3) writes it."""
    tag, start, stop = element
    text = data[start:stop]
    if tag == _UTC_TIME:
        text = (b"20" if text < b"5" else b"19") + text
    if len(text) == 15 and text[:14].isdigit() and text >= b"1" and text.endswith(b"Z"):
        month, last = _CALENDAR.get(text[4:6], ("", b""))
        day, hour, minute, second = text[6:8], text[8:10], text[10:12], text[12:14]
        if b"01" <= day <= last and hour < b"24" and minute < b"60" and second < b"60":
            digits = text.decode()
            clock = f"{digits[8:10]}:{digits[10:12]}:{digits[12:14]}"
            return f"{month} {int(day):2} {clock} {digits[:4]} GMT"
    # A zone, a fraction, a leap day, no date at all: what becomes of it differs by release
    string = libcrypto.ASN1_STRING_type_new(tag & ~CONSTRUCTED)
    if not string:
        raise from_queue()
    try:
        text = content(data, element)
        libcrypto.ASN1_STRING_set(string, text, len(text))
        return _line(printed(libcrypto.ASN1_TIME_print, string)).decode()
    finally:
        libcrypto.ASN1_STRING_free(string)


def _line(text: bytes) -> bytes:
    """What of `text` comes into the C extension's buffer: one line, and no more than fits."""
    line, end, _ = text[:2046].partition(b"\n")
    return line + end


# Names


def _name(data: bytes, element: Element) -> Name:
    """A Name: a tuple of attributes, each a pair, for every RDN that has any."""
    octets = data[element[1] : element[2]]
    # Many certificates name few issuers; but no peer is to fill the memory
    return _parse_name(octets) if len(octets) < 512 else _parse_name.__wrapped__(octets)


@lru_cache(maxsize=256)
def _parse_name(octets: bytes) -> Name:
    name = []
    for rdn in elements(octets, whole(octets)):
        attributes = []
        for attribute in elements(octets, rdn):
            oid, value = elements(octets, attribute)
            attributes.append((_object_name(content(octets, oid)), _value(octets, value)))
        if attributes:
            name.append(tuple(attributes))
    return tuple(name)


# The strings that OpenSSL knows; a T61String it takes for Latin-1. ASN1_STRING_to_UTF8(3)
_CODECS = {
    0x0C: "utf-8",  # UTF8String
    0x12: "latin-1",  # NumericString
    0x13: "latin-1",  # PrintableString
    0x14: "latin-1",  # T61String
    0x16: "latin-1",  # IA5String
    0x1C: "utf-32-be",  # UniversalString
    _BMP_STRING: "utf-32-be",
}


def _value(data: bytes, element: Element) -> Value:
    """The value of an attribute: text; of a bit string the octets, or None without any.

    :raises SSLError: it is something else.
    :raises UnicodeDecodeError: it is no text, though OpenSSL took it, as it did before 3.0.
    """
    kind = element[0] & ~CONSTRUCTED
    codec = _CODECS.get(kind)
    if codec:
        octets = content(data, element)
        if kind == _BMP_STRING:
            # Two octets are a character; UTF-16 would make one of two surrogates
            octets = b"".join([b"\0\0" + octets[n : n + 2] for n in range(0, len(octets), 2)])
        return octets.decode(codec)
    if kind != _BIT_STRING:
        raise from_queue()
    octets = content(data, element)
    if len(octets) < 2:
        return None
    # The first octet tells how many bits of the last one do not count
    return octets[1:-1] + bytes((octets[-1] & 0xFF << octets[0],))


@lru_cache(maxsize=1024)
def _object_name(octets: bytes) -> str | None:
    """The long name of an object identifier, of which `octets` are the contents."""
    data = wrap(_OBJECT_IDENTIFIER, octets)
    obj = libcrypto.d2i_ASN1_OBJECT(None, byref(c_char_p(data)), len(data))
    if not obj:
        raise from_queue()
    try:
        return object_text(obj, dotted=False)
    finally:
        libcrypto.ASN1_OBJECT_free(obj)


# Extensions


def _extensions(data: bytes, element: Element) -> dict[bytes, bytes]:
    """What the extensions hold that are told of, by object identifier.

    X509_get_ext_d2i(3) finds nothing where there are two of a kind: they come to b"" here.
    """
    found: dict[bytes, bytes] = {}
    (sequence,) = elements(data, element)
    for extension in elements(data, sequence):
        start = extension[1]
        if data[start] == _OBJECT_IDENTIFIER and data[start + 1] < 0x80:
            # Most are not told of, and need no reading
            start += 2
            if data[start : start + data[start - 1]] not in _TOLD:
                continue
        oid, *_, value = elements(data, extension)
        key = content(data, oid)
        if key in _TOLD:
            found[key] = b"" if key in found else content(data, value)
    return found


def _tell_extensions(info: dict[str, Any], extensions: dict[bytes, bytes]) -> None:
    """Add to `info` what the extensions say."""
    octets = extensions.get(_SUBJECT_ALT_NAME)
    if octets:
        names = _read(_alt_names, octets, _GENERAL_NAMES)
        if names is not None:
            info["subjectAltName"] = tuple(names)
    octets = extensions.get(_AUTHORITY_INFO_ACCESS)
    if octets:
        places = _read(_access, octets, _ACCESS_DESCRIPTIONS) or {}
        for key, method in (("OCSP", _OCSP), ("caIssuers", _CA_ISSUERS)):
            if places.get(method):
                info[key] = tuple([uri.decode() for uri in places[method]])
    octets = extensions.get(_CRL_DISTRIBUTION_POINTS)
    if octets:
        uris = _read(_crl_uris, octets, _DISTRIBUTION_POINTS)
        if uris:
            info["crlDistributionPoints"] = tuple([uri.decode() for uri in uris])


class _Type:
    """OpenSSL's functions for one type of ASN.1."""

    __slots__ = ("d2i", "free", "i2d")

    def __init__(
        self,
        d2i: Callable[..., int | None],
        i2d: Callable[..., int],
        free: Callable[..., None],
    ) -> None:
        self.d2i = d2i
        self.i2d = i2d
        self.free = free

    def normal(self, octets: bytes) -> bytes | None:
        """`octets` in DER, as OpenSSL understands them; None when it does not."""
        address = self.d2i(None, byref(c_char_p(octets)), len(octets))
        if not address:
            libcrypto.ERR_clear_error()
            return None
        try:
            return encoded(self.i2d, address)
        finally:
            self.free(address)


_GENERAL_NAMES = _Type(
    libcrypto.d2i_GENERAL_NAMES, libcrypto.i2d_GENERAL_NAMES, libcrypto.GENERAL_NAMES_free
)
_ACCESS_DESCRIPTIONS = _Type(
    libcrypto.d2i_AUTHORITY_INFO_ACCESS,
    libcrypto.i2d_AUTHORITY_INFO_ACCESS,
    libcrypto.AUTHORITY_INFO_ACCESS_free,
)
_DISTRIBUTION_POINTS = _Type(
    libcrypto.d2i_CRL_DIST_POINTS, libcrypto.i2d_CRL_DIST_POINTS, libcrypto.CRL_DIST_POINTS_free
)


def _read(reader: Callable[[bytes, bool], Any], octets: bytes, kind: _Type) -> Any:
    """What `reader` makes of an extension; None when OpenSSL finds it malformed.

    A reader is told whether the octets are `sound`. While nobody knows, it raises ValueError at
    whatever is not valid on the face of it.
    """
    try:
        return reader(octets, False)
    except ValueError:
        normal = kind.normal(octets)
        return None if normal is None else reader(normal, True)


# GeneralName: those whose contents may be any octets. RFC 5280 §4.2.1.6
_URI, _IP_ADDRESS = 0x86, 0x87
_PLAIN = {0x81: "email", 0x82: "DNS", _URI: "URI", _IP_ADDRESS: "IP Address"}
_REGISTERED_ID = 0x88
_DIRECTORY_NAME = 0xA4

_UNSURE = "not valid on the face of it"


def _alt_names(octets: bytes, sound: bool) -> list[tuple[str, Any]]:
    """The pairs of subjectAltName: RFC 5280 §4.2.1.6."""
    names: list[tuple[str, Any]] = []
    for name in _sequence(octets):
        tag, start, stop = name
        if tag == _IP_ADDRESS:
            names.append((_PLAIN[tag], _address(octets[start:stop])))
        elif tag in _PLAIN:
            names.append((_PLAIN[tag], octets[start:stop].decode()))
        elif not sound:
            raise Malformed(_UNSURE)
        elif tag == _REGISTERED_ID:
            names.append(("Registered ID", _object_name(octets[start:stop])))
        elif tag == _DIRECTORY_NAME:
            (directory_name,) = elements(octets, name)
            names.append(("DirName", _name(octets, directory_name)))
        else:
            names.append(_other_name(wrap(tag, octets[start:stop])))
    return names


def _address(octets: bytes) -> str:
    """An IP address as the C extension spells it, which shortens nothing."""
    if len(octets) == 4:
        return ".".join(map(str, octets))
    if len(octets) == 16:
        return ":".join([f"{octets[n] << 8 | octets[n + 1]:X}" for n in range(0, 16, 2)])
    return "<invalid>"


def _other_name(octets: bytes) -> tuple[str, str]:
    """A GeneralName of another kind, as OpenSSL prints it: some of them only since 3.0."""
    address = libcrypto.d2i_GENERAL_NAME(None, byref(c_char_p(octets)), len(octets))
    if not address:
        raise from_queue()
    try:
        text = _line(printed(libcrypto.GENERAL_NAME_print, address))
    finally:
        libcrypto.GENERAL_NAME_free(address)
    kind, _, value = text.partition(b":")
    return kind.decode(), value.decode()


def _access(octets: bytes, sound: bool) -> dict[bytes, list[bytes]]:
    """The URIs of authorityInfoAccess by their method: RFC 5280 §4.2.2.1."""
    places: dict[bytes, list[bytes]] = {_OCSP: [], _CA_ISSUERS: []}
    for description in _sequence(octets):
        method, (tag, start, stop) = elements(octets, description)
        uris = places.get(content(octets, method))
        if not sound:
            tags = description[0], method[0], tag
            if uris is None or tags != (_SEQUENCE, _OBJECT_IDENTIFIER, _URI):
                raise Malformed(_UNSURE)
        if uris is not None and tag == _URI:
            uris.append(octets[start:stop])
    return places


def _crl_uris(octets: bytes, sound: bool) -> list[bytes]:
    """The URIs of cRLDistributionPoints: RFC 5280 §4.2.1.13."""
    uris = []
    for point in _sequence(octets):
        parts = elements(octets, point)
        if not sound and (point[0] != _SEQUENCE or len(parts) != 1):
            raise Malformed(_UNSURE)
        for tag, start, stop in _full_names(octets, parts, sound):
            if tag == _URI:
                uris.append(octets[start:stop])
            elif not sound:
                raise Malformed(_UNSURE)
    return uris


def _full_names(octets: bytes, parts: list[Element], sound: bool) -> list[Element]:
    """The names of a DistributionPoint: those of the [0] fullName in the [0] distributionPoint."""
    for part in parts:
        if part[0] == 0xA0:
            (form,) = elements(octets, part)
            if form[0] == 0xA0:
                return elements(octets, form)
    if not sound:
        raise Malformed(_UNSURE)
    return []


def _sequence(octets: bytes) -> list[Element]:
    """What a SEQUENCE holds that is all there is."""
    (sequence,) = elements(octets, whole(octets))
    if sequence[0] != _SEQUENCE:
        raise Malformed("no SEQUENCE")
    return elements(octets, sequence)
