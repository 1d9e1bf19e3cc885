"""``python fuzz/fuzz.py certificate|handshake|settings [libFuzzer's options] fuzz/corpus/NAME``.

Coverage-guided: atheris feeds the target with bytes, and reports what ends the process or raises
what no program would expect. It wants `pip install atheris`, on a Python that has a wheel of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris

with atheris.instrument_imports(include=["pytls"]):
    import pytls

EXPECTED = (pytls.SSLError, ValueError, TypeError, NotImplementedError)
CLIENT = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
SERVER = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)


def certificate(data: bytes) -> None:
    """DER or PEM of an authority; what is believed to be one is read."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        text = ""
    for cadata in [data, text] if text else [data]:
        try:
            context.load_verify_locations(cadata=cadata)
        except EXPECTED:
            pass
    try:
        context.get_ca_certs()
        context.get_ca_certs(True)
    except pytls.SSLError:
        pass  # `ssl` too reads what a store cannot tell as an error


def handshake(data: bytes) -> None:
    """The first byte tells which end; the rest comes from the peer, in pieces of that size."""
    if not data:
        return
    incoming, outgoing = pytls.MemoryBIO(), pytls.MemoryBIO()
    if data[0] & 1:
        end = SERVER.wrap_bio(incoming, outgoing, server_side=True)
    else:
        end = CLIENT.wrap_bio(incoming, outgoing, server_hostname="localhost")
    size = (data[0] >> 1) + 1
    for at in range(1, len(data), size):
        incoming.write(data[at : at + size])
        try:
            end.do_handshake()
        except pytls.SSLWantReadError:
            continue
        except pytls.SSLError:
            break
    for ask in end.version, end.cipher, end.selected_alpn_protocol, end.pending, outgoing.read:
        ask()


def settings(data: bytes) -> None:
    """Text for whatever takes text."""
    text = data.decode("utf-8", "surrogateescape")
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    for call in (
        context.set_ciphers,
        context.set_groups,
        context.set_ciphersuites,
        context.set_client_sigalgs,
        context.set_ecdh_curve,
        lambda names: context.set_alpn_protocols(names.split(",")),
        lambda name: context.wrap_bio(pytls.MemoryBIO(), pytls.MemoryBIO(), server_hostname=name),
        pytls.PEM_cert_to_DER_cert,
        pytls.cert_time_to_seconds,
    ):
        try:
            call(text)
        except EXPECTED:
            pass


TARGETS = {target.__name__: target for target in (certificate, handshake, settings)}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
