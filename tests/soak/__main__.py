"""``python tests/soak [--module ssl] [--seconds N] [NAME ...]``: the long runs, and their figures.

Each name of `actions.py` for N seconds or N times, and two threads on each end of one connection,
one reads and one writes: `threads`, TLS 1.3 with a key update now and then, and `renegotiations`,
TLS 1.2, where the server asks for a new handshake meanwhile. Prints a line each; exit status 1 when
memory or descriptors grow, or a byte is wrong.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import hashlib
import importlib
import itertools
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from actions import Actions  # noqa: E402
from peers import Background, Contexts, client_context, connected, server_context  # noqa: E402
from pki import Pki  # noqa: E402
from slope import POINTS, RUN_UP, descriptors, resident, slope  # noqa: E402

ALLOWED = 64.0  # bytes each: a hundred thousand of them come to 6 MB
CHUNK = 60_000
PATTERN = bytes(range(256)) * 100


def repeat(m: Any, pki: Pki, name: str, seconds: float, times: int) -> bool:
    """One action so many times, or as often as `seconds` allow."""
    action = Actions(m, pki).named()[name]
    if times:
        found = slope(action, times, 200, seconds)
    else:
        start = time.monotonic()
        for _ in range(50):
            action()
        each = (time.monotonic() - start) / 50
        found = slope(action, max(int(seconds / each), 1000))
    print(
        f"{m.__name__:6} {name:18} {found.times:7} times {found.seconds:6.0f} s "
        f"{found.memory:9.1f} bytes each {found.descriptors:+d} descriptors "
        f"{found.resident / 1048576:6.1f} MiB",
        flush=True,
    )
    return found.memory < ALLOWED and found.descriptors <= 0


def threads(m: Any, pki: Pki, seconds: float, rate: float) -> bool:
    """Both ends read and write at once: what arrives is what was sent."""
    contexts = Contexts(client_context(m, pki, "TLSv1.3"), server_context(m, pki, "TLSv1.3"))
    stop = threading.Event()
    opened = descriptors()
    sent, memory = [0, 0], []

    def write(which: int, sock: Any) -> str:
        digest, block = hashlib.sha256(), bytes(range(which, 250)) * 4300
        for number in itertools.count():
            if stop.is_set():
                break
            at = sent[which] % 200
            # Now and then a large write, whose records go out together
            piece = block[at : at + (CHUNK if number % 16 else 1_000_000)]
            sock.sendall(piece)
            digest.update(piece)
            sent[which] += len(piece)
            if m.__name__ == "pytls" and sent[which] % 50 == 0:
                update_keys(sock)
            if rate:
                time.sleep(CHUNK / rate)
        sock.sendall(b"the end")
        return digest.hexdigest()

    def read(sock: Any) -> str:
        digest, last = hashlib.sha256(), b""
        while True:
            new = sock.recv(65536)
            assert new, "an end that nobody meant"
            data = last + new
            if data.endswith(b"the end"):
                digest.update(data[:-7])
                return digest.hexdigest()
            digest.update(data[:-7])
            last = data[-7:]

    with connected(contexts) as pair:
        for end in pair:
            end.settimeout(60)
        writing = [Background(write, which, end) for which, end in enumerate(pair)]
        reading = [Background(read, end) for end in reversed(pair)]
        for _ in range(POINTS):
            time.sleep(seconds / POINTS)
            memory.append(resident())
        stop.set()
        for thread in reading + writing:
            thread.join(90)
            if thread._error:
                print(repr(thread._error))
        right = all(one.result(1) == other.result(1) for one, other in zip(reading, writing))
    grown = (memory[-1] - memory[RUN_UP]) / 1048576
    print(
        f"{m.__name__:6} threads            {sum(sent) / 1e6:9.0f} MB {seconds:6.0f} s "
        f"{'every byte right' if right else 'WRONG BYTES'} {grown:+.1f} MiB "
        f"{descriptors() - opened:+d} descriptors {updates} key updates",
        flush=True,
    )
    return right and grown < 16


def renegotiations(m: Any, pki: Pki, seconds: float, rate: float) -> bool:
    """OpenSSL may refuse what comes between: then both ends hear of it, in time.

    A writer that must read first finds the peer's data in its way, RFC 5246 §7.4.1.1.
    """
    contexts = Contexts(client_context(m, pki, "TLSv1.2"), server_context(m, pki, "TLSv1.2"))
    until = time.monotonic() + seconds
    came: collections.Counter[str] = collections.Counter()

    def write(sock: Any) -> None:
        for number in range(50):
            sock.sendall(PATTERN[number : number + 20_000])
            if rate:
                time.sleep(20_000 / rate)

    def read(sock: Any) -> None:
        for number in range(50):
            got = b""
            while len(got) < 20_000:
                got += sock.recv(20_000 - len(got)) or b"the end that nobody meant" * 1000
            if got != PATTERN[number : number + 20_000]:
                raise AssertionError(f"{number}: {got[-60:]!r}")

    while time.monotonic() < until:
        with connected(contexts) as pair:
            for end in pair:
                end.settimeout(30)
            working = [Background(work, end) for work in (read, write) for end in pair]
            renegotiate(pair.server)
            for thread in working:
                try:
                    thread.result(60)
                except (OSError, AssertionError) as error:
                    name = getattr(error, "reason", None) or type(error).__name__
                    if "nobody meant" in str(error):
                        name = "end"
                    came[name] += 1
                    for end in pair:
                        with contextlib.suppress(OSError):
                            end.shutdown(socket.SHUT_RDWR)
                else:
                    came["whole"] += 1
    done = contexts.server.session_stats()["accept_renegotiate"]
    print(f"{m.__name__:6} renegotiations {done:10} in {seconds:6.0f} s {dict(came)}", flush=True)
    return done > 0 and not came["AssertionError"]


updates = 0


def update_keys(sock: Any) -> None:
    """SSL_key_update(3)"""
    global updates  # noqa: PLW0603
    updates += call("SSL_key_update", sock, 0)


def renegotiate(sock: Any) -> None:
    """Ask a client for a new handshake. SSL_renegotiate(3)"""
    call("SSL_renegotiate", sock)
    with contextlib.suppress(OSError):
        sock.do_handshake()


def call(name: str, sock: Any, *numbers: int) -> int:
    """What is no name of `ssl`: through the library that pytls has loaded."""
    connection, function = sock._sslobj, function_of(name, len(numbers))
    with connection._lock:
        return int(function(connection.ptr, *numbers))


@functools.lru_cache(maxsize=None)
def function_of(name: str, numbers: int) -> Any:
    """Once each: a CDLL makes a class, and 3.13 without the interpreter's lock frees no class."""
    from ctypes import CDLL, c_int, c_void_p

    from pytls._loader import PAIR

    function = CDLL(None, handle=PAIR.ssl_handle)[name]
    function.argtypes, function.restype = [c_void_p, *[c_int] * numbers], c_int
    return function


def main() -> int:
    """Run what is named, or all."""
    parser = argparse.ArgumentParser(prog="tests/soak", description=__doc__)
    parser.add_argument("--module", default="pytls", choices=["pytls", "ssl"])
    parser.add_argument("--seconds", type=float, default=360.0, help="for each, default 360")
    parser.add_argument("--times", type=int, default=0, help="so often, if N seconds allow")
    parser.add_argument("--rate", type=float, default=0, help="bytes a second of each writer")
    parser.add_argument("name", nargs="*")
    options = parser.parse_args()
    m = importlib.import_module(options.module)
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(Path(folder))
        names = options.name or [*Actions(m, pki).named(), "threads", "renegotiations"]
        both_ways = {"threads": threads, "renegotiations": renegotiations}
        print(f"{m.OPENSSL_VERSION}, Python {sys.version.split()[0]}", flush=True)
        results = [
            both_ways[name](m, pki, options.seconds, options.rate)
            if name in both_ways
            else repeat(m, pki, name, options.seconds, options.times)
            for name in names
        ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
