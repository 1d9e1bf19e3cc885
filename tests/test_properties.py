"""Any bytes, any text: pytls answers or raises as `ssl` does. hypothesis finds the examples."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from expected import WITH_THE_SAME
from outcomes import Raised, same
from pki import Pki

import pytls

hypothesis = pytest.importorskip("hypothesis", reason="it is of the extra `test`")
given, st = hypothesis.given, hypothesis.strategies
few = hypothesis.settings(
    max_examples=60, deadline=None, database=None, derandomize=True, print_blob=False
)

PARTS = [
    "ALL",
    "HIGH",
    "aNULL",
    "AES",
    "ECDHE",
    "@STRENGTH",
    "@SECLEVEL=2",
    "TLS_AES_128_GCM_SHA256",
]
NAMES = st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=5)


def client(m: ModuleType) -> Any:
    return m.SSLContext(m.PROTOCOL_TLS_CLIENT)


@few
@given(st.lists(st.binary(max_size=2000) | st.integers(-2, 3000) | st.none(), max_size=12))
def test_a_memory_bio(steps: list[Any]) -> None:
    """Bytes are written, counts are read, None ends it: a queue, whatever the order."""
    bio, model, ended = pytls.MemoryBIO(), b"", False
    for step in steps:
        if step is None:
            bio.write_eof()
            ended = True
        elif isinstance(step, bytes):
            if ended:
                with pytest.raises(pytls.SSLError):
                    bio.write(step)
            else:
                assert bio.write(step) == len(step)
                model += step
        else:
            size = len(model) if step < 0 else step
            assert bio.read(step) == model[:size]
            model = model[size:]
        assert bio.pending == len(model)
        assert bio.eof == (ended and not model)


@few
@given(st.booleans(), st.lists(st.binary(max_size=300), max_size=4), st.booleans())
def test_the_bytes_of_a_peer(server_side: bool, pieces: list[bytes], record: bool) -> None:
    """What comes instead of a handshake; with the head of a record, too."""

    def case(m: ModuleType) -> None:
        protocol = m.PROTOCOL_TLS_SERVER if server_side else m.PROTOCOL_TLS_CLIENT
        incoming, outgoing = m.MemoryBIO(), m.MemoryBIO()
        name = None if server_side else "localhost"
        context = m.SSLContext(protocol)
        end = context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=name)
        for piece in pieces:
            head = b"\x16\x03\x03" + len(piece).to_bytes(2, "big") if record else b""
            incoming.write(head + piece)
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
        incoming.write_eof()
        end.do_handshake()

    assert isinstance(same(case, since=max((3, 10), WITH_THE_SAME)), Raised)


@few
@given(st.binary(max_size=400) | st.text(max_size=400))
def test_authorities(data: Any) -> None:
    """Bytes are DER, text is PEM, and neither is a certificate."""

    def case(m: ModuleType) -> Any:
        context = client(m)
        context.load_verify_locations(cadata=data)
        return context.cert_store_stats()

    same(case)


@few
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_altered_certificate(pki: Pki, at: int, flip: int) -> None:
    """A real one, with one byte changed: what is read of it is what `ssl` reads."""
    der = bytearray(ssl.PEM_cert_to_DER_cert(Path(pki.ca).read_text()))
    der[at % len(der)] ^= flip

    def case(m: ModuleType) -> Any:
        context = client(m)
        context.load_verify_locations(cadata=bytes(der))
        return context.get_ca_certs()

    # Before Python 3.10, an extension that cannot be read is told of in the wrong place
    same(case, since=max((3, 10), WITH_THE_SAME))


@few
@given(st.text(max_size=200), st.binary(max_size=200))
def test_pem(text: str, octets: bytes) -> None:
    """There and back, and what is no PEM."""
    wrapped = "-----BEGIN CERTIFICATE-----\n" + text + "\n-----END CERTIFICATE-----\n"
    same(lambda m: m.PEM_cert_to_DER_cert(text))
    same(lambda m: m.PEM_cert_to_DER_cert(wrapped))
    assert pytls.PEM_cert_to_DER_cert(pytls.DER_cert_to_PEM_cert(octets)) == octets


@few
@given(NAMES, st.sampled_from(":+!-, "))
def test_strings_of_settings(parts: list[str], between: str) -> None:
    """Ciphers, curves, host names and times."""
    text = between.join(parts)

    def ciphers(m: ModuleType) -> Any:
        context = client(m)
        context.set_ciphers(text)
        return [cipher["name"] for cipher in context.get_ciphers()]

    same(ciphers, since=WITH_THE_SAME)
    same(lambda m: m.SSLContext(m.PROTOCOL_TLS_SERVER).set_ecdh_curve(text), since=WITH_THE_SAME)
    same(lambda m: m.cert_time_to_seconds(text))


@few
@given(st.lists(st.text(max_size=20) | st.sampled_from(["h2", "http/1.1", "x" * 256]), max_size=5))
def test_protocols(names: list[str]) -> None:
    """ALPN, of any names."""
    same(lambda m: client(m).set_alpn_protocols(names))


@few
@given(st.text(max_size=40))
def test_server_names(name: str) -> None:
    """Whom a client says that it wants."""

    def case(m: ModuleType) -> Any:
        return (
            client(m).wrap_bio(m.MemoryBIO(), m.MemoryBIO(), server_hostname=name).server_hostname
        )

    same(case, since=WITH_THE_SAME)


@few
@given(st.text(max_size=30))
def test_groups(text: str) -> None:
    """Lists of groups: taken, or an exception that `ssl` has for them."""
    context = client(pytls)
    for call in context.set_groups, context.set_ciphersuites, context.set_client_sigalgs:
        with contextlib.suppress(pytls.SSLError, ValueError, NotImplementedError):
            call(text)
