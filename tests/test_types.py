"""No Python value crashes the process: every public name, method and attribute is given them all.

`odd.py` makes the calls, in a process for each thing that is called; here its answers are held
against those of `ssl`, which makes the same calls in a process of its own.
"""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from child import python
from expected import SAME_LIBRARY
from pki import Pki

import pytls

SUBJECTS = [
    "module",
    "client",
    "server",
    "bio",
    "bio_at_end",
    "session",
    "object_half",
    "object_fresh",
    "object_client",
    "object_unwrapped",
    "socket",
    "socket_half",
    "socket_unconnected",
    "socket_shut_down",
    "socket_closed",
    "socket_detached",
]

#: the call, what `ssl` came to and what pytls came to, as patterns; why that is no fault
DIFFERENT = [
    # What pytls says more exactly, or later Pythons say
    ("* setblocking *", "*", "*", "any object is a truth value, as since Python 3.13"),
    ("* delete *", "TypeError|ValueError", "AttributeError", "the attribute cannot be deleted"),
    ("* set options *", "*", "*", "unsigned and 64 bits wide, as since Python 3.12"),
    ("* set verify_flags *", "fine", "ValueError|OverflowError", "a flag that no library has"),
    ("* set verify_flags refuses", "ZeroDivisionError", "TypeError", "before Python 3.14"),
    ("* set m??imum_version 0", "fine", "ValueError", "as since Python 3.9"),
    ("* set m??imum_version -2^31-1", "ValueError", "OverflowError", "as for any other C int"),
    ("* set num_tickets *2^31*", "ValueError|fine", "OverflowError", "as for any other C int"),
    ("module call RAND_add *", "TypeError", "ValueError", "which argument is looked at first"),
    ("module call SSLContext *", "*", "*", "which value stands for no protocol"),
    ("* set_npn_protocols *", "AttributeError|NotImplementedError", "fine", "as Python 3.9 has it"),
    ("* get_channel_binding text-surrogate", "UnicodeEncodeError", "ValueError", "unknown type"),
    (
        "object_fresh call getpeercert *",
        "ZeroDivisionError|TypeError",
        "ValueError",
        "no handshake",
    ),
    (
        "server call set_psk_server_callback *",
        "*",
        "TypeError",
        "which argument is looked at first",
    ),
    # Sizes beyond a C int, which no record reaches
    ("* read *2^31*", "*", "OverflowError", "a size is a C int"),
    ("* recv *2^31*", "*", "OverflowError", "a size is a C int"),
    ("* recv_into *2^31*", "*", "OverflowError", "a size is a C int"),
    # TLS 1.3's tickets: one read more or less before the bytes that follow them
    ("* read *", "SSLWantReadError", "fine", "tickets are read over"),
    ("* recv *", "SSLWantReadError", "fine", "tickets are read over"),
    ("* recv", "SSLWantReadError", "fine", "tickets are read over"),
    ("* write *-empty", "SSLEOFError", "fine", "nothing to write, as since Python 3.10"),
    ("* send *-empty", "SSLEOFError", "fine", "nothing to send, as since Python 3.10"),
    ("* recvfrom_into *", "TypeError", "*", "without a size: `ssl` then fails on its own None"),
    ("socket* call recv_into *", "ValueError|ZeroDivisionError", "TypeError", "before Python 3.9"),
    ("client call set_psk_server_callback *", "*", "SSLError", "a client has none: said first"),
    ("client call set_psk_client_callback *", "*", "SSLError", "a server has none: said first"),
    # Without TLS, or half of an object
    ("* set context *", "AttributeError", "TypeError", "what is no context is told first"),
    ("socket_unconnected call connect*", "ValueError", "*", "one may try again after a failure"),
    ("socket_detached *", "*", "*", "`ssl` keeps its engine on a descriptor that is not its own"),
    ("socket_half *", "AttributeError|fine", "*", "a socket without TLS is a plain socket"),
    ("socket_half call setblocking*", "*", "*", "any object is a truth value"),
]


def run(module: str, subject: str, pki: Pki, folder: Path) -> dict[str, str]:
    """What each call came to; the process must not crash or hang."""
    here = Path(__file__).parent
    path = os.pathsep.join(
        [str(here), str(Path(pytls.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    )
    place = folder / module
    place.mkdir()
    done = subprocess.run(
        [sys.executable, str(here / "odd.py"), module, subject, pki.ca, pki.server.both],
        cwd=place,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert lines[-1][0] == "done", done.stderr[-3000:]
    return {f"{subject} {call}": result for call, result in lines[:-1]}


def excused(call: str, wanted: str, found: str) -> bool:
    """Whether a difference is listed."""
    return any(
        fnmatchcase(call, calls)
        and any(fnmatchcase(wanted, one) for one in wants.split("|"))
        and any(fnmatchcase(found, one) for one in finds.split("|"))
        for calls, wants, finds, _ in DIFFERENT
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.difference(
    "errors",
    "**Wrong arguments** may be refused by another exception: which stands in the test's "
    "table, with the reason.",
)
def test_odd_values(subject: str, pki: Pki, tmp_path: Path) -> None:
    """No crash, no hang, nothing but exceptions; and those of `ssl`."""
    found = run("pytls", subject, pki, tmp_path)
    assert len(found) > 100
    assert not {call for call, result in found.items() if result in ("SystemError", "NameError")}
    if not SAME_LIBRARY:
        return
    wanted = run("ssl", subject, pki, tmp_path)
    differs = {
        call: (wanted[call], found[call])
        for call in wanted
        if call in found
        and wanted[call] != found[call]
        and not excused(call, wanted[call], found[call])
    }
    assert not differs, differs


CRASH = """
import faulthandler, sys
import {module} as m
context = m.SSLContext(m.PROTOCOL_TLS_CLIENT)
try:
    del context.keylog_filename
except (AttributeError, TypeError):
    pass
"""


@pytest.mark.parametrize("module", ["pytls", "ssl"])
def test_deleting_the_name_of_the_keylog(module: str) -> None:
    """The running `ssl` may end here by a signal: pytls does not."""
    path = str(Path(pytls.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", CRASH.format(module=module)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if module == "ssl" and done.returncode < 0:
        pytest.xfail(f"{ssl.__name__} of this Python ends by signal {-done.returncode}")
    assert done.returncode == 0


MISREAD = """
import faulthandler
import pytls

class Overlong(bytes):
    def __len__(self):
        return 1 << 30
    def __getitem__(self, _):
        return self
    def decode(self, *_):
        return Misread("x")

class Misread(str):
    def encode(self, *_):
        return Overlong(b"x")

class Nothing:
    def decode(self, *_):
        return None

context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
try:
    context.load_verify_locations(cadata=Misread("x"))
except pytls.SSLError:
    pass
pytls.RAND_add(Misread("x"), 0.0)

def named(name):
    end = context.wrap_bio(pytls.MemoryBIO(), pytls.MemoryBIO(), server_hostname=name)
    return end.server_hostname

assert named(Misread("x")) == named(Overlong(b"x")) == "x"
try:
    print(named(Nothing()), "is held to no name")
except TypeError:
    pass
"""


def test_text_that_is_not_what_it_says() -> None:
    """It is encoded as text is: by its own methods, C would read more bytes than there are."""
    assert python(MISREAD) == b""
