"""An OpenSSL beside another one: in a private copy where they bear one name, bound to its own."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest
from fakelib import NATIVE, Form, library
from loading import TELL, copied, loaded, output, refusal, renamed, run, usual
from pki import HOSTNAME, Pki

from pytls import _elf, _loader, _private

#: A handshake and a byte with both modules, in memory; and a hash, which has its OpenSSL too.
WORK = """
import hashlib, os

def talk(module):
    client = module.SSLContext(module.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(os.environ["CA"])
    server = module.SSLContext(module.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(os.environ["SERVER"])
    there, back = module.MemoryBIO(), module.MemoryBIO()
    near = client.wrap_bio(back, there, server_hostname=os.environ["HOST"])
    far = server.wrap_bio(there, back, server_side=True)
    for side in [near, far] * 3:
        try:
            side.do_handshake()
        except module.SSLWantReadError:
            pass
    near.write(b"!")
    assert far.read() == b"!"

def work():
    import pytls, ssl
    talk(ssl)
    talk(pytls)
    assert hashlib.new("sha256", b"").hexdigest().startswith("e3b0c442")

"""
ORDERS = {
    "ssl first": "import ssl, hashlib\nfrom pytls import _loader\n",
    "pytls first": "from pytls import _loader\nimport ssl, hashlib\n",
}
COPIED = ", as a private copy"

#: As on an interpreter that has no OpenSSL of its own.
WITHOUT = "import sys\nsys.modules['_ssl'] = sys.modules['_hashlib'] = None\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """It has another copy of the pair that the interpreter's own modules load."""
    return copied(tmp_path / "copied")


def peers(pki: Pki) -> dict[str, str]:
    """The variables that `WORK` reads."""
    return {"CA": str(pki.ca), "SERVER": str(pki.server.both), "HOST": HOSTNAME}


@pytest.mark.parametrize("first", ORDERS.values(), ids=ORDERS)
def test_both_keep_working_beside_each_other(first: str, folder: Path, pki: Pki) -> None:
    """Whichever is imported first."""
    told = loaded(f"{first}{WORK}work(){TELL}work()", PYTLS_LIBDIR=folder, **peers(pki))

    assert told["chosen_by"] == f"PYTLS_LIBDIR={folder}{COPIED}"
    assert [Path(path).parent for path in told["paths"]] == [folder, folder]


def test_the_copy_is_another_library(folder: Path) -> None:
    """Its functions are not those that the interpreter calls."""
    code = """
import ctypes, os, sys
from pytls._loader import PAIR

def address(function):
    return ctypes.cast(function, ctypes.c_void_p).value

names = os.environ["NAMES"].split()
for name, handle, symbol in zip(
    names, (PAIR.crypto_handle, PAIR.ssl_handle), ("ERR_clear_error", "SSL_new")
):
    theirs, ours = ctypes.CDLL(name, mode=os.RTLD_NOLOAD), ctypes.CDLL(name, handle=handle)
    assert address(theirs[symbol]) != address(ours[symbol])
"""
    names = " ".join(_elf.name_of(str(path)) for path in usual())
    assert not output(code, PYTLS_LIBDIR=folder, NAMES=names)


def test_nothing_is_written_run_or_left_open(folder: Path) -> None:
    """As on a read-only file system, under a limit that forbids exec."""
    code = """
import ctypes, os, sys  # libffi may keep its own file open
sys.dont_write_bytecode = True

def watch(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        assert not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT), args
    assert event in ("os.listdir", "os.scandir") or not event.startswith(
        ("os.", "subprocess.", "pty.", "tempfile.", "shutil.")
    ), event

before = os.listdir("/proc/self/fd")
sys.addaudithook(watch)
import pytls
assert os.listdir("/proc/self/fd") == before
print(pytls._loader.PAIR.chosen_by)
"""
    assert output(code) == "the newest found\n"
    assert output(code, PYTLS_LIBDIR=folder) == f"PYTLS_LIBDIR={folder}{COPIED}\n"


def test_a_second_copy_is_not_the_first_again(folder: Path, tmp_path: Path) -> None:
    """Though its files could have the numbers of those that were closed."""
    second = copied(tmp_path / "second")
    code = """
import os
from pytls import _loader
one = _loader.PAIR
os.environ["PYTLS_LIBDIR"] = os.environ["SECOND"]
two = _loader.load()
print(two.chosen_by)
assert len({it for pair in (one, two) for it in (pair.crypto_handle, pair.ssl_handle)}) == 4
"""
    told = output(code, PYTLS_LIBDIR=folder, SECOND=second)

    assert told == f"PYTLS_LIBDIR={second}{COPIED}\n"


@pytest.mark.parametrize(
    ("sabotage", "reason"),
    [
        ("del os.memfd_create", "no attribute 'memfd_create'"),
        (
            "def no(name): raise PermissionError(1, 'not permitted')\nos.memfd_create = no",
            "[Errno 1] not permitted",
        ),
        ("os.memfd_create = lambda name: os.open('/dev/null', os.O_RDWR)", "/dev/fd/"),
    ],
    ids=["not on this platform", "not allowed", "not opened"],
)
def test_where_no_copy_can_be_had_it_says_what_to_do(
    sabotage: str, reason: str, folder: Path
) -> None:
    """Two OpenSSLs are never mixed; and what it says works."""
    text = refusal(f"import os\n{sabotage}\nimport pytls", PYTLS_LIBDIR=folder)

    assert "the process already has others of these names" in text
    assert reason in text
    assert f"start it with LD_LIBRARY_PATH={folder}, so that all of it uses these" in text
    told = loaded(LD_LIBRARY_PATH=folder, PYTLS_LIBDIR=folder)
    assert told["chosen_by"] == f"PYTLS_LIBDIR={folder}"


def test_names_that_nobody_has_need_no_copy(folder: Path, tmp_path: Path) -> None:
    """Where the interpreter has no OpenSSL of its own, or the names are others."""
    others = renamed(usual(), tmp_path / "others", "libcrypto.so.7", "libssl.so.7")

    assert loaded(WITHOUT + TELL, PYTLS_LIBDIR=folder)["chosen_by"] == f"PYTLS_LIBDIR={folder}"
    assert loaded(PYTLS_LIBDIR=others)["chosen_by"] == f"PYTLS_LIBDIR={others}"


def test_on_musl_every_chosen_pair_needs_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a needed name is searched for, though a library of that name is loaded."""
    files = [str(path) for path in usual()]
    monkeypatch.setattr(_private, "MUSL", True)
    monkeypatch.setattr(_private, "_loaded", lambda _: None)
    assert _private.names_are_taken(*files)

    # Unless it was found by such a search.
    monkeypatch.setattr(_private, "_loaded", lambda _: 1)
    assert not _private.names_are_taken(*files)


def test_it_works_in_a_forked_child(folder: Path, pki: Pki) -> None:
    """What was loaded before is there."""
    code = f"{WORK}work()\nchild = os.fork()\nwork()\nif child: print(os.wait()[1])\n"

    assert output(code, PYTLS_LIBDIR=folder, **peers(pki)) == "0\n"


# Bound to its own, and what it needs


def test_functions_of_the_program_do_not_take_the_place_of_openssls(
    folder: Path, tmp_path: Path
) -> None:
    """An interpreter may export what is linked into it: here, a function that fails."""
    program = library(tmp_path / "program.so", {"X509_STORE_new": 0})
    code = "import {0}\n{0}.SSLContext({0}.PROTOCOL_TLS_CLIENT)"

    assert run(code.format("ssl"), LD_PRELOAD=program).status == 1
    assert not output(code.format("pytls"), LD_PRELOAD=program, PYTLS_LIBDIR=folder)


def test_where_malloc_is_replaced_it_is_not_bound_past_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory of two allocators would mix, and a sanitizer ends such a process."""
    program = ctypes.CDLL(None)
    functions = {"libc.so.6": program.calloc, None: program.calloc}

    class Library:
        """One that has a calloc."""

        def __init__(self, name: str | None) -> None:
            self.calloc = functions[name]

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert _loader._mode() == os.RTLD_LOCAL | os.RTLD_DEEPBIND
    functions[None] = program.free
    assert _loader._mode() == os.RTLD_LOCAL


def test_what_a_wheel_has_beside_it_is_found(tmp_path: Path) -> None:
    """Libraries of hashed names, which need others of them, in a folder that nobody searches."""
    libz = library(tmp_path / "libz-33333333.so.1")
    krb5 = library(tmp_path / "libkrb5-22222222.so.3", needed=(libz.name,))
    crypto = library(tmp_path / "libcrypto-00000000.so.3", needed=(libz.name,))
    library(
        tmp_path / "libssl-11111111.so.3",
        {"SSL_CTX_new": 0},
        needed=(crypto.name, krb5.name, libz.name),
    )

    assert "this libcrypto is not OpenSSL's" in refusal(PYTLS_LIBDIR=tmp_path)

    libz.unlink()
    assert f": {libz.name}: cannot open shared object file" in refusal(PYTLS_LIBDIR=tmp_path)


@pytest.mark.parametrize("cleanup", ["", "crypto.OPENSSL_cleanup()"], ids=["exit", "control"])
def test_openssl_frees_nothing_at_exit(cleanup: str, folder: Path) -> None:
    """Threads may still be in it, and objects be freed after it."""
    code = """
import ctypes
from pytls._loader import PAIR
crypto = ctypes.CDLL(None, handle=PAIR.crypto_handle)
if PAIR.version < 0x40000000:  # later ones do nothing at exit by themselves
    assert crypto.OPENSSL_atexit(ctypes.CDLL(None).abort)
else:
    crypto.OPENSSL_cleanup = ctypes.CDLL(None).abort
"""
    assert (run(code + cleanup, PYTLS_LIBDIR=folder).status != 0) == bool(cleanup)


# The names in a file

FORMS = {
    f"{bits} bits, {order} endian": Form("<" if order == "little" else ">", bits == 64)
    for bits in (32, 64)
    for order in ("little", "big")
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_names_are_read_and_changed(form: Form, tmp_path: Path) -> None:
    """Its own and one that it needs; nothing else in the file changes, or moves."""
    path = library(tmp_path / "libssl.so.3", needed=("libcrypto.so.3", "libc.so.6"), form=form)
    image = bytearray(path.read_bytes())

    _elf.rename(image, {b"libssl.so.3": b"pytls", b"libcrypto.so.3": b"/dev/fd/12"})

    assert _elf.name_of(str(path)) == "libssl.so.3"
    before = path.read_bytes()
    assert len(image) == len(before)
    assert (
        image.replace(b"pytls\0\0\0\0\0\0", b"libssl.so.3").replace(
            b"/dev/fd/12\0\0\0\0", b"libcrypto.so.3"
        )
        == before
    )
    path.write_bytes(image)
    assert _elf.name_of(str(path)) == "pytls"


def test_a_file_without_a_name_goes_by_its_files(tmp_path: Path) -> None:
    """As the linker knows it."""
    path = library(tmp_path / "libssl.so.3")
    image = bytearray(path.read_bytes())
    _elf.rename(image, {b"libssl.so.3": b""})
    path.write_bytes(image)

    assert _elf.name_of(str(path)) == "libssl.so.3"


def test_a_name_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Too long, or not a string of its own."""
    image = bytearray(library(tmp_path / "libssl.so.3").read_bytes())
    with pytest.raises(ValueError, match="longer"):
        _elf.rename(image, {b"libssl.so.3": b"libssl.so.333"})

    image = bytearray(library(tmp_path / "xlibssl.so.3").read_bytes())
    its_own, its_end = (NATIVE.pack("NN", 14, at) for at in (1, 2))  # DT_SONAME
    assert its_own in image
    with pytest.raises(ValueError, match="end of another"):
        _elf.rename(image.replace(its_own, its_end), {b"libssl.so.3": b"pytls"})


@pytest.mark.parametrize("length", [0, 3, 4, 5, 40, 100, 0x10000, 0x10020])
def test_what_is_not_a_whole_elf_file_is_refused(length: int, tmp_path: Path) -> None:
    """Cut off anywhere."""
    path = library(tmp_path / "libssl.so.3")
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(ValueError, match=r"ELF file|empty"):
        _elf.name_of(str(path))
