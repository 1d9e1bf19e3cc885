"""Nothing is kept: the slope of memory and of descriptors, and every handle freed once.

The long runs are in `soak/`; docs/reliability.md has their figures.
"""

from __future__ import annotations

import base64
import gc
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Iterator

import der
import pytest
from actions import Actions
from expected import CPYTHON
from pki import Pki
from slope import slope

import pytls
from pytls import _handle

HERE = Path(__file__).parent
TIMES = {"failed_handshakes": 1200, "handshakes": 1200, "contexts": 360, "cycles": 120}
# Without the interpreter's lock its allocator takes and gives back megabytes at any time.
ATTEMPTS = 10 if sysconfig.get_config_var("Py_GIL_DISABLED") else 3
NAMES = [
    *("handshakes", "failed_handshakes", "objects", "failed_objects", "contexts"),
    *("sessions", "certificates", "bios", "errors", "cycles"),
]


@pytest.fixture
def little_to_look_through() -> Iterator[None]:
    """What is there before is left out of each collection: some actions make hundreds."""
    gc.collect()
    if CPYTHON:
        gc.freeze()
    yield
    if CPYTHON:
        gc.unfreeze()


@pytest.mark.usefixtures("little_to_look_through")
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory cannot be measured")
@pytest.mark.parametrize("name", NAMES)
def test_slope(pki: Pki, name: str) -> None:
    """An object of OpenSSL that is kept is larger than a kilobyte, of each one."""
    action = Actions(pytls, pki).named()[name]
    # A leak is there each time; what malloc keeps for a thread is there once
    found = []
    while len(found) < ATTEMPTS and (not found or found[-1].memory >= 700):
        found.append(slope(action, TIMES.get(name, 720)))
    assert found[-1].memory < 700, found  # bytes each
    assert found[-1].descriptors <= 0, found


MIXED = """
import contextlib, gc, sys
import pytls
from actions import Actions
from peers import connected
from pytls import _chain, _features, _gather, _handle, _roots, _throwaway

class Files:
    ca, dh = sys.argv[1], sys.argv[3]
    server = type("Credentials", (), {"both": sys.argv[2]})

def work():
    actions = Actions(pytls, Files)
    for action in actions.named().values():
        for _ in range(5):
            action()
    context = pytls.create_default_context()
    context.load_verify_locations(cadata=actions.pem)  # in the place of the store that it shares
    with contextlib.suppress(pytls.SSLError):
        context.load_dh_params(Files.dh)
    _chain.describe(_throwaway.Throwaway().der)
    with connected(actions.both) as pair:
        pair.client.settimeout(0.01)
        with contextlib.suppress(OSError):
            pair.client.sendall(bytes(16 << 20))

def kinds(of):
    return set().union(*map(kinds, of.__subclasses__())) or {of.__name__}

told = []
sys.unraisablehook = told.append
work()
_roots._known.clear()
gc.collect()
assert not told, told
assert not _handle.alive, _handle.alive
missing = set() if _features.SHARES_STORES else {"STORE", "Shared"}
if not _gather.SSL_set0_wbio:
    missing |= {"_Chain"}
assert set(_handle.made) == (kinds(_handle.Handle) | {"BIO"}) - missing, _handle.made
"""


def test_every_handle_is_freed_once(pki: Pki, tmp_path: Path) -> None:
    """In debug mode: whatever of OpenSSL's was made in a mixed workload, each kind of it."""
    dh = tmp_path / "dh.pem"
    # Too weak to be taken, and freed for all that. PKCS #3
    weak = base64.encodebytes(der.seq(der.integer((1 << 511) + 111), der.integer(2))).decode()
    dh.write_text(f"-----BEGIN DH PARAMETERS-----\n{weak}-----END DH PARAMETERS-----\n")
    command = [sys.executable, "-W", "ignore", "-c", MIXED, pki.ca, pki.server.both, str(dh)]
    path = os.pathsep.join((str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")))
    environment = {**os.environ, "PYTHONPATH": path, "PYTLS_DEBUG": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_debug_mode_nothing_is_counted() -> None:
    """The methods are the plain ones, and so cost what they cost."""
    assert _handle.made is None
    assert {_handle.Handle.__init__.__name__, _handle.Handle.give.__name__} == {"__init__", "give"}


@pytest.mark.parametrize("how", ["twice", "a copy"])
def test_debug_mode_tells_of_what_is_given_back_twice(how: str) -> None:
    """Else the process may end, or worse, may not."""
    made = "from pytls import bio, _libcrypto as C; one = bio.BIO(C.BIO_new(C.BIO_s_mem()))\n"
    then = {
        "twice": "one.give(); one.give()",
        "a copy": "from copy import copy; other = bio.BIO.__new__(bio.BIO)\n"
        "other.ptr = one.ptr; one.give(); other.give()",
    }
    command = [sys.executable, "-c", made + then[how]]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTLS_DEBUG": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "is given back, and is not there" in done.stderr
