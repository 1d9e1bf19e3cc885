"""A writer of DER, and of what is not quite DER: certificates that no library would sign."""

from __future__ import annotations

# Object identifiers
COMMON_NAME = "2.5.4.3"
ORGANIZATION = "2.5.4.10"
SUBJECT_ALT_NAME = "2.5.29.17"
CRL_DISTRIBUTION_POINTS = "2.5.29.31"
AUTHORITY_INFO_ACCESS = "1.3.6.1.5.5.7.1.1"
OCSP = "1.3.6.1.5.5.7.48.1"
CA_ISSUERS = "1.3.6.1.5.5.7.48.2"

# The tags of strings
BIT_STRING, UTF8, NUMERIC, PRINTABLE, T61, IA5 = 0x03, 0x0C, 0x12, 0x13, 0x14, 0x16
UNIVERSAL, BMP = 0x1C, 0x1E
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18

# The end of an element of indefinite length
END = b"\0\0"


def tlv(tag: int, *parts: bytes) -> bytes:
    """An element: its tag, the length of its contents, the contents."""
    contents = b"".join(parts)
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + contents


def indefinite(tag: int, *parts: bytes) -> bytes:
    """The same in BER, its length told by its end."""
    return bytes((tag, 0x80)) + b"".join(parts) + END


def seq(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(0x30, *parts)


def octets_of(oid: str) -> bytes:
    """The contents of an object identifier."""
    first, second, *others = map(int, oid.split("."))
    contents = b""
    for arc in (first * 40 + second, *others):
        shifts = range(0, max(arc.bit_length(), 1), 7)
        contents += bytes([arc >> shift & 0x7F | (0x80 if shift else 0) for shift in shifts][::-1])
    return contents


def obj(oid: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    return tlv(0x06, octets_of(oid))


def integer(number: int) -> bytes:
    """An INTEGER."""
    size = (number if number >= 0 else number + 1).bit_length() // 8 + 1
    return tlv(0x02, number.to_bytes(size, "big", signed=True))


def attribute(oid: str, value: bytes, tag: int = UTF8) -> bytes:
    """An attribute of a name, its value a string with that `tag`."""
    return seq(obj(oid), tlv(tag, value))


def name(*rdns: bytes | list[bytes]) -> bytes:
    """A Name: each RDN an attribute, or a list of them."""
    return seq(*(tlv(0x31, *([rdn] if isinstance(rdn, bytes) else rdn)) for rdn in rdns))


def cn(value: bytes, tag: int = UTF8) -> bytes:
    """A Name that is a common name."""
    return name(attribute(COMMON_NAME, value, tag))


def utc(text: bytes) -> bytes:
    """A date with a year of two digits."""
    return tlv(UTC_TIME, text)


def generalized(text: bytes) -> bytes:
    """A date with a year of four digits."""
    return tlv(GENERALIZED_TIME, text)


ALGORITHM = seq(obj("1.2.840.10045.4.3.2"))
CURVE = obj("1.2.840.10045.3.1.7")
# Everybody's private key is 1, so that the public key is the generator of P-256
POINT = tlv(
    BIT_STRING,
    bytes.fromhex(
        "0004"
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    ),
)
KEY = seq(seq(obj("1.2.840.10045.2.1"), CURVE), POINT)
PRIVATE_KEY = seq(integer(1), tlv(0x04, bytes(31) + b"\1"), tlv(0xA0, CURVE), tlv(0xA1, POINT))
V1, V3 = b"", tlv(0xA0, integer(2))


def certificate(
    *extensions: bytes,
    version: bytes = V3,
    serial: bytes = integer(1),
    issuer: bytes = cn(b"issuer"),
    not_before: bytes = utc(b"260102030405Z"),
    not_after: bytes = utc(b"361130235959Z"),
    subject: bytes = cn(b"subject"),
    ids: bytes = b"",
) -> bytes:
    """A certificate; nobody has signed it."""
    validity = seq(not_before, not_after)
    told = tlv(0xA3, seq(*extensions)) if extensions else b""
    signed = seq(version, serial, ALGORITHM, issuer, validity, subject, KEY, ids, told)
    return seq(signed, ALGORITHM, tlv(BIT_STRING, b"\0no signature"))


def extension(oid: str, octets: bytes, critical: bytes = b"") -> bytes:
    """An extension that holds `octets`."""
    return seq(obj(oid), critical, tlv(0x04, octets))


def san(*names: bytes, critical: bytes = b"") -> bytes:
    """The extension subjectAltName."""
    return extension(SUBJECT_ALT_NAME, seq(*names), critical)


def dns(text: bytes) -> bytes:
    """A GeneralName."""
    return tlv(0x82, text)


def uri(text: bytes) -> bytes:
    """A GeneralName."""
    return tlv(0x86, text)


def other(oid: str, value: bytes) -> bytes:
    """A GeneralName of a kind that others define."""
    return tlv(0xA0, obj(oid), tlv(0xA0, value))


def aia(*places: tuple[str, bytes]) -> bytes:
    """The extension authorityInfoAccess: pairs of method and GeneralName."""
    places_ = (seq(obj(method), place) for method, place in places)
    return extension(AUTHORITY_INFO_ACCESS, seq(*places_))


def point(*names: bytes, more: bytes = b"") -> bytes:
    """A DistributionPoint with a fullName."""
    return seq(tlv(0xA0, tlv(0xA0, *names)), more)


def crl(*points: bytes) -> bytes:
    """The extension cRLDistributionPoints."""
    return extension(CRL_DISTRIBUTION_POINTS, seq(*points))
