"""Names that a peer says: what is no text, and what becomes of it; of `ssl` too, where it can."""

from __future__ import annotations

import contextlib
import gc
import ssl
import sys
from typing import Any, NamedTuple

import expected
import pytest
from peers import client_context, server_context
from pki import HOSTNAME, Pki

import pytls

KEY = bytes(range(32))


@pytest.fixture(params=[pytls, ssl], ids=["pytls", "ssl"])
def m(request: pytest.FixtureRequest) -> Any:
    """The module that both ends are of; CPython's `ssl` answers as pytls should."""
    if request.param is ssl and not expected.CPYTHON:
        pytest.skip("PyPy's ssl is another one")
    return request.param


class Words(NamedTuple):
    """What one end says, and what the other is made to hear instead, as long."""

    said: bytes
    heard: bytes


def shake_hands(m: Any, client: Any, server: Any, words: Words | None = None) -> list[Any]:
    """By turns, with the words changed on their way; the reason of each end, None when done."""
    there, back = m.MemoryBIO(), m.MemoryBIO()
    name = HOSTNAME if client.check_hostname else None
    ends = client.wrap_bio(back, there, server_hostname=name), server.wrap_bio(there, back, True)
    reasons: list[Any] = [None, None]
    for _ in range(4):
        for number, (end, sent) in enumerate(zip(ends, (there, back))):
            try:
                end.do_handshake()
            except m.SSLWantReadError:
                pass
            except m.SSLError as error:
                reasons[number] = reasons[number] or error.reason
            if words:
                sent.write(sent.read().replace(*words))
    return [*reasons, *ends]


def psk_contexts(m: Any, version: str, identity: Any, hint: str | None = None) -> Any:
    """A client and a server that have a key in common, and what they were asked."""
    if not hasattr(m.SSLContext, "set_psk_client_callback"):
        pytest.skip("came with Python 3.13")
    client, server = m.SSLContext(m.PROTOCOL_TLS_CLIENT), m.SSLContext(m.PROTOCOL_TLS_SERVER)
    client.check_hostname = False
    client.verify_mode = m.CERT_NONE
    asked: list[Any] = []
    client.set_psk_client_callback(lambda said: asked.append(said) or (identity, KEY))
    server.set_psk_server_callback(lambda said: asked.append(said) or KEY, hint)
    for context in client, server:
        context.minimum_version = context.maximum_version = m.TLSVersion[version]
        if version == "TLSv1_2":
            context.set_ciphers("PSK")
    return client, server, asked


psk = expected.needs("PSK")
versions = pytest.mark.parametrize(
    "version", ["TLSv1_2", pytest.param("TLSv1_3", marks=expected.needs("TLSv1_3"))]
)


@psk
@versions
def test_an_identity_that_is_no_text_is_unknown(m: Any, version: str) -> None:
    """Without a warning, which would fail this test: a peer may say so as often as it likes."""
    client, server, asked = psk_contexts(m, version, "somebody")

    assert any(shake_hands(m, client, server, Words(b"somebody", b"some\xffody"))[:2])
    assert asked == [None]


@psk
@versions
@pytest.mark.parametrize(
    ("identity", "known"), [("somebody", "somebody"), (b"\xc3\xa9", "é"), ("a\0b", "a")]
)
def test_an_identity_is_text_or_bytes(m: Any, version: str, identity: Any, known: str) -> None:
    """The server gets the text, as far as the first NUL."""
    client, server, asked = psk_contexts(m, version, identity)

    assert shake_hands(m, client, server)[:2] == [None, None]
    assert asked == [None, known]


@psk
def test_a_hint_that_is_no_text_is_not_answered(m: Any) -> None:
    """The client has no key for such a server."""
    client, server, asked = psk_contexts(m, "TLSv1_2", "somebody", "a hint")

    assert any(shake_hands(m, client, server, Words(b"a hint", b"a\xffhint"))[:2])
    assert asked == []


@psk
def test_an_empty_hint_is_none(m: Any) -> None:
    """One that ends where it begins."""
    client, server, asked = psk_contexts(m, "TLSv1_2", "somebody", "a hint")

    shake_hands(m, client, server, Words(b"a hint", b"\0 hint"))
    assert asked[0] is None


@psk
def test_a_hint_may_be_too_long(m: Any) -> None:
    """OpenSSL has no room for it."""
    with pytest.raises(ValueError, match="identity hint"):
        psk_contexts(m, "TLSv1_2", "somebody", "h" * 300)


def test_a_host_that_is_no_text_is_an_internal_error(
    m: Any, pki: Pki, tls_version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SNI callback is not asked, and the client is told so by that alert."""
    client, server = client_context(m, pki, tls_version), server_context(m, pki, tls_version)
    asked: list[Any] = []
    server.sni_callback = lambda *given: asked.append(given)
    told: list[type] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda about: told.append(about.exc_type))
    said = HOSTNAME.encode()

    client_end, _, *_ = shake_hands(m, client, server, Words(said, b"\xff" * len(said)))
    assert "INTERNAL_ERROR" in client_end
    assert asked == []
    gc.collect()  # PyPy reports it then
    assert told == [UnicodeDecodeError]


def test_a_protocol_may_be_any_text(m: Any, pki: Pki) -> None:
    """UTF-8, as RFC 7301 §6 has it for those that can be read."""
    client, server = client_context(m, pki), server_context(m, pki)
    for context in client, server:
        context._set_alpn_protocols(b"\x02\xc3\xa9")

    ends = shake_hands(m, client, server)[2:]
    assert [end.selected_alpn_protocol() for end in ends] == ["é", "é"]


@pytest.mark.skipif(
    not (pytls.HAS_TLSv1_3 and ssl.HAS_TLSv1_3), reason="a record has a type within since TLS 1.3"
)
def test_the_type_within_a_record_has_a_name_too(m: Any, pki: Pki) -> None:
    """That of a message, as `ssl` has it, whose number it shares."""
    heard = []

    def watch(_: Any, way: str, version: int, content: int, kind: Any, body: bytes) -> None:
        if content == m._TLSContentType.INNER_CONTENT_TYPE:
            heard.append((body, kind))

    client, server = client_context(m, pki, "TLSv1.3"), server_context(m, pki, "TLSv1.3")
    client._msg_callback = watch
    shake_hands(m, client, server)

    assert heard
    assert {kind for _, kind in heard} <= set(m._TLSMessageType)
    assert all(bytes([kind]) == body for body, kind in heard)


@pytest.mark.parametrize("name", ["a-.example", "exa mple"])
def test_a_name_that_openssl_refuses_is_told(name: str) -> None:
    """It has no reason in its error queue."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    words = pytest.raises(pytls.SSLError, match=f"this for no host: '{name}'")
    with words if expected.REFUSES_NAMES else contextlib.nullcontext():
        end = context.wrap_bio(pytls.MemoryBIO(), pytls.MemoryBIO(), server_hostname=name)
        assert end.server_hostname == name
