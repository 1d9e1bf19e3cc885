"""SSLObject: TLS without a socket, both ends in one thread, the bytes carried by the test."""

from __future__ import annotations

import contextlib
import gc
import os
import ssl
import threading
from types import ModuleType
from typing import Any, Callable, NamedTuple

import pytest
from expected import BAD_MAC, cipher
from outcomes import same
from peers import RECORD, Background, Contexts, Sides, client_context, server_context
from pki import HOSTNAME, Pki

import pytls


class End(NamedTuple):
    """One side: its object, what comes to it, what goes from it."""

    tls: Any
    incoming: Any
    outgoing: Any


class Pipe(NamedTuple):
    """Both sides; :meth:`carry` moves what each has to say."""

    client: End
    server: End

    def carry(self) -> int:
        """Take what is in the outgoing BIOs to the other side; how many bytes that were."""
        there, back = self.client.outgoing.read(), self.server.outgoing.read()
        self.server.incoming.write(there)
        self.client.incoming.write(back)
        return len(there) + len(back)

    def until_done(self, *calls: Callable[[], Any]) -> list[Any]:
        """Repeat each call until it returns, carrying in between; what they returned."""
        results: list[Any] = [None] * len(calls)
        left = dict(enumerate(calls))
        for _ in range(20):
            for number, call in list(left.items()):
                try:
                    results[number] = call()
                    del left[number]
                except ssl.SSLWantReadError:
                    pass
            if not self.carry() and not left:
                return results
        raise AssertionError(f"not done: {left}")


def end(context: Any, sides_module: Any, **options: Any) -> End:
    """An object on two BIOs of its module."""
    incoming, outgoing = sides_module.MemoryBIO(), sides_module.MemoryBIO()
    return End(context.wrap_bio(incoming, outgoing, **options), incoming, outgoing)


def pipe_of(contexts: Contexts, sides: Sides, **options: Any) -> Pipe:
    """Both sides before their handshake; `options` are the client's."""
    return Pipe(
        end(contexts.client, sides.client, **{"server_hostname": HOSTNAME, **options}),
        end(contexts.server, sides.server, server_side=True),
    )


@pytest.fixture
def pipe(contexts: Contexts, sides: Sides) -> Pipe:
    """Both sides after their handshake."""
    pipe = pipe_of(contexts, sides)
    pipe.until_done(pipe.client.tls.do_handshake, pipe.server.tls.do_handshake)
    return pipe


# The handshake


def test_a_handshake_wants_to_read_until_it_is_done(contexts: Contexts, sides: Sides) -> None:
    """The first call leaves a ClientHello to be sent, and SSLWantReadError."""
    pipe = pipe_of(contexts, sides)
    for side, module in zip(pipe, sides):
        with pytest.raises(module.SSLWantReadError) as error:
            side.tls.do_handshake()
        assert error.value.errno == ssl.SSL_ERROR_WANT_READ
        assert side.tls.version() is None
        with pytest.raises(ValueError, match="handshake not done yet"):
            side.tls.getpeercert()
    assert pipe.client.outgoing.pending > 100
    assert pipe.server.outgoing.pending == 0


def test_both_sides_agree(pipe: Pipe, tls_version: str, pki: Pki) -> None:
    """Version, cipher, certificate, who is who."""
    client, server = pipe.client.tls, pipe.server.tls

    assert client.version() == server.version() == tls_version
    assert cipher(client) == cipher(server)
    assert client.getpeercert(True) == pki.server.der
    assert server.getpeercert() is None
    assert (client.server_side, server.server_side) == (False, True)
    assert (client.server_hostname, server.server_hostname) == (HOSTNAME, None)


def test_a_handshake_that_is_done_may_be_called_again(pipe: Pipe) -> None:
    """It is still done."""
    pipe.client.tls.do_handshake()
    pipe.server.tls.do_handshake()


def test_a_wrong_name_is_refused(contexts: Contexts, sides: Sides) -> None:
    """And the alert is there to be sent."""
    pipe = pipe_of(contexts, sides, server_hostname="other.test")

    with pytest.raises(sides.client.SSLCertVerificationError):
        pipe.until_done(pipe.client.tls.do_handshake, pipe.server.tls.do_handshake)

    assert pipe.client.outgoing.pending > 0
    pipe.carry()
    with pytest.raises(sides.server.SSLError):
        pipe.server.tls.do_handshake()


# Plaintext


@pytest.mark.parametrize("size", [1, RECORD, RECORD + 1, 1 << 20], ids="{}B".format)
def test_what_is_written_is_read(pipe: Pipe, size: int) -> None:
    """write() takes everything; read() gives a record, or more of large ones."""
    sent = os.urandom(size)
    assert pipe.client.tls.write(sent) == size
    assert pipe.client.outgoing.pending > size

    pipe.carry()
    received = bytearray()
    while len(received) < size:
        data = pipe.server.tls.read(1 << 19)
        assert 0 < len(data) <= 1 << 19
        received += data

    assert received == sent
    with pytest.raises(ssl.SSLWantReadError):
        pipe.server.tls.read()


@pytest.mark.parametrize(
    "sizes",
    [
        [RECORD * 8],
        [RECORD, 1, RECORD, RECORD // 2, RECORD, RECORD],
        [100_000, 5, 50_000, RECORD - 1],
        [RECORD] * 40,
    ],
)
@pytest.mark.difference(
    "connections",
    "**`SSLObject.read(n)`** gives more than one record where `n` has room for it, and several "
    "large ones have come.",
)
@pytest.mark.parametrize("most", [1 << 20, RECORD * 2, RECORD * 2 + 1, 40_000, RECORD + 1])
def test_many_records_at_once(pipe: Pipe, sizes: list[int], most: int) -> None:
    """Whatever their sizes, and whatever is asked for: nothing is lost, and the end is heard."""
    sent = [os.urandom(size) for size in sizes]
    for data in sent:
        pipe.client.tls.write(data)
    with contextlib.suppress(ssl.SSLWantReadError):
        pipe.client.tls.unwrap()
    pipe.carry()

    received = bytearray()
    while True:
        data = pipe.server.tls.read(most)
        received += data
        if not data:
            break
        assert len(data) <= most

    assert bytes(received) == b"".join(sent)
    assert pipe.server.tls.read(most) == b""


@pytest.mark.parametrize("bad", [1, 2, 4])
def test_what_came_before_a_bad_record_is_read(pipe: Pipe, sides: Sides, bad: int) -> None:
    """And nothing of it, nor after it; then the exception that there is one by one."""
    sent = [os.urandom(RECORD) for _ in range(6)]
    records = []
    for data in sent:
        pipe.client.tls.write(data)
        records.append(pipe.client.outgoing.read())
    records[bad] = records[bad][:-1] + bytes([records[bad][-1] ^ 1])
    pipe.server.incoming.write(b"".join(records))

    received = bytearray()

    def read_on() -> None:
        while True:
            received.extend(pipe.server.tls.read(1 << 20))

    with pytest.raises(sides.server.SSLError) as caught:
        read_on()

    assert caught.value.reason in BAD_MAC
    assert bytes(received) == b"".join(sent[:bad])
    for call in (lambda: pipe.server.tls.read(1 << 20), lambda: pipe.server.tls.write(b"more")):
        with pytest.raises(sides.server.SSLError):
            call()


def test_reading_nothing_yet_wants_a_read(pipe: Pipe) -> None:
    """On both sides."""
    for side in pipe:
        with pytest.raises(ssl.SSLWantReadError):
            side.tls.read(1)


def test_a_part_of_a_record_is_not_yet_data(pipe: Pipe) -> None:
    """Byte by byte, until the last."""
    pipe.client.tls.write(b"whole")
    record = pipe.client.outgoing.read()
    for byte in record[:-1]:
        pipe.server.incoming.write(bytes([byte]))
        with pytest.raises(ssl.SSLWantReadError):
            pipe.server.tls.read()
    pipe.server.incoming.write(record[-1:])

    assert pipe.server.tls.read() == b"whole"


def test_read_fills_a_buffer(pipe: Pipe) -> None:
    """And returns the count; the rest is pending."""
    buffer = bytearray(b"........")
    pipe.client.tls.write(b"12345")
    pipe.carry()

    assert pipe.server.tls.read(3, buffer) == 3
    assert buffer == b"123....."
    assert pipe.server.tls.pending() == 2
    assert pipe.server.tls.read(8, buffer) == 2
    assert buffer == b"453....."


def test_writing_nothing_sends_nothing(pipe: Pipe, sides: Sides) -> None:
    """An empty write is no record that anybody sees."""
    subject, peer = pipe if sides.client is pytls else reversed(pipe)

    assert subject.tls.write(b"") == 0

    pipe.carry()
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.read()


# The end


def test_unwrap_exchanges_close_notify(pipe: Pipe) -> None:
    """Each side reads the end, and returns when it has the other's."""
    with pytest.raises(ssl.SSLWantReadError):
        pipe.client.tls.unwrap()
    pipe.carry()
    assert pipe.server.tls.read() == b""

    assert pipe.until_done(pipe.server.tls.unwrap, pipe.client.tls.unwrap) == [None, None]


def test_the_transports_end_is_no_close_notify(pipe: Pipe, sides: Sides) -> None:
    """write_eof() on what comes in: SSLEOFError, for nothing is suppressed here."""
    subject, _ = pipe if sides.client is pytls else reversed(pipe)
    subject.incoming.write_eof()

    with pytest.raises(pytls.SSLEOFError):
        subject.tls.read()


@pytest.mark.parametrize(
    "call",
    [
        lambda tls: tls.read(-1),
        lambda tls: tls.read("1"),
        lambda tls: tls.read(1, b"x"),
        lambda tls: tls.read(1, 5),
        lambda tls: tls.read(0),
        lambda tls: tls.read(0, bytearray(4)),
        lambda tls: tls.write("text"),
        lambda tls: tls.write(5),
        lambda tls: tls.get_channel_binding("no-such-type"),
        lambda tls: tls.unwrap(),
        lambda tls: tls.cipher(),
        lambda tls: tls.version(),
        lambda tls: tls.pending(),
        lambda tls: tls.compression(),
        lambda tls: tls.selected_alpn_protocol(),
        lambda tls: tls.session_reused,
        lambda tls: setattr(tls, "session", 5),
        lambda tls: setattr(tls, "context", None),
        lambda tls: setattr(tls, "server_side", True),
        lambda tls: tls.write(b"x"),
    ],
    ids=range(20),
)
def test_a_call_before_the_handshake_comes_to_the_same_as_in_ssl(
    pki: Pki, call: Callable[[Any], Any]
) -> None:
    """Errors and answers of an object that has not begun."""

    def case(m: Any) -> Any:
        return call(end(client_context(m, pki), m, server_hostname=HOSTNAME).tls)

    same(case, since=(3, 10))


def test_a_session_is_resumed(contexts: Contexts, sides: Sides) -> None:
    """As over a socket."""
    first = pipe_of(contexts, sides)
    first.until_done(first.client.tls.do_handshake, first.server.tls.do_handshake)
    first.server.tls.write(b"!")
    first.carry()
    first.client.tls.read()
    session = first.client.tls.session

    second = pipe_of(contexts, sides, session=session)
    second.until_done(second.client.tls.do_handshake, second.server.tls.do_handshake)

    assert second.client.tls.session_reused
    assert second.server.tls.session_reused
    assert not first.client.tls.session_reused


# Lifetimes and threads


def test_the_bios_live_as_long_as_the_object(contexts: Contexts, sides: Sides) -> None:
    """OpenSSL has its own references: nothing dangles when the program's are gone."""
    pipe = pipe_of(contexts, sides)
    client = pipe.client.tls
    del pipe
    gc.collect()

    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()


def test_one_pair_of_bios_joins_two_objects(pki: Pki, tls_version: str) -> None:
    """What one writes the other reads, without anybody carrying."""
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    client = client_context(pytls, pki, tls_version).wrap_bio(back, there, server_hostname=HOSTNAME)
    server = server_context(pytls, pki, tls_version).wrap_bio(there, back, server_side=True)
    for _ in range(5):
        for side in client, server:
            try:
                side.do_handshake()
            except pytls.SSLWantReadError:
                pass
    client.write(b"straight through")

    assert server.read() == b"straight through"


def test_an_object_is_written_and_read_in_two_threads(pki: Pki, tls_version: str) -> None:
    """Megabytes each way, while a third thread carries."""
    sides = Sides(pytls, pytls)
    contexts = Contexts(
        client_context(pytls, pki, tls_version), server_context(pytls, pki, tls_version)
    )
    pipe = pipe_of(contexts, sides)
    pipe.until_done(pipe.client.tls.do_handshake, pipe.server.tls.do_handshake)
    stop = threading.Event()
    content = [os.urandom(1 << 20), os.urandom(1 << 20)]

    def carry() -> None:
        while not stop.is_set():
            pipe.carry()

    def write(side: End, data: bytes) -> None:
        for start in range(0, len(data), 5000):
            side.tls.write(data[start : start + 5000])

    def read(side: End, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            try:
                received += side.tls.read(65536)
            except pytls.SSLWantReadError:
                stop.wait(0.001)
        return bytes(received)

    carrying = Background(carry)
    reading = [Background(read, side, 1 << 20) for side in pipe]
    writing = [Background(write, side, data) for side, data in zip(pipe, content)]
    try:
        for thread in writing:
            thread.result()
        assert [thread.result() for thread in reading] == content[::-1]
    finally:
        stop.set()
    carrying.result()


@pytest.mark.parametrize(
    "call",
    [
        lambda m, wrap: wrap(m.PROTOCOL_TLS_CLIENT),
        lambda m, wrap: wrap(m.PROTOCOL_TLS_CLIENT, server_hostname=""),
        lambda m, wrap: wrap(m.PROTOCOL_TLS_SERVER, server_side=True, server_hostname=HOSTNAME),
    ],
    ids=["no-name", "empty-name", "name-of-a-client"],
)
def test_arguments_that_do_not_fit(call: Callable[..., Any]) -> None:
    """From Python 3.14 on they are refused; before, a client without a name checks none."""

    def case(m: ModuleType) -> Any:
        def wrap(protocol: int, **options: Any) -> Any:
            bios = m.MemoryBIO(), m.MemoryBIO()
            return m.SSLContext(protocol).wrap_bio(*bios, **options)

        return call(m, wrap)

    same(case)


def test_a_write_goes_on_with_the_handshake(pki: Pki, tls_version: str) -> None:
    """With what has come meanwhile, as a read does."""
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    near = client_context(pytls, pki, tls_version).wrap_bio(back, there, server_hostname=HOSTNAME)
    far = server_context(pytls, pki, tls_version).wrap_bio(there, back, server_side=True)
    for end in near, far, near, far:
        with contextlib.suppress(pytls.SSLWantReadError):
            end.do_handshake()

    assert back.pending
    assert near.write(b"at once") == 7
    assert far.read() == b"at once"
