"""The handle of a certificate, object identifiers, PEM and dates: the same as in `ssl`."""

from __future__ import annotations

import _strptime
import calendar
import contextlib
import copy
import pickle
import ssl
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import certificates
import der
import pytest
from certificates import parsed
from expected import SAME_LIBRARY

import pytls
from pytls import _libcrypto as libcrypto
from pytls.constants import ENCODING_DER, ENCODING_PEM
from pytls.x509 import Certificate, nid2obj, txt2obj

HAS_CERTIFICATES = hasattr(ssl._ssl, "Certificate")  # since 3.10

takes_same_library = pytest.mark.skipif(
    not SAME_LIBRARY, reason="ssl has another release of OpenSSL, which knows other names"
)


# The handle of a certificate


def test_a_certificate_is_equal_to_the_same_octets() -> None:
    one, same = parsed(certificates.RICH), parsed(certificates.RICH)
    another = parsed(certificates.ORDINARY)
    assert one == same
    assert hash(one) == hash(same)
    assert one != another
    assert one != certificates.RICH
    with pytest.raises(TypeError):
        assert one < another


def test_the_forms_of_a_certificate() -> None:
    certificate = parsed(certificates.RICH)
    pem = ssl.DER_cert_to_PEM_cert(certificates.RICH)
    assert certificate.public_bytes() == pem
    assert certificate.public_bytes(ENCODING_PEM) == pem
    assert certificate.public_bytes(format=ENCODING_DER) == certificates.RICH
    with pytest.raises(ValueError, match=r"^Unsupported format$"):
        certificate.public_bytes(3)
    with pytest.raises(TypeError):
        certificate.public_bytes("PEM")


def test_a_certificate_is_neither_made_nor_copied_nor_pickled() -> None:
    certificate = parsed(certificates.ORDINARY)
    with pytest.raises(TypeError, match=r"^cannot create '_ssl\.Certificate' instances$"):
        Certificate()
    for function in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"^cannot pickle '_ssl\.Certificate' object$"):
            function(certificate)


SUBJECTS = {
    "in order": der.name(der.attribute("2.5.4.6", b"DE"), der.attribute(der.COMMON_NAME, b"a")),
    "several": der.name([der.attribute("2.5.4.6", b"DE"), der.attribute(der.COMMON_NAME, b"a")]),
    "escaped": der.cn(b' a,b+"c"=\\<d>;#\n\0\x7f '),
    "beyond ASCII": der.cn("Sésame 😀".encode()),
    "unknown": der.name(der.attribute("1.2.3.4", b"a", 0x13)),
    "long": der.name(*[der.attribute(der.COMMON_NAME, b"%04d" % n) for n in range(1000)]),
}


@pytest.mark.skipif(not HAS_CERTIFICATES, reason="_ssl.Certificate is there since Python 3.10")
@takes_same_library
@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=list(SUBJECTS))
def test_a_certificate_is_that_of_ssl(subject: bytes, tmp_path: Path) -> None:
    octets = der.certificate(subject=subject)
    ours, theirs = parsed(octets), by_ssl(octets, tmp_path / "credentials.pem")
    assert repr(ours) == repr(theirs)
    assert hash(ours) == hash(theirs)
    assert ours.get_info() == theirs.get_info()
    assert ours.public_bytes(ENCODING_DER) == theirs.public_bytes(ENCODING_DER)


def test_a_certificate_without_subject_shows_itself() -> None:
    """That of `ssl` raises SSLError, for an error that is none."""
    certificate = parsed(der.certificate(subject=der.seq()))
    assert repr(certificate) == "<_ssl.Certificate ''>"


def by_ssl(octets: bytes, file: Path) -> Any:
    """A `_ssl.Certificate`: they are made only for what a peer has sent."""
    key = ssl.DER_cert_to_PEM_cert(der.PRIVATE_KEY).replace("CERTIFICATE", "EC PRIVATE KEY")
    file.write_text(key + ssl.DER_cert_to_PEM_cert(octets))
    contexts = [ssl.SSLContext(kind) for kind in (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER)]
    contexts[0].check_hostname = False
    contexts[0].verify_mode = ssl.CERT_NONE
    contexts[1].load_cert_chain(file)
    one, two = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = contexts[0].wrap_bio(one, two)
    server = contexts[1].wrap_bio(two, one, server_side=True)
    for end in (client, server, client):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return client._sslobj.get_unverified_chain()[0]


# Object identifiers


def said(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call returned or what it raised, in words; those of a TypeError are Python's own."""
    try:
        return call(*args, **kwargs)
    except TypeError:
        return TypeError
    except Exception as error:
        return type(error), str(error)


@takes_same_library
def test_every_number_is_the_same_object_identifier() -> None:
    for nid in range(-1, 1600):
        assert said(nid2obj, nid) == said(ssl._ssl.nid2obj, nid)


@pytest.mark.parametrize("nid", [0, 13, 129, -1, 1 << 31, -1 << 40, 1.0, "13", None, True])
def test_a_number_of_an_object_identifier(nid: Any) -> None:
    assert said(nid2obj, nid) == said(ssl._ssl.nid2obj, nid)


@pytest.mark.parametrize("name", [False, True, 0, "yes"], ids=repr)
@pytest.mark.parametrize(
    "text",
    [
        "1.3.6.1.5.5.7.3.1",
        "serverAuth",
        "TLS Web Server Authentication",
        "2.5.4.3",
        "CN",
        "2.999",
        "1.2.3.99",
        "",
        "x",
        " 2.5.4.3",
        "2.5.4.3 ",
        "2.5.4.3.",
        "40.1",
        "1.40",
        "1",
        "é" * 60,
        "x" * 150,
        "2.5.4.3\0",
        "\ud800",
        b"CN",
        None,
        13,
    ],
)
def test_a_text_of_an_object_identifier(text: Any, name: Any) -> None:
    theirs = said(ssl._ssl.txt2obj, text, name=name)
    libcrypto.ERR_clear_error()
    assert said(txt2obj, text, name) == theirs
    assert libcrypto.ERR_peek_error() == 0, "nothing is left in the error queue"


@pytest.mark.parametrize("purpose", ["SERVER_AUTH", "CLIENT_AUTH"])
def test_a_purpose_is_that_of_ssl(purpose: str) -> None:
    ours, theirs = getattr(pytls.Purpose, purpose), getattr(ssl.Purpose, purpose)
    assert ours == theirs
    assert repr(ours) == repr(theirs)
    assert (ours.nid, ours.shortname, ours.longname, ours.oid) == theirs
    assert isinstance(ours, pytls._ASN1Object)
    assert type(ours).__module__ == type(theirs).__module__
    assert pytls._ASN1Object.__module__ == "ssl"


@pytest.mark.parametrize("module", [ssl, pytls], ids=["ssl", "pytls"])
def test_the_ways_to_look_up_an_object_identifier(module: ModuleType) -> None:
    kind = module._ASN1Object
    found = kind("1.3.6.1.5.5.7.3.1")
    assert found == (129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1")
    assert found._fields == ("nid", "shortname", "longname", "oid")
    assert kind.fromnid(129) == kind.fromname("serverAuth") == found
    assert [member.value for member in module.Purpose] == list(module.Purpose)
    with pytest.raises(ValueError, match=r"^unknown object 'serverAuth'$"):
        kind("serverAuth")


# PEM and dates


PEM = [
    "{0}{1}",
    "{0}\n{1}",
    "{0}\nYQ==\n{1}\n",
    "{0}\nYQ==\n{1}\n\n \t",
    "{0}\r\nYQ==\r\n{1}\r\n",
    "{0}YQ=={1}",
    " {0}YQ=={1}",
    "{0}YQ=={1}x",
    "{0}",
    "{1}",
    "",
    "{0}Y!Q=\n={1}",
    "{0}YQ{1}",
    "{0}Y{1}",
    "{0}é{1}",
    "{0}YQ==YWI={1}",
    "{0}YQ=={1}{0}YWI={1}",
    "-----BEGIN CERTIFICATE---------END CERTIFICATE-----",
]


@pytest.mark.parametrize("text", PEM, ids=repr)
def test_pem_becomes_der(text: str) -> None:
    pem = text.format(ssl.PEM_HEADER, ssl.PEM_FOOTER)
    theirs = said(ssl.PEM_cert_to_DER_cert, pem)
    assert said(pytls.PEM_cert_to_DER_cert, pem_cert_string=pem) == theirs


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN CERTIFICATE-----", None, 5], ids=repr)
def test_what_is_no_text_is_no_pem(pem: Any) -> None:
    assert said(pytls.PEM_cert_to_DER_cert, pem) == said(ssl.PEM_cert_to_DER_cert, pem)


@pytest.mark.parametrize("octets", [b"", b"a", b"a" * 47, b"a" * 48, b"a" * 49, b"\xff" * 500])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_der_becomes_pem_and_der_again(octets: bytes, kind: Callable[[bytes], Any]) -> None:
    pem = pytls.DER_cert_to_PEM_cert(der_cert_bytes=kind(octets))
    if octets or sys.version_info >= (3, 15):  # before, nothing had no empty line
        assert pem == ssl.DER_cert_to_PEM_cert(octets)
    assert pytls.PEM_cert_to_DER_cert(pem) == octets


@pytest.mark.parametrize("der_", ["a", None, [1], 5], ids=repr)
def test_what_is_not_bytes_like_is_no_der(der_: Any) -> None:
    with pytest.raises(TypeError, match=r"^a bytes-like object is required, not "):
        pytls.DER_cert_to_PEM_cert(der_)


DATES = [
    "May  9 00:00:00 2007 GMT",
    "Jan  5 09:34:43 2018 GMT",
    "JaN  5 09:34:43 2018 GmT",
    "Jan 05 9:4:3 2018 GMT",
    "Dec 31 23:59:59 9999 GMT",
    "Jan  1 00:00:00 0001 GMT",
    "Feb 29 00:00:00 2024 GMT",
    "Feb 29 00:00:00 2023 GMT",
    "Apr 31 00:00:00 2026 GMT",
    "Dec 31 23:59:60 2008 GMT",
    "Dec 31 23:59:61 2008 GMT",
    "Dec 31 23:59:62 2008 GMT",
    "Jan\t1\n00:00:00  2026 GMT",
    "Jan  1 00:00:00 ٢٠٢٦ GMT",
    "\u017fep  1 00:00:00 2026 GMT",
    "Jan  5 09:34 2018 GMT",
    "Jan  5 09:34:43 2018",
    "Jan  5 09:34:43 2018 UTC",
    "Jan 35 09:34:43 2018 GMT",
    "Jan  0 09:34:43 2018 GMT",
    "Jon  5 09:34:43 2018 GMT",
    "Jan  5 24:00:00 2018 GMT",
    "Jan  5 09:60:43 2018 GMT",
    "Jan  1 00:00:00 0 GMT",
    "Jan  1 00:00:00 0000 GMT",
    "Jan  1 00:00:00 20260 GMT",
    "Jan  1 00:00:00.5 2026 GMT",
    " Jan  1 00:00:00 2026 GMT",
    "Jan  1 00:00:00 2026 GMT ",
    "Jan1 00:00:00 2026 GMT",
    "Bad time value",
    "",
    "J",
    b"Jan  5 09:34:43 2018 GMT",
    None,
    5,
]


@pytest.mark.parametrize("date", DATES, ids=repr)
def test_a_date_is_as_many_seconds_as_for_ssl(date: Any) -> None:
    theirs = said(ssl.cert_time_to_seconds, date)
    assert said(pytls.cert_time_to_seconds, cert_time=date) == theirs


def test_a_month_is_english_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    months = ["", *(f"mes{n}" for n in range(1, 13))]
    monkeypatch.setattr(calendar, "month_abbr", months)
    monkeypatch.setattr(_strptime, "_TimeRE_cache", _strptime.TimeRE())
    monkeypatch.setattr(_strptime, "_regex_cache", {})
    with pytest.raises(ValueError, match="does not match format"):
        time.strptime("May", "%b")
    assert pytls.cert_time_to_seconds("May  9 00:00:00 2007 GMT") == 1178668800
