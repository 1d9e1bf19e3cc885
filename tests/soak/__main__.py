"""``python tests/soak [--module ssl] [--seconds N] [NAME ...]``: the long runs, and their figures.

Each name of `actions.py` for N seconds, and `threads`: two threads on one connection, one reads and
one writes, with a key update now and then. Prints a line each; exit status 1 when memory or
descriptors grow, or a byte is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
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
from slope import descriptors, resident, slope  # noqa: E402

ALLOWED = 64.0  # bytes each: a hundred thousand of them come to 6 MB
CHUNK = 60_000


def repeat(m: Any, pki: Pki, name: str, seconds: float, times: int) -> bool:
    """One action so many times; for 0 times, as often as `seconds` allow, but a thousand."""
    action = Actions(m, pki).named()[name]
    if not times:
        start = time.monotonic()
        for _ in range(50):
            action()
        each = (time.monotonic() - start) / 50
        times = max(int(seconds / each), 1000)
    found = slope(action, times)
    print(
        f"{m.__name__:6} {name:18} {found.times:7} times {found.seconds:6.0f} s "
        f"{found.memory:9.1f} bytes each {found.descriptors:+d} descriptors "
        f"{found.resident / 1048576:6.1f} MiB",
        flush=True,
    )
    return found.memory < ALLOWED and found.descriptors <= 0


def threads(m: Any, pki: Pki, seconds: float) -> bool:
    """Both ends read and write at once: what arrives is what was sent."""
    contexts = Contexts(client_context(m, pki), server_context(m, pki))
    stop = threading.Event()
    before, opened = resident(), descriptors()
    sent = [0, 0]

    def write(which: int, sock: Any) -> str:
        digest, block = hashlib.sha256(), bytes(range(which, 250)) * 300
        while not stop.is_set():
            at = sent[which] % 200
            piece = block[at : at + CHUNK]
            sock.sendall(piece)
            digest.update(piece)
            sent[which] += len(piece)
            if m.__name__ == "pytls" and sent[which] % 50 == 0:
                update_keys(sock)
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
        time.sleep(seconds)
        stop.set()
        for thread in reading + writing:
            thread.join(90)
            if thread._error:
                print(repr(thread._error))
        right = all(one.result(1) == other.result(1) for one, other in zip(reading, writing))
    grown = (resident() - before) / 1048576
    print(
        f"{m.__name__:6} threads            {sum(sent) / 1e6:9.0f} MB {seconds:6.0f} s "
        f"{'every byte right' if right else 'WRONG BYTES'} {grown:+.1f} MiB "
        f"{descriptors() - opened:+d} descriptors {updates} key updates",
        flush=True,
    )
    return right and grown < 16


updates = 0


def update_keys(sock: Any) -> None:
    """SSL_key_update(3), which is no name of `ssl`: through the library that pytls has loaded."""
    global updates  # noqa: PLW0603
    from ctypes import CDLL, c_int, c_void_p

    from pytls._loader import PAIR

    connection = sock._sslobj
    function = CDLL(None, handle=PAIR.ssl_handle).SSL_key_update
    function.argtypes, function.restype = [c_void_p, c_int], c_int
    with connection._lock:
        updates += function(connection.ptr, 0)


def main() -> int:
    """Run what is named, or all."""
    parser = argparse.ArgumentParser(prog="tests/soak", description=__doc__)
    parser.add_argument("--module", default="pytls", choices=["pytls", "ssl"])
    parser.add_argument("--seconds", type=float, default=360.0, help="for each, default 360")
    parser.add_argument("--times", type=int, default=0, help="so often instead, except threads")
    parser.add_argument("name", nargs="*")
    options = parser.parse_args()
    m = importlib.import_module(options.module)
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(Path(folder))
        names = options.name or [*Actions(m, pki).named(), "threads"]
        print(f"{m.OPENSSL_VERSION}, Python {sys.version.split()[0]}", flush=True)
        results = [
            threads(m, pki, options.seconds)
            if name == "threads"
            else repeat(m, pki, name, options.seconds, options.times)
            for name in names
        ]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
