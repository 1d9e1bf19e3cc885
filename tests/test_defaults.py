"""What a new context starts with, and what a default one does: the same as that of `ssl`."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from expected import PLAIN_SSL, SAME_LIBRARY, needs
from outcomes import same
from peers import Contexts, connected
from pki import Pki

import pytls
from pytls import _features as features

#: PROTOCOL_TLS and its older kin, of which newer Pythons warn
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PROTOCOLS = ["PROTOCOL_TLS", "PROTOCOL_TLS_CLIENT", "PROTOCOL_TLS_SERVER"]
FIXED = ["PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1", "PROTOCOL_TLSv1_2"]
ATTRIBUTES = [
    "protocol",
    "options",
    "verify_mode",
    "verify_flags",
    "check_hostname",
    "hostname_checks_common_name",
    "minimum_version",
    "maximum_version",
    "num_tickets",
    "post_handshake_auth",
    "security_level",
    "sni_callback",
    "keylog_filename",
]
METHODS = ["session_stats", "cert_store_stats", "get_ca_certs"]


# A new context


def attribute(context: Any, name: str) -> Any:
    """An attribute, without what OpenSSL before 3.0 or the distributor sets by itself."""
    value = getattr(context, name)
    if name == "options" and not features.HAS_VERSION_BOUNDS:
        return None  # its bounds are options, and its OP_ALL is another
    if name == "options" and not SAME_LIBRARY:
        return int(value) & ~pytls.OP_LEGACY_SERVER_CONNECT
    if name == "minimum_version" and not PLAIN_SSL:
        return None
    return value


@pytest.mark.parametrize("protocol", PROTOCOLS + FIXED)
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_new_context_has_what_that_of_ssl_has(protocol: str, name: str) -> None:
    """Every attribute of every protocol, as `ssl` of today has it."""
    same(lambda m: attribute(m.SSLContext(getattr(m, protocol)), name), since=(3, 10))


@pytest.mark.parametrize("protocol", PROTOCOLS + FIXED)
@pytest.mark.parametrize("name", METHODS)
def test_a_new_context_counts_and_holds_what_that_of_ssl_does(protocol: str, name: str) -> None:
    """Counters are zero and the store is empty."""
    same(lambda m: getattr(m.SSLContext(getattr(m, protocol)), name)())


@pytest.mark.skipif(not SAME_LIBRARY, reason="another OpenSSL has other ciphers")
@pytest.mark.skipif(not PLAIN_SSL, reason="the distributor of this Python chose other ciphers")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_new_context_allows_the_same_ciphers(protocol: str) -> None:
    """get_ciphers() is equal, item for item and in its order."""
    found = same(lambda m: m.SSLContext(getattr(m, protocol)).get_ciphers(), since=(3, 10))

    assert len(found.value) > 5


# A default context


@pytest.mark.parametrize("purpose", ["SERVER_AUTH", "CLIENT_AUTH"])
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_a_default_context_has_what_that_of_ssl_has(purpose: str, name: str) -> None:
    """create_default_context() is as strict as in Python 3.13."""
    same(
        lambda m: attribute(m.create_default_context(getattr(m.Purpose, purpose)), name),
        since=(3, 13),
    )


def test_a_default_context_believes_the_systems_authorities() -> None:
    """A client's has those that the library finds; a server's has none."""
    same(lambda m: m.create_default_context().cert_store_stats())
    same(lambda m: m.create_default_context(m.Purpose.CLIENT_AUTH).cert_store_stats())


def test_a_default_context_believes_only_the_authorities_it_is_given(pki: Pki) -> None:
    """Cafile replaces the system's."""
    context = pytls.create_default_context(cafile=pki.ca)

    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
    assert context.verify_mode == pytls.CERT_REQUIRED
    assert context.check_hostname


def test_a_default_context_connects(pki: Pki, tls_version: str) -> None:
    """The recommended way of a client, and the recommended way of a server."""
    contexts = Contexts(
        pytls.create_default_context(cafile=pki.ca),
        pytls.create_default_context(pytls.Purpose.CLIENT_AUTH),
    )
    contexts.server.load_cert_chain(pki.server.chain, pki.server.key)
    contexts.server.minimum_version = pytls.TLSVersion[tls_version.replace(".", "_")]
    contexts.server.maximum_version = contexts.server.minimum_version

    with connected(contexts) as pair:
        assert pair.client.version() == tls_version


def test_the_default_paths_are_those_of_the_library() -> None:
    """get_default_verify_paths() is the same tuple where the library is the same."""
    if SAME_LIBRARY:
        same(lambda m: tuple(m.get_default_verify_paths()))
    assert pytls.get_default_verify_paths()._fields == ssl.get_default_verify_paths()._fields


def test_the_environment_may_name_the_default_paths(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE and SSL_CERT_DIR."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)
    monkeypatch.setenv("SSL_CERT_DIR", pki.ca_folder)
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)

    paths = pytls.get_default_verify_paths()
    context.load_default_certs()

    assert (paths.cafile, paths.capath) == (pki.ca, pki.ca_folder)
    assert context.get_ca_certs(True) == [pytls.PEM_cert_to_DER_cert(Path(pki.ca).read_text())]


@needs("KEYLOG")
def test_the_environment_may_name_a_key_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSLKEYLOGFILE counts for default contexts, and for them alone."""
    log = str(tmp_path / "keys.log")
    monkeypatch.setenv("SSLKEYLOGFILE", log)

    assert pytls.create_default_context().keylog_filename == log
    assert pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT).keylog_filename is None
