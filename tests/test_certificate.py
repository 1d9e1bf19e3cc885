"""What is told of a certificate, against what `ssl` tells of the same octets."""

from __future__ import annotations

import random
import ssl
import sys
from pathlib import Path
from typing import Any

import certificates
import der
import pytest
from certificates import parsed
from expected import PRINTS_AS, SAME_LIBRARY

from pytls import _certificate
from pytls import _libcrypto as libcrypto

TELLS_BIT_STRINGS = sys.version_info >= (3, 10)  # `ssl` raised SSLError before

takes_same_library = pytest.mark.skipif(
    not SAME_LIBRARY, reason="what is unusual differs by release, and ssl has another one"
)

Outcome = Any  # a dict, or the class of an exception


def ours(octets: bytes) -> Outcome:
    """What pytls tells of a certificate; SSLError when OpenSSL refuses it."""
    libcrypto.ERR_clear_error()  # `ssl` may have left something, where both have one library
    try:
        return parsed(octets).get_info()
    except (ssl.SSLError, UnicodeDecodeError) as error:
        return type(error)
    finally:
        assert libcrypto.ERR_peek_error() == 0, "nothing is left in the error queue"


def theirs(octets: bytes, file: Path) -> Outcome:
    """What `ssl` tells of it, by way of `file`."""
    file.write_text(ssl.DER_cert_to_PEM_cert(octets))
    try:
        return ssl._ssl._test_decode_cert(str(file))
    except SystemError:
        # From Python 3.10 on, for an object identifier that has no text
        return ssl.SSLError
    except (ssl.SSLError, UnicodeDecodeError) as error:
        return type(error)


def has_bit_string(told: Outcome) -> bool:
    """Whether a name holds what Python 3.9 and older did not tell."""
    if not isinstance(told, dict):
        return False
    names = [value for _, value in told.get("subjectAltName", ()) if isinstance(value, tuple)]
    names += [told["subject"], told["issuer"]]
    return not all(isinstance(value, str) for name in names for rdn in name for _, value in rdn)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where `ssl` is to find a certificate."""
    return tmp_path / "certificate.pem"


def assert_same(octets: bytes, file: Path) -> Outcome:
    """Assert that both tell the same of a certificate, in the same order; what they tell."""
    expected, found = theirs(octets, file), ours(octets)
    if not TELLS_BIT_STRINGS and has_bit_string(found):
        assert expected is ssl.SSLError
        return found
    assert found == expected
    assert not isinstance(found, dict) or list(found) == list(expected)
    return found


# What is told of a certificate


@pytest.mark.parametrize("octets", certificates.SAME.values(), ids=list(certificates.SAME))
def test_a_certificate_is_told_as_ssl_tells_it(octets: bytes, file: Path) -> None:
    told = assert_same(octets, file)
    if isinstance(told, dict):
        told.clear()
        assert ours(octets), "a dict of the caller's own"


@takes_same_library
@pytest.mark.parametrize(
    "octets", certificates.BY_RELEASE.values(), ids=list(certificates.BY_RELEASE)
)
def test_the_unusual_is_told_as_the_same_openssl_tells_it(octets: bytes, file: Path) -> None:
    assert_same(octets, file)


@pytest.mark.parametrize(
    "octets", certificates.BY_RELEASE.values(), ids=list(certificates.BY_RELEASE)
)
def test_the_unusual_is_told_or_refused_by_any_openssl(octets: bytes) -> None:
    assert ours(octets)


@pytest.mark.parametrize(("octets", "value"), certificates.BIT_STRINGS.items())
def test_a_bit_string_is_told_as_octets(octets: bytes, value: bytes | None, file: Path) -> None:
    assert assert_same(octets, file)["subject"] == ((("commonName", value),),)


def test_all_that_is_told_in_its_order() -> None:
    """Without `ssl`: so that this holds for any OpenSSL and Python."""
    url = "http://example.test/"
    other_name = "UPN:me" if PRINTS_AS == 2 else "<unsupported>"
    told = ours(certificates.RICH)
    assert list(told.items()) == [
        (
            "subject",
            (
                (("commonName", "Ro"),),
                (("organizationName", "a"), ("1.2.3.4", "b")),
            ),
        ),
        ("issuer", ((("commonName", "issuer"),),)),
        ("version", 3),
        ("serialNumber", "01"),
        ("notBefore", "Jan  2 03:04:05 2026 GMT"),
        ("notAfter", "Nov 30 23:59:59 2036 GMT"),
        (
            "subjectAltName",
            (
                ("DNS", "example.test"),
                ("email", "me@example.test"),
                ("IP Address", "127.0.0.1"),
                ("Registered ID", "1.2.3"),
                ("DirName", ((("commonName", "directory"),),)),
                ("othername", other_name),
            ),
        ),
        ("caIssuers", (url,)),
        ("crlDistributionPoints", (url, url, url)),
    ]


@pytest.mark.parametrize(
    ("text", "by_release"),
    [
        (
            b"260101000000+0100",
            ["Jan  1 00:00:00 2026", "Dec 31 23:00:00 2025", "Dec 31 23:00:00 2025 GMT"],
        ),
        (
            b"260229000000Z",
            ["Feb 29 00:00:00 2026 GMT", "Bad time value", "Bad time value"],
        ),
        (
            b"280229000000Z",
            ["Feb 29 00:00:00 2028 GMT"] * 3,
        ),
        (
            b"260101000060Z",
            ["Jan  1 00:00:60 2026 GMT", "Bad time value", "Bad time value"],
        ),
    ],
)
def test_an_unusual_date_is_told_as_the_release_tells_it(
    text: bytes, by_release: list[str]
) -> None:
    """The releases: before 1.1.0, before 3.0, since."""
    told = ours(der.certificate(not_before=der.utc(text)))
    assert told["notBefore"] == by_release[PRINTS_AS]


def test_every_day_is_told_as_openssl_prints_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The reading here and OpenSSL's agree on times that are, and that are not."""
    chance = random.Random(2026)
    dates = [
        der.certificate(
            not_before=der.utc(b"%02d%02d%02d%02d%02d%02dZ" % tuple(map(chance.randrange, limits)))
        )
        for limits in [(100, 14, 33, 25, 61, 61)] * 300 + [(100, 13, 29, 24, 60, 60)] * 300
    ]
    read = [ours(date) for date in dates]
    monkeypatch.setattr("pytls._certificate._CALENDAR", {})
    assert [ours(date) for date in dates] == read
    assert sum(date["notBefore"] != "Bad time value" for date in read) > 250


def test_a_mutated_certificate_is_told_as_ssl_tells_it(file: Path) -> None:
    """Whatever octets change, no other exception comes; with the same OpenSSL, the same answer."""
    chance = random.Random(7)
    ordinary = [octets for octets in certificates.SAME.values() if len(octets) < 1000]
    originals = [certificates.ORDINARY, certificates.RICH] * len(ordinary) + ordinary
    # Octets that mean something to BER: lengths, and the tags that are read here
    telling = bytes(range(8)) + bytes.fromhex("0c1314161c1e1f24303181828488a0a1a2a4a68087ff")
    taken = 0
    for _ in range(5000):
        octets = bytearray(chance.choice(originals))
        for _ in range(chance.choice((1, 1, 2, 3))):
            octets[chance.randrange(len(octets))] = chance.choice(
                (chance.choice(telling), chance.randrange(256))
            )
        told = assert_same(bytes(octets), file) if SAME_LIBRARY else ours(bytes(octets))
        taken += isinstance(told, dict)
    assert taken > 1000


def test_an_object_identifier_without_text_raises_ssl_error() -> None:
    """Python 3.10 and newer raise SystemError for it, by mistake."""
    long = der.seq(der.tlv(0x06, b"\x2a" + b"\1" * 700), der.tlv(der.UTF8, b"v"))
    told = ours(der.certificate(subject=der.name(long)))
    assert told is ssl.SSLError or PRINTS_AS < 2


def test_a_large_certificate_is_not_kept() -> None:
    """Whoever shows many of them fills nobody's memory."""
    _certificate._decode.cache_clear()
    many = [
        der.certificate(der.san(*[der.dns(b"")] * 5000), serial=der.integer(n)) for n in range(9)
    ]
    assert [len(ours(octets)["subjectAltName"]) for octets in many] == [5000] * 9
    assert not _certificate._decode.cache_info().currsize


def test_names_larger_than_any_cache_are_told() -> None:
    name = der.name(*[der.attribute(der.ORGANIZATION, b"%04d" % n) for n in range(1000)])
    told = ours(der.certificate(subject=name))
    assert [rdn[0][1] for rdn in told["subject"]] == [f"{n:04}" for n in range(1000)]
