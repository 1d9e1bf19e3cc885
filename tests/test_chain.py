"""A certificate for a person to read: keys and names of every kind, also such as mean ill."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from expected import lacks, needs

from pytls import _libcrypto
from pytls._chain import describe, rows
from pytls._report import table

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(
    key: Any = KEY,
    subject: str = "somebody",
    names: x509.ExtensionType | None = None,
    since: dt.datetime = dt.datetime(2000, 1, 1),
    until: dt.datetime = dt.datetime(2100, 1, 1),
) -> bytes:
    """One that signed itself, in DER."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)] if subject else [])
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial_number=7)
    builder = builder.not_valid_before(since).not_valid_after(until)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.DER)


def told(der: bytes) -> str:
    """The rows as they are shown."""
    return table(rows(describe(der)))


@pytest.mark.parametrize(
    ("key", "kind", "bits"),
    [
        (KEY, "EC prime256v1", 256),
        (ec.generate_private_key(ec.SECP384R1()), "EC secp384r1", 384),
        (rsa.generate_private_key(65537, 2048), "RSA", 2048),
        pytest.param(ed25519.Ed25519PrivateKey.generate(), "ED25519", None, marks=needs("ED25519")),
    ],
    ids=["P-256", "P-384", "RSA", "Ed25519"],
)
def test_the_key_is_told(key: Any, kind: str, bits: int | None) -> None:
    """Its kind and size, and since OpenSSL 3.0 the curve. Releases differ in Ed25519's size."""
    facts = describe(certificate(key))

    if not _libcrypto.EVP_PKEY_get_group_name:
        kind = kind.partition(" ")[0]
    assert facts["key"] == kind
    assert facts["bits"] == (bits or facts["bits"])
    assert f"key      {kind}, {facts['bits']} bits\n" in told(certificate(key))


@lacks("ED25519")
def test_a_key_of_an_unknown_kind() -> None:
    """Nothing is told of it."""
    assert describe(certificate(ed25519.Ed25519PrivateKey.generate()))["key"] is None


def test_names_of_other_kinds_say_so() -> None:
    """Host names and addresses stand alone."""
    names = x509.SubjectAlternativeName(
        [
            x509.DNSName("a.test"),
            x509.RFC822Name("me@a.test"),
            x509.UniformResourceIdentifier("x:y"),
        ]
    )
    assert describe(certificate(names=names))["names"] == ["a.test", "email:me@a.test", "URI:x:y"]


def test_not_all_of_many_names_are_shown() -> None:
    """To people; a machine is given all of them."""
    names = x509.SubjectAlternativeName([x509.DNSName(f"n{n}.test") for n in range(100)])
    der = certificate(names=names)

    assert len(describe(der)["names"]) == 100
    shown = " ".join(told(der).split())
    assert "n11.test, and 88 more" in shown
    assert "n12.test" not in shown


def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    """A peer names itself as it likes: escapes, lines of its own, text that runs backwards."""
    facts = describe(certificate(subject="\x1b[2JVerified.\n\N{RIGHT-TO-LEFT OVERRIDE}lave"))
    shown = table([("subject", facts["subject"])])

    assert "Verified." in shown
    assert shown.count("\n") == 1
    assert shown.rstrip("\n").isprintable()
    assert json.dumps(facts).isprintable()


def test_text_beyond_ascii_stays_as_it_is() -> None:
    """A name may be in any script."""
    assert describe(certificate(subject="Größe 試験"))["subject"] == "CN=Größe 試験"


def test_a_comma_in_a_name_is_told_from_one_between_two() -> None:
    """As RFC 4514 has it."""
    assert describe(certificate(subject="A, B"))["subject"] == r"CN=A\, B"


def test_no_subject_at_all() -> None:
    """It is empty, not missing."""
    facts = describe(certificate(subject=""))
    assert (facts["subject"], facts["error"]) == ("", None)


@pytest.mark.parametrize(
    ("since", "until", "state"),
    [
        (-1, 1.5, "1 day left"),
        (-1, 2.5, "2 days left"),
        (-1, 0.5, "0 days left"),
        (-3, -0.5, "EXPIRED 0 days ago"),
        (-3, -1.5, "EXPIRED 1 day ago"),
        (1, 2, "NOT YET VALID"),
    ],
)
def test_how_long_it_is_valid_is_told(since: float, until: float, state: str) -> None:
    """In whole days, from now."""
    now = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    first, last = now + dt.timedelta(since), now + dt.timedelta(until)

    line = f"valid    {first:%Y-%m-%d} to {last:%Y-%m-%d}, {state}\n"
    assert line in told(certificate(since=first, until=last))


def test_what_cannot_be_read_is_told_with_what_can() -> None:
    """A name that is no text, in an extension: subject and key are told all the same."""
    names = x509.SubjectAlternativeName([x509.DNSName("spoilt.test")])
    facts = describe(certificate(names=names).replace(b"spoilt.test", b"spoilt\xff.tes"[:11]))

    assert facts["error"]
    assert facts["subject"] == "CN=somebody"
    assert facts["key"]
    assert facts["days_left"] is None


def test_what_is_no_certificate() -> None:
    """Only its fingerprint."""
    facts = describe(b"nonsense")

    assert facts["error"]
    assert facts["subject"] is None
    assert len(facts["sha256"]) == 64
