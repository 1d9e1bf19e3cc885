"""``python fuzz/fuzz.py NAME [libFuzzer's options] fuzz/corpus/NAME``; the names are in `TARGETS`.

Coverage-guided: atheris feeds the target with bytes, and reports what ends the process or raises
what no program would expect. It wants `pip install atheris`, on a Python that has a wheel of it.
"""

from __future__ import annotations

import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris

with atheris.instrument_imports(include=["pytls"]):
    import pytls
    from pytls._throwaway import Throwaway

EXPECTED = (pytls.SSLError, ValueError, TypeError, NotImplementedError)
CLIENT = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
SERVER = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
IDENTITY = Throwaway()
IDENTITY.install(SERVER)
CLIENT.check_hostname = False
CLIENT.load_verify_locations(cadata=IDENTITY.der)
CLIENTS = [CLIENT, pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)]
CLIENTS[1].check_hostname = False
CLIENTS[1].load_verify_locations(cadata=IDENTITY.der)
CLIENTS[1].maximum_version = pytls.TLSVersion.TLSv1_2


def hold(true: bool, *told: Any) -> None:
    """What must be so."""
    if not true:
        raise AssertionError(*told)


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


def files(data: bytes) -> None:
    """A file that is to hold certificates, a key, revocation lists or parameters, in PEM."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(data)
        file.flush()
        for call in (
            lambda: context.load_cert_chain(file.name, password="x"),  # noqa: S106  # that of the corpus
            lambda: context.load_dh_params(file.name),
            lambda: context.load_verify_locations(file.name),
        ):
            try:
                call()
            except (*EXPECTED, OSError):
                pass


def bio(data: bytes) -> None:
    """What is done with a `MemoryBIO` comes to the same as with one of `ssl`."""
    both = pytls.MemoryBIO(), ssl.MemoryBIO()
    for do, size in steps(data):
        came = []
        for one in both:
            try:
                if do < 96:
                    came.append(one.write(bytes([do]) * size))
                elif do < 224:
                    came.append(one.read(size))
                elif do < 250:
                    came.append(one.read())
                else:
                    came.append(one.write_eof())
            except ssl.SSLError:
                came.append("refused")
            came.append((one.pending, one.eof))
        hold(came[:2] == came[2:], came)


def steps(data: bytes) -> Iterator[tuple[int, int]]:
    """What to do, and a number: small ones mostly, and some beyond a record."""
    for do, number in zip(data[::2], data[1::2]):
        yield do, number if number < 200 else (number - 199) * 700


class Pair:
    """Two ends, whose bytes pass through here."""

    def __init__(self, which: int, session: Any = None) -> None:
        self.bios = [pytls.MemoryBIO() for _ in range(4)]
        near, far, there, back = self.bios
        self.client = CLIENTS[which].wrap_bio(near, there, session=session)
        self.server = SERVER.wrap_bio(far, back, server_side=True)
        self.ways = {self.client: (there, far), self.server: (back, near)}

    def carry(self, of: Any, size: int = -1) -> bytes:
        """Take bytes that `of` has sent."""
        return self.ways[of][0].read(size)

    def bring(self, of: Any, data: bytes) -> None:
        """Give them to its peer."""
        self.ways[of][1].write(data)

    def shake(self, change: Any = lambda data: data) -> None:
        """Shake hands; each flight passes through `change`."""
        for _ in range(4):
            for end in (self.client, self.server):
                try:
                    end.do_handshake()
                except pytls.SSLWantReadError:
                    pass
                self.bring(end, change(self.carry(end)))


SESSIONS = []
for which in range(2):
    pair = Pair(which)
    pair.shake()
    for end in (pair.server, pair.client):
        end.write(b"!")
        pair.bring(end, pair.carry(end))
    pair.client.read(1)
    SESSIONS.append(pair.client.session)


def middle(data: bytes) -> None:
    """Somebody on the way changes bytes of a handshake, tickets and sessions among them."""
    if not data:
        return
    session = SESSIONS[data[0] & 1] if data[0] & 2 else None
    pair = Pair(data[0] & 1, session)
    edits = iter([data[at : at + 4] for at in range(1, len(data) - 3, 4)])

    def change(flight: bytes) -> bytes:
        edit = next(edits, b"")
        if not edit or not flight:
            return flight
        how, high, low, value = edit
        at = (high << 8 | low) % len(flight)
        if how < 200:
            return flight[:at] + bytes([flight[at] ^ value]) + flight[at + 1 :]
        if how < 230:
            return flight[:at] + flight[at + value :]
        return flight[:at] + bytes(value) + flight[at:]

    try:
        pair.shake(change)
        pair.client.write(b"whole")
        pair.bring(pair.client, pair.carry(pair.client))
        hold(pair.server.read(10) == b"whole")
    except pytls.SSLError:
        pass


def stream(data: bytes) -> None:
    """Writes, reads and pieces of all sizes: what arrives is what was sent, in its order."""
    pair = Pair(len(data) & 1)
    pair.shake()
    ends = [pair.client, pair.server]
    sent, received = dict.fromkeys(ends, b""), dict.fromkeys(ends, b"")

    def read(end: Any, size: int) -> bool:
        peer = ends[1 - ends.index(end)]
        try:
            received[peer] += end.read(size)
        except pytls.SSLWantReadError:
            return False
        return True

    for do, size in steps(data):
        end = ends[do & 1]
        if do < 90:
            text = bytes([do, size & 0xFF]) * size
            sent[end] += text
            end.write(text)
        elif do < 180:
            pair.bring(end, pair.carry(end, size))
        else:
            read(end, size or 1)
        hold(end.pending() >= 0)
    for end in ends:
        pair.bring(end, pair.carry(end))
        while read(ends[1 - ends.index(end)], 20_000):
            pass
    hold(received == sent)


TARGETS = {
    target.__name__: target
    for target in (bio, certificate, files, handshake, middle, settings, stream)
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"{__doc__}\nNAME: {', '.join(TARGETS)}")
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
