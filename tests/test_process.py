"""What a process does meanwhile: it forks, ends, collects garbage, runs out of room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pki import Pki

import pytls

DEADLINE = 30  # seconds

PRELUDE = """
import contextlib, ctypes, gc, os, resource, signal, socket, sys, threading, time, weakref
import pytls
from peers import Background, Contexts, client_context, connected, handshaken, server_context
from pki import HOSTNAME

class Pki:
    ca, server = sys.argv[1], type("Credentials", (), {"both": sys.argv[2]})

contexts = Contexts(client_context(pytls, Pki), server_context(pytls, Pki))

def objects(client=contexts.client, server=contexts.server):
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    return (client.wrap_bio(back, there, server_hostname=HOSTNAME),
            server.wrap_bio(there, back, server_side=True))

def shake(*ends):
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(pytls.SSLWantReadError):
                end.do_handshake()
    return ends
"""


def run(pki: Pki, program: str) -> Any:
    """A process that runs `program`; it ends in time and without a signal."""
    here = Path(__file__).parent
    path = [str(here), str(Path(pytls.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + program, pki.ca, pki.server.both],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        timeout=DEADLINE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_fork_beside_live_connections(pki: Pki) -> None:
    """The child makes connections of its own; the parent's go on, and are its own."""
    program = """
pair = handshaken(contexts)
reading = Background(pair.server.recv, 5)
for _ in range(5):
    child = os.fork()
    if not child:
        signal.alarm(10)
        with connected(contexts) as own:
            own.client.sendall(b"own")
            assert own.server.recv(10) == b"own"
        shake(*objects())
        pair.client.close()
        pair.server.close()
        del pair
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
pair.client.sendall(b"still")
assert reading.result() == b"still"
pair.server.sendall(b"both ways")
assert pair.client.recv(100) == b"both ways"
"""
    run(pki, program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_waits_for_no_thread_of_its_parent(pki: Pki) -> None:
    """It reads and writes what it was left with, though threads of the parent are at it."""
    program = """
pair = handshaken(contexts)
Background(pair.server.recv, 5)
Background(pair.server.sendall, bytes(64 << 20))
time.sleep(0.2)
child = os.fork()
if not child:
    signal.alarm(10)
    pair.server.settimeout(0.1)
    for call in lambda: pair.server.recv(5), lambda: pair.server.send(b"x" * (64 << 20)):
        try:
            call()
        except OSError as error:
            print(repr(error))
    taken = [lock.acquire(False) for lock in (pair.server._waiter.turn, pair.server._writing)]
    os._exit(taken != [True, True])
assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""
    run(pki, program)


ENDINGS = {
    "connections": "pair = handshaken(contexts)",
    "objects": "ends = shake(*objects())",
    "reader": "pair = handshaken(contexts); t = Background(pair.client.recv, 1); time.sleep(0.05)",
    "writer": (
        "pair = handshaken(contexts); t = Background(pair.client.sendall, bytes(64 << 20)); "
        "time.sleep(0.05)"
    ),
    "busy": """
pair = handshaken(contexts)
def forever():
    while True:
        with connected(contexts) as own:
            own.client.sendall(b"x")
threads = [Background(forever) for _ in range(2)]
time.sleep(0.1)
""",
    "callback": """
contexts.server.sni_callback = lambda *_: time.sleep(10)
near, far = objects()
with contextlib.suppress(pytls.SSLWantReadError):
    near.do_handshake()
t = Background(far.do_handshake)
time.sleep(0.05)
""",
    "cycle": "pair = handshaken(contexts); pair.client.itself = pair; gc.disable()",
    "global": "import builtins; builtins.kept = handshaken(contexts)",
    "exit": "pair = handshaken(contexts); sys.exit(0)",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=list(ENDINGS))
def test_the_interpreter_exits(pki: Pki, ending: str) -> None:
    """With connections open and daemon threads in the library: at once and in peace."""
    done = run(pki, ending)
    assert "Error" not in done.stderr, done.stderr


def test_cycles_through_callbacks_are_collected(pki: Pki) -> None:
    """A context whose callbacks know it, and its connections, is garbage like any other."""
    program = """
def cycle():
    server = server_context(pytls, Pki)
    server.sni_callback = lambda end, name, context: seen.append(server) and None
    client = client_context(pytls, Pki)
    client._msg_callback = lambda *_: client
    ends = shake(*objects(client, server))
    for end in ends:
        end.context.ends = ends
    return [weakref.ref(thing) for thing in (client, server, *ends)]

class Subclass(pytls.SSLContext):
    pass

seen = []
left = cycle()
seen.clear()
gc.collect()
assert not [ref() for ref in left if ref() is not None]
"""
    run(pki, program)


@pytest.mark.parametrize("use", ["talks", "changes", "looks", "reads"])
def test_a_finalizer_uses_what_is_collected_with_it(pki: Pki, use: str) -> None:
    """Of a cycle, whoever is finalized last still has a whole connection."""
    program = f"""
class Last:
    def __init__(self, make):
        self.kept = make()
        self.itself = self
    def __del__(self):
        self.kept.use(self.kept)
        used.append(self)  # and goes on to live

class Kept:
    pass

def talks(kept):
    kept.far.write(b"*" * 10)
    assert kept.end.read(10) == b"*" * 10
    kept.end.write(b"heard")
    assert kept.far.read(10) == b"heard"
    assert kept.end.cipher() == kept.far.cipher()

def changes(kept):
    context = kept.end.context
    context.set_ciphers("ALL")
    context.verify_flags |= 0
    assert context.get_ca_certs() and context.get_ciphers()
    shake(*objects(context, kept.far.context))

def looks(kept):
    assert kept.session == kept.end.session and kept.session.time

def reads(kept):
    kept.bio.write(b"abc")
    assert kept.bio.pending == 3 and kept.bio.read(3) == b"abc"

def make():
    contexts = client_context(pytls, Pki, "TLSv1.2"), server_context(pytls, Pki)
    kept = Kept()
    kept.end, kept.far = shake(*objects(*contexts))
    kept.session = kept.end.session
    kept.bio = pytls.MemoryBIO()
    kept.reader = contexts[0].wrap_bio(kept.bio, pytls.MemoryBIO(), server_hostname=HOSTNAME)
    with contextlib.suppress(pytls.SSLWantReadError):
        kept.reader.read()
    kept.use = {use}
    return kept

gc.disable()
used = []
Last(make)
for _ in range(3):
    gc.collect()
assert used
used[0].__del__()
"""
    run(pki, program)


@pytest.mark.parametrize("callback", ["sni", "message", "psk-client", "psk-server", "password"])
@pytest.mark.parametrize(
    "error",
    [
        "ZeroDivisionError",
        "KeyboardInterrupt",
        "MemoryError",
        pytest.param(
            "RecursionError",
            marks=pytest.mark.skipif(
                sys.version_info[:3] == (3, 13, 0),
                reason="CPython 3.13.0 ends no recursion in a callback: ctypes alone crashes",
            ),
        ),
    ],
)
def test_exceptions_out_of_callbacks(pki: Pki, callback: str, error: str) -> None:
    """The handshake fails closed: no data passes, and somebody hears of the exception."""
    program = f"""
heard = []
sys.unraisablehook = lambda told: heard.append(told.exc_type)
def fails(*_):
    if {error!r} == "RecursionError":
        return fails()
    raise {error}
callback = {callback!r}
client, server = contexts
if callback.startswith("psk"):
    client, server = (pytls.SSLContext(p) for p in (pytls.PROTOCOL_TLS_CLIENT,
                                                    pytls.PROTOCOL_TLS_SERVER))
    client.check_hostname, client.verify_mode = False, pytls.CERT_NONE
    for context in client, server:
        context.maximum_version = pytls.TLSVersion.TLSv1_2
        context.set_ciphers("PSK")
    key = b"0123456789abcdef"
    client.set_psk_client_callback(fails if callback == "psk-client" else lambda _: ("me", key))
    server.set_psk_server_callback(fails if callback == "psk-server" else lambda _: key)
elif callback == "sni":
    server.sni_callback = fails
elif callback == "message":
    client._msg_callback = fails
try:
    if callback == "password":
        server.load_cert_chain({pki.server.chain!r}, {pki.locked_key!r}, password=fails)
    near, far = shake(*objects(client, server))
    near.write(b"secret")
    far.read(10)
except BaseException as caught:
    heard.append(type(caught))
else:
    raise SystemExit("nothing failed")
assert {error} in heard, heard
"""
    run(pki, program)


def test_recursion(pki: Pki) -> None:
    """Deep in the stack, a call fails as any other; afterwards it works."""
    program = """
def descend():
    try:
        return descend()
    except RecursionError:
        return shake(*objects())
def deep(n):
    if n:
        return deep(n - 1)
    ends = objects()
    shake(*ends)
for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit(), 3):
    try:
        deep(depth)
    except RecursionError:
        pass
    except ctypes.ArgumentError as error:  # what ctypes makes of it before Python 3.12
        assert "RecursionError" in str(error)
near, far = shake(*objects())
near.write(b"still")
assert far.read(10) == b"still"
with connected(contexts) as pair:
    pair.client.sendall(b"well")
    assert pair.server.recv(10) == b"well"
"""
    run(pki, program)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="descriptors cannot be counted")
def test_out_of_descriptors(pki: Pki) -> None:
    """An OSError says so; nothing is left open, and what was open goes on."""
    program = """
def count():
    return len(os.listdir("/proc/self/fd"))

with connected(contexts) as pair:
    before = count()
    resource.setrlimit(resource.RLIMIT_NOFILE, (before + 8, before + 8))
    kept, failed = [], 0
    for _ in range(10):
        try:
            kept.append(handshaken(contexts))
        except OSError as error:
            assert error.errno == 24, error
            failed += 1
    assert failed
    near, far = shake(*objects())  # these need none
    pair.client.sendall(b"x" * 100000)
    got = 0
    while got < 100000:
        got += len(pair.server.recv(65536))
    for one in kept:
        one.client.close()
        one.server.close()
    del kept, one
    gc.collect()
    assert count() <= before + 1, (before, count())
    for name in ("/nowhere.pem", Pki.ca):
        with contextlib.suppress(OSError):
            contexts.client.load_verify_locations(name)
"""
    run(pki, program)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is the kernel's of Linux")
def test_out_of_memory(pki: Pki) -> None:
    """MemoryError or SSLError where there is no room; no crash, and afterwards it works."""
    program = """
with open("/proc/self/statm") as statm:
    used = int(statm.read().split()[0]) * resource.getpagesize()
for room in range(1, 12):
    resource.setrlimit(resource.RLIMIT_AS, (used + (room << 20), -1))
    kept = []
    try:
        for _ in range(2000):
            kept.append(shake(*objects()))
            kept.append(client_context(pytls, Pki))
            bio = pytls.MemoryBIO()
            kept.append(bio)
            bio.write(bytes(1 << 18))
    except (MemoryError, pytls.SSLError, OSError):
        pass
    finally:
        kept.clear()
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
near, far = shake(*objects())
near.write(b"still")
assert far.read(10) == b"still"
"""
    run(pki, program)


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is the kernel's of Linux")
@pytest.mark.parametrize("callback", ["sni", "message"])
def test_out_of_memory_in_a_callback(pki: Pki, callback: str) -> None:
    """The handshake fails closed, whatever could not be made; afterwards another is made."""
    program = f"""
heard = []
sys.unraisablehook = lambda told: heard.append(told.exc_type)
def takes_all(*_):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 20), -1))
    kept = []
    size = 1 << 20
    while True:
        try:
            kept.append(bytearray(size))
        except MemoryError:
            if size < 64:
                raise
            size //= 2
if {callback!r} == "sni":
    contexts.server.sni_callback = takes_all
else:
    contexts.client._msg_callback = takes_all
ends = objects()
try:
    near, far = shake(*ends)
    near.write(b"secret")
    far.read(10)
except (MemoryError, OSError) as caught:
    heard.append(type(caught))
else:
    raise SystemExit("nothing failed")
finally:
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert MemoryError in heard, heard
contexts.server.sni_callback = contexts.client._msg_callback = None
near, far = shake(*objects())
near.write(b"still")
assert far.read(10) == b"still"
"""
    run(pki, program)


def test_a_second_interpreter(pki: Pki) -> None:
    """It works there too, or the import says that it does not; the first one goes on."""
    program = """
try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        sys.exit(0)
within = '''
import sys
sys.path[:] = %r
try:
    import pytls
except ImportError as error:
    assert str(error)
else:
    a, b = pytls.MemoryBIO(), pytls.MemoryBIO()
    end = pytls.create_default_context().wrap_bio(a, b, server_hostname="localhost")
    try:
        end.do_handshake()
    except pytls.SSLWantReadError:
        assert b.pending
''' % sys.path
one = interpreters.create()
failure = (getattr(interpreters, "exec", None) or interpreters.run_string)(one, within)
assert failure is None, failure
interpreters.destroy(one)
near, far = shake(*objects())
near.write(b"still")
assert far.read(10) == b"still"
"""
    run(pki, program)
