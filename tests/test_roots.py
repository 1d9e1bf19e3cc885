"""Authorities that are parsed once: what contexts share, and that none sees what another adds."""

from __future__ import annotations

import os
import ssl
import weakref
from pathlib import Path
from typing import Any

import pytest
from peers import connected
from pki import Pki

import pytls
from pytls import _libssl as libssl
from pytls import _roots

shares = pytest.mark.skipif(
    not _roots.SHARES_STORES, reason="SSL_CTX_set1_cert_store came with OpenSSL 1.1.1"
)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' files are new; and no test finds what another has left."""
    monkeypatch.setattr(_roots, "_SETTLED", -1e9)
    monkeypatch.setattr(_roots, "_known", {})


def store(context: Any) -> int:
    """The address of a context's store."""
    return int(libssl.SSL_CTX_get_cert_store(context._handle.ptr))


def believing(**places: Any) -> Any:
    """A client's context with these authorities."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(**places)
    return context


def server(pki: Pki) -> ssl.SSLContext:
    """Shows the certificate of `pki`'s authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server.both)
    return context


def handshake(client: Any, pki: Pki) -> None:
    """Connect; raises when the server is not believed."""
    from peers import Contexts

    with connected(Contexts(client, server(pki))):
        pass


@shares
@pytest.mark.difference(
    "contexts",
    "**Authorities are shared.** A file of them is parsed once, and again when it has "
    "changed; a context that adds to it gets a copy of its own.",
)
def test_the_same_file_is_parsed_once(pki: Pki) -> None:
    """Also by another spelling of its type; the contexts differ in nothing but that."""
    first, second = believing(cafile=pki.ca), believing(cafile=Path(pki.ca))

    assert store(first) == store(second)
    assert second.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}
    handshake(first, pki)
    handshake(second, pki)


@shares
@pytest.mark.parametrize(
    "where", ["X509_STORE_new", "X509_STORE_add_cert", "SSL_CTX_set_cert_store"]
)
def test_what_is_added_after_an_interruption_no_other_sees(
    where: str, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal's exception comes up while the store of all is copied; one tries again."""

    def interrupt(*_: Any) -> Any:
        raise InterruptedError

    first, second = believing(cafile=pki.ca), believing(cafile=pki.ca)
    module = libssl if where.startswith("SSL") else _roots.C
    with monkeypatch.context() as patch:
        patch.setattr(module, where, interrupt)
        with pytest.raises(InterruptedError):
            second.load_verify_locations(cafile=pki.ca_of_others)
    second.load_verify_locations(cafile=pki.ca_of_others)

    assert len(second.get_ca_certs()) == 2
    assert len(first.get_ca_certs()) == 1


@pytest.mark.parametrize("kind", ["cafile", "cadata", "capath", "default"])
def test_what_one_adds_no_other_sees(kind: str, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever way it is added, to the first one or to a later one."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca_of_others)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    first, second = believing(cafile=pki.ca), believing(cafile=pki.ca)
    before = first.get_ca_certs(True)

    if kind == "cafile":
        second.load_verify_locations(cafile=pki.ca_of_others)
    elif kind == "cadata":
        second.load_verify_locations(cadata=Path(pki.ca_of_others).read_text())
    elif kind == "capath":
        second.load_verify_locations(capath=pki.ca_folder)
    else:
        second.load_default_certs()
    third = believing(cafile=pki.ca)

    assert store(second) != store(first)
    assert second.cert_store_stats()["x509"] == (1 if kind == "capath" else 2)
    assert first.get_ca_certs(True) == third.get_ca_certs(True) == before
    for context in (first, second, third):
        handshake(context, pki)


def test_a_file_that_has_changed_is_read_anew(tmp_path: Path, pki: Pki) -> None:
    """A context made before still believes what the file held then."""
    file = tmp_path / "bundle.pem"
    file.write_bytes(Path(pki.ca_of_others).read_bytes())
    before = believing(cafile=file)
    file.write_bytes(Path(pki.ca).read_bytes())
    after = believing(cafile=file)

    handshake(after, pki)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(before, pki)
    os.remove(file)
    with pytest.raises(FileNotFoundError):
        believing(cafile=file)


def test_a_file_that_may_still_change_is_not_kept(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes within the clock's resolution look like one."""
    monkeypatch.setattr(_roots, "_SETTLED", 1e9)
    assert store(believing(cafile=pki.ca)) != store(believing(cafile=pki.ca))


@shares
@pytest.mark.difference(
    "contexts",
    "**The default folder of authorities is shared.** What a handshake finds there is "
    "told by `get_ca_certs` of all contexts that have the same defaults and are alive.",
)
def test_the_default_places_are_those_of_the_moment(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment may name others at any time, or what has changed."""
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)
    first, second = pytls.create_default_context(), pytls.create_default_context()
    assert store(first) == store(second)
    assert len(first.get_ca_certs()) == 1

    monkeypatch.setenv("SSL_CERT_FILE", pki.ca_of_others)
    other = pytls.create_default_context()
    assert other.get_ca_certs(True) != first.get_ca_certs(True)

    (tmp_path / "one.pem").touch()
    assert store(pytls.create_default_context()) != store(other)


def test_the_default_folder_is_looked_into_even_after_more_was_added(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy of a shared store looks up authorities where the shared one did."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca_of_others)
    monkeypatch.setenv("SSL_CERT_DIR", pki.ca_folder)
    plain, more = pytls.create_default_context(), pytls.create_default_context()
    for context in (plain, more):
        context.verify_flags &= ~pytls.VERIFY_X509_STRICT
    more.load_verify_locations(cadata=Path(pki.self_signed.chain).read_text())

    handshake(more, pki)
    handshake(plain, pki)
    # What a handshake has found in the folder is told of no context that comes later
    assert len(pytls.create_default_context().get_ca_certs()) == 1


def test_few_are_kept(pki: Pki, tmp_path: Path) -> None:
    """A program that loads many files, one after the other, keeps the last ones only."""
    for number in range(20):
        file = tmp_path / f"{number}.pem"
        file.write_bytes(Path(pki.ca).read_bytes())
        believing(cafile=file)
    assert len(_roots._known) <= 8


@shares
def test_what_is_neither_certificate_nor_revocation_list_is_left_out(
    pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store may have other objects in the C API, such as a bare key."""
    first = believing(cafile=pki.ca)
    monkeypatch.setattr(_roots.C, "X509_OBJECT_get_type", lambda _: 3)
    first.load_verify_locations(cafile=pki.ca_of_others)
    monkeypatch.undo()

    assert first.cert_store_stats()["x509"] == 1


@shares
def test_an_empty_variable_is_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nobody; and not of what the defaults were before."""
    places = pytls.get_default_verify_paths()
    monkeypatch.delenv(places.openssl_cafile_env, raising=False)
    monkeypatch.setenv(places.openssl_capath_env, "")
    before = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    before.set_default_verify_paths()

    monkeypatch.setenv(places.openssl_cafile_env, "")
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.set_default_verify_paths()
    assert context.cert_store_stats()["x509"] == 0
    assert store(context) != store(before)


@shares
def test_no_store_that_was_in_use_is_freed(pki: Pki) -> None:
    """A handshake in another thread may look into the first while the second and third come."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.ca)
    replaced = [weakref.ref(store) for store in context._roots._kept]
    context.load_verify_locations(cadata=Path(pki.ca_of_others).read_text())

    assert len(replaced) == 1
    assert all(reference() for reference in replaced)
    assert context.cert_store_stats()["x509"] == 2
