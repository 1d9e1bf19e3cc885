"""``python tests/sharing.py pytls|ssl SECONDS [NAME ...]``: several threads and one object.

Each name in a process of its own, because what goes wrong here may end it or hang; a line each
tells what came of it. A name is a setting of a context, which is changed while eight threads shake
hands with it, or one of `SCENES`.
"""

from __future__ import annotations

import collections
import contextlib
import faulthandler
import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from peers import Background, Contexts, client_context, connected, server_context  # noqa: E402
from pki import HOSTNAME, Pki  # noqa: E402

THREADS = 8
PATIENCE = 20  # seconds beyond its time, after which a process hangs
BLOCK = bytes(range(250)) * 40


class Sharing:
    """Contexts that every thread uses, and what becomes of it."""

    def __init__(self, m: Any, ca: str, credentials: str, seconds: float) -> None:
        class Files:
            server = type("Credentials", (), {"both": credentials})

        Files.ca = ca  # type: ignore[attr-defined]
        self.m, self.ca, self.credentials = m, ca, credentials
        self.client, self.server = client_context(m, Files), server_context(m, Files)  # type: ignore[arg-type]
        self.server.load_verify_locations(ca)
        self.until = time.monotonic() + seconds
        self.came: collections.Counter[str] = collections.Counter()
        self.counting = threading.Lock()

    def going_on(self) -> bool:
        return time.monotonic() < self.until

    def count(self, what: str, times: int = 1) -> None:
        """Several threads do, and without the interpreter's lock would lose some."""
        with self.counting:
            self.came[what] += times

    def settings(self) -> dict[str, Callable[[int], object]]:
        """What changes one, for the n-th time."""
        m, client, server = self.m, self.client, self.server
        pem = Path(self.ca).read_text()
        versions = m.TLSVersion.TLSv1_2, m.TLSVersion.MAXIMUM_SUPPORTED
        silent: Any = lambda *_: None  # noqa: E731
        return {
            "ciphers": lambda n: (client, server)[n % 2].set_ciphers(("ECDHE", "HIGH")[n // 2 % 2]),
            "certificate": lambda n: (client, server)[n % 2].load_cert_chain(self.credentials),
            "alpn": lambda n: (client, server)[n % 2].set_alpn_protocols(["x" * (n % 99 + 1)]),
            "groups": lambda n: server.set_ecdh_curve(("prime256v1", "secp384r1")[n % 2]),
            "verify_mode": lambda n: setattr(server, "verify_mode", m.VerifyMode(n % 2)),
            "verify_flags": lambda n: setattr(client, "verify_flags", m.VerifyFlags(n % 2 << 15)),
            "authorities": lambda n: (
                client.load_verify_locations(cadata=pem)
                if n % 2
                else client.load_verify_locations(self.ca)
            ),
            "default_authorities": lambda _: client.set_default_verify_paths(),
            "options": lambda _: setattr(client, "options", client.options ^ m.OP_NO_TICKET),
            "version": lambda n: setattr(client, "maximum_version", versions[n % 2]),
            "sni_callback": lambda n: setattr(server, "sni_callback", (None, silent)[n % 2]),
            "questions": lambda _: (client.get_ciphers(), client.get_ca_certs(), client.options),
        }

    def change(self, names: list[str]) -> None:
        settings = self.settings()
        n = 0
        while self.going_on():
            for name in names:
                settings[name](n)
            n += 1

    def shake(self) -> None:
        while self.going_on():
            try:
                near, far = self.ends()
                for _ in range(4):
                    for end in near, far:
                        with contextlib.suppress(self.m.SSLWantReadError):
                            end.do_handshake()
                near.write(b"whole")
                assert far.read(10) == b"whole"
                self.count("shaken")
            except self.m.SSLError as error:
                self.count(getattr(error, "reason", None) or str(error))

    def ends(self) -> tuple[Any, Any]:
        there, back = self.m.MemoryBIO(), self.m.MemoryBIO()
        return (
            self.client.wrap_bio(back, there, server_hostname=HOSTNAME),
            self.server.wrap_bio(there, back, server_side=True),
        )

    def context(self, names: list[str]) -> None:
        """Eight threads shake hands, two change what is named."""
        changing = [Background(self.change, names[which::2] or names) for which in range(2)]
        for thread in [*changing, *(Background(self.shake) for _ in range(THREADS))]:
            thread.result(PATIENCE * 10)
        assert self.came["shaken"]

    # --- two threads, one connection

    def object(self) -> None:
        """Each SSLObject is written to by one thread and read by another, over shared BIOs."""
        ends = self.ends()
        for _ in range(4):
            for end in ends:
                with contextlib.suppress(self.m.SSLWantReadError):
                    end.do_handshake()
        self.both_ways([end.write for end in ends], [end.read for end in ends])

    def socket(self) -> None:
        """The same over sockets (python/cpython#151508)."""
        with connected(Contexts(self.client, self.server)) as pair:
            for end in pair:
                end.settimeout(PATIENCE)
            self.both_ways([end.sendall for end in pair], [end.recv for end in pair])

    def both_ways(self, writes: list[Any], reads: list[Any]) -> None:
        stop = threading.Event()

        def write(send: Any) -> str:
            digest, number = hashlib.sha256(), 0
            while self.going_on():
                piece = BLOCK[number % 200 : number % 200 + number % 5000 + 1]
                send(piece)
                digest.update(piece)
                number += 1
                self.count("bytes", len(piece))
                # OpenSSL 1.0.2 moves all that waits in memory for each record that it reads
                while self.came["bytes"] - self.came["read"] > 1 << 20 and self.going_on():
                    time.sleep(0.001)
            send(b"the end")
            return digest.hexdigest()

        def read(receive: Any) -> str:
            digest, last = hashlib.sha256(), b""
            while not last.endswith(b"the end"):
                assert not stop.is_set()
                try:
                    came = receive(65536)
                except self.m.SSLWantReadError:
                    time.sleep(0.001)
                    continue
                self.count("read", len(came))
                last += came
                digest.update(last[:-7])
                last = last[-7:]
            return digest.hexdigest()

        writing = [Background(write, send) for send in writes]
        reading = [Background(read, receive) for receive in reversed(reads)]
        try:
            sent = [thread.result(PATIENCE * 10) for thread in writing]
            assert sent == [thread.result(PATIENCE) for thread in reading], "WRONG BYTES"
        finally:
            stop.set()

    def waiting_reader(self) -> None:
        """One thread waits in recv(), another sends (python/cpython#137583)."""
        with connected(Contexts(self.client, self.server)) as pair:
            Background(pair.client.recv, 1)
            time.sleep(0.1)
            Background(pair.client.sendall, b"meanwhile").result(5)
            pair.server.settimeout(5)
            assert pair.server.recv(100) == b"meanwhile"
            pair.server.sendall(b"!")
            self.count("sent")

    def asking(self) -> None:
        """A callback asks for the ciphers in a handshake, which nobody who changes them awaits."""

        def ask(end: Any, *_: object) -> None:
            for _ in range(100 if end.server_side else 0):
                end.shared_ciphers()

        sys.setswitchinterval(1e-5)
        self.server._msg_callback = ask
        changing = [Background(self.change, ["ciphers"]) for _ in range(2)]
        self.shake()
        for thread in changing:
            thread.result(PATIENCE)


SCENES = ("asking", "object", "socket", "waiting_reader")
SETTINGS = (
    *("ciphers", "certificate", "alpn", "groups", "verify_mode", "verify_flags"),
    *("authorities", "default_authorities", "options", "version", "sni_callback", "questions"),
)


def child(module: str, seconds: float, names: str, ca: str, credentials: str) -> None:
    """Do what is named, in this process."""
    faulthandler.enable()
    sharing = Sharing(importlib.import_module(module), ca, credentials, seconds)
    if names in SCENES:
        getattr(sharing, names)()
    else:
        sharing.context(names.split(","))
    print(dict(sharing.came), flush=True)
    os._exit(0)  # a thread that still waits is not what this is about


def run(
    module: str, seconds: float, names: str, ca: str, credentials: str, first: str = ""
) -> tuple[int, str]:
    """The exit status, negative for a signal, and the last line; -1000 when it hangs.

    :param first: what is done before anything is imported.
    """
    script = [__file__]
    if first:
        script = ["-c", f"import runpy; {first}; runpy.run_path({__file__!r}, None, '__main__')"]
    command = [sys.executable, *script, "--child", module, str(seconds), names, ca, credentials]
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=seconds + PATIENCE, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        return -1000, f"it still runs after {seconds + PATIENCE:.0f} s"
    if done.returncode < 0:
        return done.returncode, f"ended by signal {-done.returncode}"
    return done.returncode, (done.stdout + done.stderr).rstrip().rpartition("\n")[2]


def main() -> int:
    """A line for each name."""
    module, seconds, *names = sys.argv[1:]
    m = importlib.import_module(module)
    print(f"{module}, {m.OPENSSL_VERSION}, Python {sys.version.split()[0]}", flush=True)
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(Path(folder))
        for name in names or [*SETTINGS, ",".join(SETTINGS), *SCENES]:
            status, told = run(module, float(seconds), name, pki.ca, pki.server.both)
            print(f"{name if name.count(',') < 3 else 'all settings':20} {told}", flush=True)
            worst = worst or abs(status)
    return min(worst, 1)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[1] == "--child":
        child(sys.argv[2], float(sys.argv[3]), *sys.argv[4:7])
    else:
        sys.exit(main())
