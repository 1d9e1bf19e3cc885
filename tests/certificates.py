"""Certificates that are unusual, by what is unusual about them; each is one that OpenSSL takes.

`SAME` are told alike by every release of OpenSSL, `BY_RELEASE` are not: older ones take more and
know to print less.
"""

from __future__ import annotations

from ctypes import byref, c_char_p, c_void_p, cast

from der import (
    AUTHORITY_INFO_ACCESS,
    BIT_STRING,
    BMP,
    CA_ISSUERS,
    COMMON_NAME,
    CRL_DISTRIBUTION_POINTS,
    IA5,
    NUMERIC,
    OCSP,
    ORGANIZATION,
    PRINTABLE,
    SUBJECT_ALT_NAME,
    T61,
    UNIVERSAL,
    UTF8,
    V1,
    aia,
    attribute,
    certificate,
    cn,
    crl,
    dns,
    extension,
    generalized,
    indefinite,
    integer,
    name,
    obj,
    octets_of,
    other,
    point,
    san,
    seq,
    tlv,
    uri,
    utc,
)

from pytls import _libcrypto as libcrypto
from pytls.x509 import Certificate

UPN = "1.3.6.1.4.1.311.20.2.3"
SMTP = "1.3.6.1.5.5.7.8.9"
URL = uri(b"http://example.test/")
ORDINARY = certificate(
    aia((OCSP, URL), (CA_ISSUERS, uri(b"http://example.test/ca"))),
    san(dns(b"example.test"), dns(b"*.example.test")),
    crl(point(URL)),
)
RICH = certificate(
    san(
        dns(b"example.test"),
        tlv(0x81, b"me@example.test"),
        tlv(0x87, bytes((127, 0, 0, 1))),
        tlv(0x88, octets_of("1.2.3")),
        tlv(0xA4, cn(b"directory")),
        other(UPN, tlv(UTF8, b"me")),
    ),
    aia((OCSP, dns(b"not a URI")), ("1.2.3", URL), (CA_ISSUERS, URL)),
    crl(point(URL, URL), point(URL, more=tlv(0x81, b"\1\6")), seq(tlv(0xA2, tlv(0xA4, cn(b"i"))))),
    subject=name(
        attribute(COMMON_NAME, b"\0R\0o", BMP),
        [attribute(ORGANIZATION, b"a", T61), attribute("1.2.3.4", b"b", PRINTABLE)],
    ),
)


def named(subject: bytes) -> bytes:
    """A certificate of that subject."""
    return certificate(subject=subject)


def alternative(*names: bytes) -> bytes:
    """A certificate with those names in subjectAltName."""
    return certificate(san(*names))


def raw(oid: str, octets: bytes) -> bytes:
    """A certificate with one extension, which holds `octets`."""
    return certificate(extension(oid, octets))


def relative(value: bytes) -> bytes:
    """A DistributionPoint with a nameRelativeToCRLIssuer."""
    return seq(tlv(0xA0, tlv(0xA1, attribute(COMMON_NAME, value))))


NAMES = {
    "no subject": named(seq()),
    "no names at all": certificate(subject=seq(), issuer=seq()),
    "two attributes in an RDN": named(
        name(
            [attribute(COMMON_NAME, b"a"), attribute(ORGANIZATION, b"b")],
            attribute("2.5.4.11", b"c"),
        )
    ),
    "RDNs without attributes": named(
        seq(
            tlv(0x31),
            tlv(0x31, attribute(COMMON_NAME, b"a")),
            tlv(0x31),
            tlv(0x31, attribute(COMMON_NAME, b"b")),
        )
    ),
    "nothing but RDNs without attributes": named(seq(tlv(0x31), tlv(0x31))),
    "unknown object identifiers": named(
        name(*(attribute(oid, b"v") for oid in ("1.2.3.4.5", "2.999.3", "0.0", f"2.5.4.{10**30}")))
    ),
    "long names": named(
        name(*(attribute(oid, b"v") for oid in ("1.2", "2.5.29.17", "0.9.2342.19200300.100.1.25")))
    ),
    **{
        f"a {kind} {value!r}": named(cn(value, tag))
        for kind, tag in (
            ("NumericString", NUMERIC),
            ("PrintableString", PRINTABLE),
            ("T61String", T61),
            ("IA5String", IA5),
        )
        for value in (b"", b"ab", b"A\xe9\0b", b"\xff\x80\n")
    },
    **{
        f"a UTF8String {value!r}": named(cn(value))
        for value in (
            b"",
            b"\0",
            b"S\xc3\xa9same",
            b"\xef\xbf\xbe",
            b"\xef\xbb\xbfa",
            "😀".encode(),
        )
    },
    **{
        f"a BMPString {value!r}": named(cn(value, BMP))
        for value in (b"", b"ab", b"\0A\0\0", b"\xff\xfe", b"\xfe\xff\0a")
    },
    **{
        f"a UniversalString {value!r}": named(cn(value, UNIVERSAL))
        for value in (b"", b"\0\0\0A", b"\0\1\xf6\0", b"\0\0\0\0")
    },
    "a SEQUENCE": named(cn(b"\x30\x01", 0x30)),
    "an ObjectDescriptor": named(cn(b"x", 0x07)),
    "a string in pieces": named(cn(tlv(UTF8, b"a") + tlv(0x04, b"b"), UTF8 | 0x20)),
    "a string in pieces of pieces": named(
        name(
            seq(
                obj(COMMON_NAME),
                indefinite(0x2C, indefinite(0x2C, tlv(UTF8, b"a")), tlv(UTF8, b"b")),
            )
        )
    ),
    "a name of indefinite length": named(indefinite(0x30, tlv(0x31, attribute(COMMON_NAME, b"q")))),
    "a length in more octets than it takes": named(b"\x30\x82\x00" + cn(b"q")[1:]),
    "a SEQUENCE with a long tag": named(b"\x3f\x10" + cn(b"q")[1:]),
}

# With the octets that are told: those bits that do not count are zero
BIT_STRINGS = {
    named(cn(octets, BIT_STRING)): told
    for octets, told in (
        (b"\0", None),
        (b"\1", None),
        (b"\0a", b"a"),
        (b"\7a", b"\0"),
        (b"\3\xff", b"\xf8"),
        (b"\4\xff\xff", b"\xff\xf0"),
    )
}

NUMBERS = {
    **{
        f"serial number {number}": certificate(serial=integer(number))
        for number in (0, 1, 127, 128, 255, 256, -1, -128, -129, -255, -256)
    },
    **{
        f"a serial number of {number.bit_length()} bits": certificate(serial=integer(number))
        for number in (1 << 63, (1 << 159) - 1, (1 << 280) - 1, 1 << 280, 1 << 9000, -1 << 300)
    },
    "a serial number with a long tag": certificate(serial=b"\x1f\x02\x01\x05"),
    "no version": certificate(version=V1),
    **{
        f"version {number}": certificate(version=tlv(0xA0, integer(number)))
        for number in (0, 1, 3, 127, -1, -2, 1 << 31, (1 << 63) - 2, 1 << 63, 1 << 64, -1 << 70)
    },
}

DATES = {
    **{
        f"the date {text!r}": certificate(not_before=utc(text))
        for text in (b"500101000000Z", b"491231235959Z", b"000228010203Z", b"240229000000Z")
    },
    **{
        f"the date {text!r}": certificate(not_after=generalized(text))
        for text in (
            b"19500101000000Z",
            b"20501130000000Z",
            b"99991231235959Z",
            b"00000101000000Z",
            b"00500101000000Z",
            b"01000101000000Z",
            b"20000229000000Z",
            b"20260101000000.123Z",
        )
    },
    "a date in pieces": certificate(not_before=tlv(0x37, utc(b"2601010"), utc(b"00000Z"))),
    "a long UTCTime": certificate(not_before=utc(b"20260101000000Z")),
}

ALTERNATIVE_NAMES = {
    **{
        what: alternative(dns(b"first"), element, dns(b"last"))
        for what, element in {
            "a DNS name": dns(b"a.example"),
            "an empty DNS name": dns(b""),
            "a DNS name with a NUL": dns(b"a\0.example"),
            "a DNS name that is no UTF-8": dns(b"\xff"),
            "a DNS name in pieces": tlv(0xA2, tlv(IA5, b"a"), tlv(0x04, b"b")),
            "a DNS name of indefinite length": indefinite(0xA2, tlv(IA5, b"a")),
            "a DNS name with a long tag": b"\x9f\x02\x01a",
            "a DNS name with a length in three octets": b"\x82\x82\x00\x01a",
            "a DNS name that is cut short": b"\x82\x7fa",
            "a mail address": tlv(0x81, b"me@example.test"),
            "a URI": URL,
            "an IPv4 address": tlv(0x87, bytes((192, 0, 2, 1))),
            "an IPv6 address": tlv(0x87, bytes(range(16))),
            "the IPv6 loopback": tlv(0x87, bytes(15) + b"\1"),
            "a network": tlv(0x87, bytes(8)),
            "an IP address without octets": tlv(0x87),
            "a registered name": tlv(0x88, octets_of(COMMON_NAME)),
            "a registered number": tlv(0x88, octets_of("1.2.3.4.5")),
            "a registered number of 585 octets": tlv(0x88, b"\x2a" + b"\x01" * 584),
            "a registered nothing": tlv(0x88),
            "a registered number with a leading zero": tlv(0x88, b"\x2a\x80\x01"),
            "a registered number without an end": tlv(0x88, b"\x2a\x83"),
            "an unknown other name": other("1.2.3", tlv(UTF8, b"v")),
            "an other name with a deep value": other("1.2.3", b"\x30\x80" * 40 + b"\0\0" * 40),
            "an other name with garbage": other("1.2.3", b"\x30\x05"),
            "an other name the wrong way round": tlv(
                0xA0, tlv(0xA0, tlv(UTF8, b"v")), obj("1.2.3")
            ),
            "an X.400 name": tlv(0xA3, seq()),
            "an X.400 name of garbage": tlv(0xA3, b"ab"),
            "a primitive X.400 name": tlv(0x83, b"ab"),
            "a bad EDI name": tlv(0xA5, tlv(0x81, b"p")),
            "a directory name": tlv(
                0xA4, name([attribute(COMMON_NAME, b"a"), attribute("1.2.3", b"b")])
            ),
            "an empty directory name": tlv(0xA4, seq()),
            "a directory name that is no UTF-8": tlv(0xA4, cn(b"\xff")),
            "a directory name with an ObjectDescriptor": tlv(0xA4, cn(b"x", 0x07)),
            "two directory names in one": tlv(0xA4, cn(b"a"), cn(b"b")),
            "a primitive directory name": tlv(0x84),
            "a directory name in BER": tlv(
                0xA4,
                indefinite(
                    0x30,
                    indefinite(
                        0x31, indefinite(0x30, obj(COMMON_NAME), indefinite(0x2C, tlv(UTF8, b"a")))
                    ),
                ),
            ),
            "an unknown kind of name": tlv(0x89, b"a"),
            "a string in place of a name": tlv(UTF8, b"a"),
            "an end-of-contents in place of a name": b"\0\0",
        }.items()
    },
    "no alternative names": alternative(),
    "what is no UTF-8 before what is no name": alternative(dns(b"\xff"), tlv(0x89, b"a")),
    "a critical extension": certificate(san(dns(b"a"), critical=tlv(0x01, b"\xff"))),
    "an extension that is said not to be critical": certificate(
        san(dns(b"a"), critical=tlv(0x01, b"\0"))
    ),
    "two extensions of a kind": certificate(san(dns(b"a")), san(dns(b"b"))),
    "three extensions of a kind": certificate(*[san(dns(b"a"))] * 3),
    "two of a kind, one of them without names": certificate(san(), san(dns(b"b"))),
    "extensions in version 1": certificate(san(dns(b"a")), version=V1),
    "unique identifiers": certificate(san(dns(b"a")), ids=tlv(0x81, b"\0a") + tlv(0x82, b"\0b")),
    "an extension in pieces": certificate(
        seq(obj(SUBJECT_ALT_NAME), tlv(0x24, tlv(0x04, b"\x30\x03"), tlv(0x04, b"\x82\x01a")))
    ),
    "an object identifier with a length in two octets": certificate(
        seq(b"\x06\x81\x03" + octets_of(SUBJECT_ALT_NAME), tlv(0x04, seq(dns(b"a"))))
    ),
}

GARBAGE = {
    f"{what} in {where}": raw(oid, octets)
    for where, oid, sound in (
        ("subjectAltName", SUBJECT_ALT_NAME, seq(dns(b"abc"))),
        ("authorityInfoAccess", AUTHORITY_INFO_ACCESS, seq(seq(obj(OCSP), URL))),
        ("cRLDistributionPoints", CRL_DISTRIBUTION_POINTS, seq(point(URL))),
    )
    for what, octets in {
        "nothing": b"",
        "an empty SEQUENCE": seq(),
        "a SET": b"\x31" + sound[1:],
        "a string": tlv(UTF8, b"abc"),
        "what is cut short": sound[:-1],
        "what goes on": sound + b"\0",
        "BER": indefinite(0x30, sound[2:]),
        "BER without an end": b"\x30\x80" + sound[2:],
        "a very long tag": b"\xff" * 200,
        "a very long length": b"\x30\xff" + b"\xff" * 200,
        "a SEQUENCE of garbage": seq(b"\x30\x05\x06"),
        "a SEQUENCE of an empty one": seq(seq()),
        "zeros": bytes(10),
    }.items()
}

PLACES = {
    "places in any order": certificate(aia((OCSP, URL), (CA_ISSUERS, URL), (OCSP, uri(b"b")))),
    "CA issuers alone": certificate(aia((CA_ISSUERS, URL))),
    "an unknown method": certificate(aia(("1.2.3", URL), (OCSP, URL))),
    "places that are no URI": certificate(
        aia(
            (OCSP, tlv(0xA4, cn(b"a"))),
            (OCSP, tlv(0x88, b"\x2a")),
            (OCSP, tlv(0x87, b"a")),
            (OCSP, URL),
        )
    ),
    "no place that is a URI": certificate(aia((OCSP, dns(b"a")))),
    "a malformed place": certificate(aia((OCSP, tlv(0xA4, b"a")), (OCSP, URL))),
    "a place with a NUL, and an empty one": certificate(
        aia((OCSP, uri(b"a\0b")), (OCSP, uri(b"")))
    ),
    "a place that is no UTF-8": certificate(aia((CA_ISSUERS, uri(b"\xff")))),
    "a method that is no object identifier": raw(
        AUTHORITY_INFO_ACCESS, seq(seq(tlv(0x06), URL), seq(obj(OCSP), URL))
    ),
    "a method with another tag": raw(
        AUTHORITY_INFO_ACCESS, seq(seq(tlv(0x04, octets_of(OCSP)), URL))
    ),
    "a place in a SET": raw(AUTHORITY_INFO_ACCESS, seq(tlv(0x31, obj(OCSP), URL))),
    "two places for a method": raw(AUTHORITY_INFO_ACCESS, seq(seq(obj(OCSP), URL, URL))),
    "twice places": certificate(aia((OCSP, URL)), aia((CA_ISSUERS, URL))),
    "several points with several names": certificate(
        crl(
            point(uri(b"1"), dns(b"x"), uri(b"2")),
            point(uri(b"3"), more=tlv(0x81, b"\1\6")),
            point(uri(b"4"), more=tlv(0xA2, tlv(0xA4, cn(b"i")))),
        )
    ),
    "a point in BER": raw(
        CRL_DISTRIBUTION_POINTS,
        indefinite(
            0x30,
            indefinite(
                0x30,
                indefinite(
                    0xA0, indefinite(0xA0, indefinite(0xA6, tlv(IA5, b"a"), tlv(IA5, b"b")))
                ),
            ),
        ),
    ),
    "a relative name": certificate(crl(relative(b"a"), point(uri(b"3")))),
    "nothing but a relative name": certificate(crl(relative(b"a"))),
    "a relative name that is no UTF-8": certificate(crl(relative(b"\xff"), point(URL))),
    "a point with an issuer alone": certificate(
        crl(seq(tlv(0xA2, tlv(0xA4, cn(b"i")))), point(URL))
    ),
    "an empty point": certificate(crl(seq(), point(URL))),
    "a point without names": certificate(crl(point())),
    "a point without a form": certificate(crl(seq(tlv(0xA0)), point(URL))),
    "a point with two forms": certificate(crl(seq(tlv(0xA0, tlv(0xA0, URL), tlv(0xA0, URL))))),
    "a point with two names for it": certificate(crl(seq(*[tlv(0xA0, tlv(0xA0, URL))] * 2))),
    "a point the wrong way round": certificate(
        crl(seq(tlv(0x81, b"\1\6"), tlv(0xA0, tlv(0xA0, URL))))
    ),
    "a point with bad reasons": certificate(crl(point(URL, more=tlv(0x81, b"\x09\6")))),
    "a point with an unknown part": certificate(crl(point(URL, more=tlv(0xA3)))),
    "a point with a bad name": certificate(crl(point(tlv(0x88, b"\x80"), URL))),
    "a point that is no UTF-8": certificate(crl(point(uri(b"\xff")))),
    "points twice": certificate(crl(point(URL)), crl(point(URL))),
    "extensions in another order": certificate(
        crl(point(URL)), aia((CA_ISSUERS, URL)), san(dns(b"a"))
    ),
    "a certificate of indefinite length": indefinite(0x30, certificate()[3:]),
}

SAME = {
    "ordinary": ORDINARY,
    **NAMES,
    **NUMBERS,
    **DATES,
    **ALTERNATIVE_NAMES,
    **GARBAGE,
    **PLACES,
}

BY_RELEASE = {
    "rich": RICH,
    **{
        f"{value!r}, which is no text": named(cn(value, tag))
        for value, tag in (
            (b"\xff", UTF8),
            (b"\xed\xa0\x80", UTF8),
            (b"\xf4\x90\x80\x80", UTF8),
            (b"\xd8\x00", BMP),
            (b"\xd8\x3d\xde\x00", BMP),
            (b"\0\x11\0\0", UNIVERSAL),
            (b"\0\0\xd8\0", UNIVERSAL),
            (b"a", BMP),
            (b"abc", UNIVERSAL),
        )
    },
    **{
        f"the date {text!r}": certificate(not_before=utc(text))
        for text in (
            b"2601010000Z",
            b"260101000060Z",
            b"260101000000+0100",
            b"260101000000-0530",
            b"260132000000Z",
            b"260229000000Z",
            b"260101240000Z",
            b"260101006000Z",
            b"260101000000",
            b"",
            b"Z",
            b"2601a1000000Z",
            b"260001000000Z",
            b"260100000000Z",
            b"261301000000Z",
            b"260101000000z",
            b"260101000000+2500",
            b"000101000000+0100",
            b"+60101000000Z",
            b"260101000000Z\0",
        )
    },
    **{
        f"the date {text!r}": certificate(not_after=generalized(text))
        for text in (
            b"20260101000000",
            b"20260101000000+0100",
            b"20260101000000.5+0100",
            b"20260230000000Z",
            b"202601010000Z",
            b"99991231235959-0100",
            b"00000101000000+0100",
            b"20260101000000,5Z",
            b"21000229000000Z",
            b"",
            b"20260101000000." + b"1" * 3000 + b"Z",
        )
    },
    **{
        what: alternative(dns(b"first"), element)
        for what, element in {
            "an EDI name": tlv(0xA5, tlv(0xA0, tlv(PRINTABLE, b"q")), tlv(0xA1, tlv(UTF8, b"p"))),
            "a principal": other(UPN, tlv(UTF8, b"me@EXAMPLE")),
            "a principal with a colon": other(UPN, tlv(UTF8, b"a:b")),
            "a principal in two lines": other(UPN, tlv(UTF8, b"a\nb")),
            "a principal with a NUL": other(UPN, tlv(UTF8, b"a\0b")),
            "a principal in another string": other(UPN, tlv(IA5, b"me")),
            "a principal of 3000 octets": other(UPN, tlv(UTF8, b"x" * 3000)),
            "a mail box": other(SMTP, tlv(UTF8, b"m\xc3\xa9")),
            "a mail box that is no UTF-8": other(SMTP, tlv(UTF8, b"m\xff")),
            "a service": other("1.3.6.1.5.5.7.8.7", tlv(0x36, tlv(IA5, b"_x"), tlv(IA5, b".a"))),
            "a registered number of 586 octets": tlv(0x88, b"\x2a" + b"\x01" * 586),
            "a registered number of 3000 octets": tlv(0x88, b"\x2a" + b"\x01" * 3000),
            "a registered number with a large arc": tlv(0x88, b"\x2a" + b"\xff" * 580 + b"\1"),
        }.items()
    },
}


def parsed(octets: bytes) -> Certificate:
    """The certificate as OpenSSL understands it; SSLError when it does not."""
    pointer = byref(cast(c_char_p(octets), c_void_p))
    return Certificate._of(libcrypto.d2i_X509(None, pointer, len(octets)))
