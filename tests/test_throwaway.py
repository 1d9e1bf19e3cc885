"""The key and certificate that are made on the spot: good in the eyes of others."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from peers import Contexts, connected

import pytls
from pytls._throwaway import HOSTNAME, Throwaway


@pytest.fixture
def throwaway() -> Throwaway:
    """A new one."""
    return Throwaway()


def test_another_library_finds_it_sound(throwaway: Throwaway) -> None:
    """Version 3, valid now and for a day, for `localhost`, signed with its own key."""
    certificate = x509.load_der_x509_certificate(throwaway.der)
    now = dt.datetime.now(dt.timezone.utc).replace(tzinfo=None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    key = certificate.public_key()
    algorithm = certificate.signature_hash_algorithm

    assert certificate.version is x509.Version.v3
    assert certificate.issuer == certificate.subject
    assert throwaway.der == pytls.PEM_cert_to_DER_cert(pytls.DER_cert_to_PEM_cert(throwaway.der))
    assert names.get_values_for_type(x509.DNSName) == [HOSTNAME]
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    told = pytls.x509.decode(throwaway.der)
    for moment, expected in (
        ("notBefore", now - dt.timedelta(1)),
        ("notAfter", now + dt.timedelta(1)),
    ):
        found = dt.datetime(1970, 1, 1) + dt.timedelta(
            seconds=pytls.cert_time_to_seconds(told[moment])
        )
        assert abs(found - expected) < dt.timedelta(minutes=1)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert algorithm is not None
    key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm))


def test_each_has_a_key_of_its_own(throwaway: Throwaway) -> None:
    """Nothing is kept."""
    assert Throwaway().der != throwaway.der


def test_the_standard_library_believes_it(throwaway: Throwaway, tls_version: str) -> None:
    """A client that is not pytls verifies chain and name."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=throwaway.der)
    client.maximum_version = ssl.TLSVersion[tls_version.replace(".", "_")]
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    throwaway.install(server)

    with connected(Contexts(client, server), HOSTNAME) as pair:
        assert pair.client.getpeercert(True) == throwaway.der
        assert pair.client.version() == tls_version


def test_it_may_go_before_the_context_does() -> None:
    """The context holds key and certificate itself."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    throwaway = Throwaway()
    client.load_verify_locations(cadata=throwaway.der)
    throwaway.install(server)
    del throwaway

    with connected(Contexts(client, server), HOSTNAME) as pair:
        assert pair.client.version()
