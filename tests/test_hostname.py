"""Host names against certificates: a table everywhere, chance where `ssl` can still be asked."""

from __future__ import annotations

import doctest
import random
import socket
import ssl
import warnings
from types import ModuleType
from typing import Any, Callable

import pytest

from pytls import hostname
from pytls.errors import CertificateError
from pytls.hostname import match_hostname

STILL_THERE = hasattr(ssl, "match_hostname")  # until Python 3.11
MODULES = [hostname, *([ssl] if STILL_THERE else [])]


def san(*names: str) -> dict[str, Any]:
    """A certificate with these names: `kind!value`, or a DNS name."""
    pairs = (name.split("!") if "!" in name else ("DNS", name) for name in names)
    return {"subject": (), "subjectAltName": tuple((kind, value) for kind, value in pairs)}


def cn(*names: str) -> dict[str, Any]:
    """An old certificate, whose only names are common names, one an RDN."""
    country = (("countryName", "US"),)
    return {"subject": (country, *((("commonName", name),) for name in names))}


def ip(*addresses: str) -> dict[str, Any]:
    """A certificate for IP addresses."""
    return san(*(f"IP Address!{address}" for address in addresses))


def no(name: str, *others: str) -> tuple[type, str]:
    """The refusal that names what is in the certificate."""
    names = ("either of " if len(others) > 1 else "") + ", ".join(map(repr, others))
    return CertificateError, f"hostname {name!r} doesn't match {names}"


def bad(fault: str, name: str) -> tuple[type, str]:
    """The refusal of a wildcard."""
    return CertificateError, f"{fault}: {name!r}."


TOO_MANY = "too many wildcards in certificate DNS name"
LEFTMOST = "wildcard can only be present in the leftmost label"
SOLE = "sole wildcard without additional labels are not support"
PARTIAL = "partial wildcards in leftmost label are not supported"
NO_NAMES = (CertificateError, "no appropriate commonName or subjectAltName fields were found")
EMPTY = (
    ValueError,
    (
        "empty or no certificate, match_hostname needs a SSL socket or SSL context with either "
        "CERT_OPTIONAL or CERT_REQUIRED"
    ),
)
NEITHER = "{!r} is neither an IPv4 nor an IP6 address."
V6 = "2001:db8::1"

# certificate, host name, None or (class, text) of the exception
CASES: list[tuple[Any, Any, Any]] = [
    # names without a wildcard
    (san("example.com"), "example.com", None),
    (san("example.com"), "EXAMPLE.com", None),
    (san("EXAMPLE.COM"), "example.com", None),
    (san("example.com"), "example.org", no("example.org", "example.com")),
    (san("example.com"), "www.example.com", no("www.example.com", "example.com")),
    (san("example.com"), "example.com.", no("example.com.", "example.com")),
    (san("example.com."), "example.com", no("example.com", "example.com.")),
    (san("example.com."), "example.com.", None),
    (san("example.com"), "", no("", "example.com")),
    (san(""), "example.com", no("example.com", "")),
    (san(""), "", no("", "")),
    (san("localhost"), "localhost", None),
    (san("a.example", "b.example"), "b.example", None),
    (san("a.example", "b.example"), "c.example", no("c.example", "a.example", "b.example")),
    (
        san("example.com\0.evil.example"),
        "example.com",
        no("example.com", "example.com\0.evil.example"),
    ),
    (
        san("example.com"),
        "example.com\0.evil.example",
        no("example.com\0.evil.example", "example.com"),
    ),
    (san("example.com\0.e"), "example.com\0.e", None),
    (san("exämple.com"), "EXÄMPLE.com", None),
    (san("straße.example"), "strasse.example", no("strasse.example", "straße.example")),
    (san("xn--exmple-cua.com"), "exämple.com", no("exämple.com", "xn--exmple-cua.com")),
    (san("xn--exmple-cua.com"), "xn--EXMPLE-cua.com", None),
    (san("example.com"), "\ud800.example", no("\ud800.example", "example.com")),
    # wildcards
    (san("*.example.com"), "www.example.com", None),
    (san("*.example.com"), "WWW.Example.COM", None),
    (san("*.EXAMPLE.com"), "www.example.com", None),
    (san("*.example.com"), "example.com", no("example.com", "*.example.com")),
    (san("*.example.com"), ".example.com", no(".example.com", "*.example.com")),
    (san("*.example.com"), "a.b.example.com", no("a.b.example.com", "*.example.com")),
    (san("*.example.com"), "www.example.com.", no("www.example.com.", "*.example.com")),
    (san("*.example.com"), "*.example.com", None),
    (san("*.example.com"), "xn--exmple-cua.example.com", None),
    (san("*.example.com"), "", no("", "*.example.com")),
    (san("*.com"), "example.com", None),
    (san("*."), "example.", None),
    (san("*."), "example", no("example", "*.")),
    (san("*"), "example", bad(SOLE, "*")),
    (san("*"), "example.com", bad(SOLE, "*")),
    (san("**"), "example", bad(TOO_MANY, "**")),
    (san("*.*.com"), "a.b.com", bad(TOO_MANY, "*.*.com")),
    (san("*a*.com"), "bac.com", bad(TOO_MANY, "*a*.com")),
    (san("www.*.com"), "www.example.com", bad(LEFTMOST, "www.*.com")),
    (san("example.*"), "example.com", bad(LEFTMOST, "example.*")),
    (san(".*"), ".com", bad(LEFTMOST, ".*")),
    (san("f*.com"), "foo.com", bad(PARTIAL, "f*.com")),
    (san("*f.com"), "f.com", bad(PARTIAL, "*f.com")),
    (san("f*"), "foo", bad(SOLE, "f*")),
    (san("xn--*.example"), "xn--a.example", bad(PARTIAL, "xn--*.example")),
    (san("xn--p1b6ci4b4b3a*.xn--a.example"), "x", bad(PARTIAL, "xn--p1b6ci4b4b3a*.xn--a.example")),
    (san("*.exämple.com"), "www.exämple.com", None),
    # a bad one stops the search; one that comes later does not matter
    (san("f*.com", "foo.com"), "foo.com", bad(PARTIAL, "f*.com")),
    (san("foo.com", "f*.com"), "foo.com", None),
    (san("f*.com", "IP Address!127.0.0.1"), "127.0.0.1", None),
    # the common name
    (cn("example.com"), "example.com", None),
    (cn("*.example.com"), "www.example.com", None),
    (cn("a.example", "b.example"), "b.example", None),
    (cn("example.com"), "example.org", no("example.org", "example.com")),
    (cn("a.example", "b.example"), "c.example", no("c.example", "a.example", "b.example")),
    (cn("f*.com"), "foo.com", bad(PARTIAL, "f*.com")),
    (cn("127.0.0.1"), "127.0.0.1", None),
    (cn("*.0.0.1"), "127.0.0.1", None),
    ({**cn("example.com"), "subjectAltName": ()}, "example.com", None),
    ({**san("other.example"), **cn("x")}, "x", no("x", "other.example")),
    ({**ip("127.0.0.1"), **cn("x")}, "x", no("x", "127.0.0.1")),
    ({**san("URI!https://x/"), **cn("x")}, "x", None),
    ({"subject": ((("commonName", "a"), ("commonName", "b")),)}, "b", None),
    # no names, no certificate
    (san(), "example.com", NO_NAMES),
    (cn(), "example.com", NO_NAMES),
    ({"version": 3}, "example.com", NO_NAMES),
    (san("URI!https://example.com/", "email!a@example.com"), "example.com", NO_NAMES),
    ({}, "example.com", EMPTY),
    (None, "example.com", EMPTY),
    ((), "example.com", EMPTY),
    # IP addresses
    (ip("127.0.0.1"), "127.0.0.1", None),
    (ip("127.0.0.1"), "127.0.0.2", no("127.0.0.2", "127.0.0.1")),
    (ip("127.0.0.1\n"), "127.0.0.1", None),
    (ip("127.0.0.1"), "localhost", no("localhost", "127.0.0.1")),
    (san("127.0.0.1"), "127.0.0.1", no("127.0.0.1", "127.0.0.1")),
    (san("*.0.0.1"), "127.0.0.1", no("127.0.0.1", "*.0.0.1")),
    (san("a", "IP Address!10.0.0.1"), "10.0.0.1", None),
    (san("a", "IP Address!10.0.0.1"), "10.0.0.2", no("10.0.0.2", "a", "10.0.0.1")),
    (ip("127.0.0.1"), "127.1", no("127.1", "127.0.0.1")),
    (ip("127.0.0.1"), "2130706433", no("2130706433", "127.0.0.1")),
    (ip("127.0.0.1"), "0x7f.0.0.1", no("0x7f.0.0.1", "127.0.0.1")),
    (ip("127.0.0.1"), "127.0.0.001", no("127.0.0.001", "127.0.0.1")),
    (ip("127.0.0.1"), "127.0.0.1 x", no("127.0.0.1 x", "127.0.0.1")),
    (ip("127.0.0.1"), "127.0.0.1\n", no("127.0.0.1\n", "127.0.0.1")),
    (ip("127.0.0.1"), "127.0.0.1\0", no("127.0.0.1\0", "127.0.0.1")),
    (ip("127.0.0.1"), "::ffff:127.0.0.1", no("::ffff:127.0.0.1", "127.0.0.1")),
    (san("1.2.3"), "1.2.3", None),  # short notation is no address, so a name
    (san("256.0.0.1"), "256.0.0.1", None),
    (san("*.0.0.1"), "256.0.0.1", None),
    (ip("2001:DB8:0:0:0:0:0:1\n"), V6, None),
    (ip("2001:DB8:0:0:0:0:0:1"), "2001:0db8::0001", None),
    (ip(V6), "2001:db8::2", no("2001:db8::2", V6)),
    (ip(V6), "[2001:db8::1]", no("[2001:db8::1]", V6)),
    (ip("FE80:0:0:0:0:0:0:1"), "fe80::1%eth0", no("fe80::1%eth0", "FE80:0:0:0:0:0:0:1")),
    (ip("FE80:0:0:0:0:0:0:1"), "fe80::1%25eth0", no("fe80::1%25eth0", "FE80:0:0:0:0:0:0:1")),
    (san("fe80::1%eth0"), "fe80::1%eth0", None),  # with a zone it is no address, so a name
    (ip("0:0:0:0:0:FFFF:7F00:1"), "::ffff:127.0.0.1", None),
    (ip("example.com"), "127.0.0.1", (ValueError, NEITHER.format("example.com"))),
    (ip(""), "127.0.0.1", (ValueError, NEITHER.format(""))),
    (ip("example.com"), "example.com", no("example.com", "example.com")),
    (ip("127.1"), "127.0.0.1", (ValueError, "'127.1' is not a quad-dotted IPv4 address.")),
    (ip("127.0.0.1\0"), "127.0.0.1", (ValueError, "embedded null character")),
]


def outcome(call: Callable[..., Any], *args: Any) -> Any:
    """What it returned, or the exception's class and arguments."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of `ssl` since Python 3.10
            return call(*args)
    except Exception as error:
        return type(error), error.args


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
@pytest.mark.parametrize(("cert", "name", "expected"), CASES, ids=repr)
def test_a_certificate_is_for_a_host_or_is_not(
    module: ModuleType, cert: Any, name: str, expected: Any
) -> None:
    if expected is not None:
        expected = (expected[0], (expected[1],))

    assert outcome(vars(module)["match_hostname"], cert, name) == expected


@pytest.mark.parametrize("name", [None, b"example.com", 1], ids=repr)
def test_a_host_that_is_no_text_is_a_type_error(name: Any) -> None:
    with pytest.raises(TypeError, match="must be str"):
        match_hostname(san("example.com"), name)


def test_without_ipv6_an_address_of_it_is_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "inet_pton")

    assert outcome(match_hostname, san(V6), V6) is None
    assert outcome(match_hostname, ip("127.0.0.1"), "127.0.0.1") is None
    with pytest.raises(ValueError, match=r"^'2001:db8::1' is not an IPv4 address\.$"):
        match_hostname(ip(V6), "127.0.0.1")


def test_the_examples_in_its_documentation_are_true() -> None:
    assert doctest.testmod(hostname) == (0, 3)


# --- chance

WORDS = [
    *("", ".", "*", "a", "A", "b", "xn--", "*.", ".*", "é", "É", "ß", "\0", "%", "\n", " ", "-"),
    *("example", "com", "127.0.0.1", "10", "0", "1", "255", "::", ":", "fe80", "FFFF", "0x7f"),
]


def text(chance: random.Random) -> str:
    """A name, an address, or neither."""
    return "".join(chance.choices(WORDS, k=chance.randrange(6)))


def certificate(chance: random.Random) -> dict[str, Any]:
    """Some names of some kinds."""
    kinds = chance.choices(["DNS", "DNS", "IP Address", "URI"], k=chance.randrange(4))
    fields = chance.choices(["commonName", "countryName"], k=chance.randrange(3))
    return {
        "subjectAltName": tuple((kind, text(chance)) for kind in kinds),
        "subject": tuple(((field, text(chance)),) for field in fields),
    }


@pytest.mark.skipif(not STILL_THERE, reason="ssl.match_hostname ended with Python 3.11")
@pytest.mark.parametrize("function", ["match_hostname", "_dnsname_match", "_inet_paton"])
def test_ssl_answers_the_same(function: str) -> None:
    ours, theirs = vars(hostname)[function], vars(ssl)[function]
    chance = random.Random(f"{function} 2026")
    seen = set()

    for _ in range(5000):
        host = text(chance)
        arguments: tuple[Any, ...] = (host,)
        if function == "match_hostname":
            arguments = (certificate(chance), host)
        elif function == "_dnsname_match":
            arguments = (chance.choice([text(chance), host, f"*.{host}"]), host)

        answer = outcome(ours, *arguments)

        assert answer == outcome(theirs, *arguments), arguments
        seen.add(answer if isinstance(answer, (bool, type(None))) else type(answer))

    assert len(seen) > 1, "chance must lead to matches and to refusals"
