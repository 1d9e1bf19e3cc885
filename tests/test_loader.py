"""Which OpenSSL is loaded, and why not another: real ones, and files that only look like one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from fakelib import library
from loading import TELL, files_in, loaded, output, refusal, renamed, usual

from pytls import _loader
from pytls._loader import Attempt

# What is found without a choice


@pytest.mark.difference(
    "contexts",
    "**OpenSSL** is found at run time: `OPENSSL_VERSION` and its kin tell of that "
    "library, which need not be the one of the interpreter's own `ssl`.",
)
def test_by_default_it_is_what_the_linker_finds() -> None:
    """By soname; the paths that are told are the files in the process."""
    code = f"{TELL}print(json.dumps(open('/proc/self/maps').read()))"
    told, maps = map(json.loads, output(code).splitlines())

    assert told["libssl"].startswith("libssl.so.")
    assert told["chosen_by"] == "the newest found"
    assert told["version"] == _number_of(told["text"])
    for path in usual():
        assert str(path) in maps


def _number_of(text: str) -> int:
    """The version number that a release of OpenSSL 3 or newer has."""
    major, minor, patch = map(int, text.split()[1].partition("-")[0].split("."))
    return major << 28 | minor << 20 | patch << 4


def test_the_newest_comes_first_whatever_the_interpreter_has(tmp_path: Path) -> None:
    """Though `_ssl` has loaded its own, of an older name."""
    newest = _loader.SUFFIXES[0]
    folder = renamed(usual(), tmp_path / "new", f"libcrypto{newest}", f"libssl{newest}")

    told = loaded("import ssl" + TELL, LD_LIBRARY_PATH=folder)

    assert told["libssl"] == f"libssl{newest}"
    assert told["paths"] == [str(folder / f"libcrypto{newest}"), str(folder / f"libssl{newest}")]
    assert not told["tried"]


def test_what_came_before_is_told_with_its_reason(tmp_path: Path) -> None:
    """A newer name that does not serve is passed over."""
    newest = _loader.SUFFIXES[0]
    (tmp_path / f"libcrypto{newest}").write_text("no library")

    ((name, reason),) = loaded(LD_LIBRARY_PATH=tmp_path)["tried"]

    assert name == f"libcrypto{newest}, libssl{newest}"
    assert f"{tmp_path}/libcrypto{newest}: " in reason


def test_nothing_usable_lists_every_name_with_its_reason_and_what_to_do(tmp_path: Path) -> None:
    """One line for each soname; this interpreter's `_ssl` does not find one either."""
    for suffix in _loader.SUFFIXES:
        (tmp_path / f"libcrypto{suffix}").write_text("no library")

    first, *lines, remedy = refusal(LD_LIBRARY_PATH=tmp_path).splitlines()

    assert first == "pytls found no OpenSSL 1.0.2 or newer, libcrypto and libssl; tried:"
    assert len(lines) == len(_loader.SUFFIXES)
    for suffix, line in zip(_loader.SUFFIXES, lines):
        assert line.startswith(f"  libcrypto{suffix}, libssl{suffix}: {tmp_path}/libcrypto{suffix}")
    assert "apt install libssl3" in remedy
    assert "dnf install openssl-libs" in remedy
    assert "apk add libssl3" in remedy
    assert "PYTLS_LIBDIR" in remedy


def test_half_of_a_pair_is_not_taken(tmp_path: Path) -> None:
    """A libcrypto without its libssl; the older pair serves."""
    newest = _loader.SUFFIXES[0]
    renamed(usual(), tmp_path / "new", f"libcrypto{newest}", f"libssl{newest}")
    (tmp_path / "new" / f"libssl{newest}").unlink()

    told = loaded(LD_LIBRARY_PATH=tmp_path / "new")

    assert f"libssl{newest}: " in told["tried"][0][1]


def test_the_usual_load_is_cheap() -> None:
    """It searches by no program, and does not read what only a chosen pair needs."""
    code = """
import sys, pytls
print(*(set(sys.modules) & {"ctypes.util", "glob", "subprocess", "tempfile", "pytls._private"}))
"""
    assert not output(code).strip()


# What the environment chooses


def test_a_folder_chooses(tmp_path: Path) -> None:
    """A relative one too."""
    renamed(usual(), tmp_path / "chosen", "libcrypto.so.7", "libssl.so.7")
    code = f"import os\nos.chdir({str(tmp_path)!r})" + TELL

    told = loaded(code, PYTLS_LIBDIR="chosen")

    assert told["chosen_by"] == "PYTLS_LIBDIR=chosen"
    assert told["paths"] == [
        str(tmp_path / "chosen" / f"lib{name}.so.7") for name in ("crypto", "ssl")
    ]


def test_two_files_choose(tmp_path: Path) -> None:
    """Whatever they are called."""
    chosen = files_in(renamed(usual(), tmp_path / "chosen", "libcrypto-x", "libssl-y"))

    told = loaded(**chosen)

    assert told["paths"] == [str(path) for path in chosen.values()]
    assert told["chosen_by"] == ", ".join(f"{name}={chosen[name]}" for name in chosen)


def test_the_pair_that_is_already_loaded_may_be_chosen() -> None:
    """Then it is that one, and no copy."""
    told = loaded(PYTLS_LIBCRYPTO=usual().libcrypto, PYTLS_LIBSSL=usual().libssl)

    assert told["chosen_by"].endswith(str(usual().libssl))


def test_who_has_fewer_rights_does_not_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set-user-ID program, or one with capabilities, opens no library of who starts it."""
    monkeypatch.setenv("PYTLS_LIBDIR", "/chosen")
    assert not _loader._is_privileged()
    monkeypatch.setattr(_loader, "_is_privileged", lambda: True)

    assert _loader._chosen() == {}


def test_an_empty_variable_chooses_nothing() -> None:
    """As the shell's `PYTLS_LIBDIR= command` means it."""
    told = loaded(PYTLS_LIBDIR="", PYTLS_LIBSSL="", PYTLS_LIBCRYPTO="")

    assert told["chosen_by"] == "the newest found"


@pytest.mark.parametrize(
    "names",
    [
        ("PYTLS_LIBSSL",),
        ("PYTLS_LIBCRYPTO",),
        ("PYTLS_LIBDIR", "PYTLS_LIBSSL"),
        ("PYTLS_LIBDIR", "PYTLS_LIBCRYPTO", "PYTLS_LIBSSL"),
    ],
    ids="+".join,
)
def test_half_a_choice_or_two_are_refused(names: tuple[str, ...]) -> None:
    """Naming what is set, and what may be."""
    text = refusal(**{name: f"/{name}" for name in names})

    assert "either PYTLS_LIBDIR, or both PYTLS_LIBCRYPTO and PYTLS_LIBSSL" in text
    for name in names:
        assert f"{name}=/{name}" in text


@pytest.mark.parametrize("content", [None, b"", b"no library", b"\x7fELF\x02\x01\x01"])
def test_a_chosen_file_that_is_none_is_refused(content: bytes | None, tmp_path: Path) -> None:
    """Though the system has an OpenSSL that would serve."""
    chosen = tmp_path / "libcrypto.so.3", tmp_path / "libssl.so.3"
    for path in chosen:
        if content is not None:
            path.write_bytes(content)

    text = refusal(PYTLS_LIBCRYPTO=chosen[0], PYTLS_LIBSSL=chosen[1])

    assert f"PYTLS_LIBSSL={chosen[1]} is not an OpenSSL for pytls" in text
    assert f"  {chosen[0]}, {chosen[1]}: " in text
    assert "unset it" in text


def test_a_chosen_folder_without_a_pair_is_refused(tmp_path: Path) -> None:
    """Missing, empty, with half of one."""
    missing, empty, half = (tmp_path / name for name in ("missing", "empty", "half"))
    empty.mkdir()
    half.mkdir()
    library(half / "libssl.so.3")

    assert f"  {missing}: [Errno 2]" in refusal(PYTLS_LIBDIR=missing)
    assert f"  {empty}: there is no libssl in it" in refusal(PYTLS_LIBDIR=empty)
    text = refusal(PYTLS_LIBDIR=half)
    assert f"  {half}/libssl.so.3: there is no libcrypto.so.3 beside it" in text


def test_in_a_folder_the_newest_pair_that_serves_is_taken(tmp_path: Path) -> None:
    """What does not is told."""
    folder = renamed(usual(), tmp_path / "chosen", "libcrypto.so.7", "libssl.so.7")
    for name in "libcrypto.so.1.1", "libssl.so.1.1":
        library(folder / name)

    told = loaded(PYTLS_LIBDIR=folder)

    assert told["libssl"] == str(folder / "libssl.so.7")
    assert told["tried"][0][0] == f"{folder}/libcrypto.so.1.1, {folder}/libssl.so.1.1"


@pytest.mark.parametrize(
    ("file_type", "names", "expected"),
    [
        (
            ".so",
            """
            libcrypto.so libcrypto.so.10 libcrypto.so.3 libcrypto-0123abcd.so.1.1 libcrypto.so.30
            libssl.so libssl.so.10 libssl.so.3 libssl-c0c2ede4.so.1.1 libssl.so.30
            libssl.a libcrypto.a libsslx.so.4 libcryptox.so.4 .libssl.so.3.hmac
            """,
            "libssl.so.3 libssl-c0c2ede4.so.1.1 libssl.so.10 libssl.so libssl.so.30",
        ),
        (
            ".dylib",
            """
            libcrypto.3.dylib libcrypto.1.1.dylib libcrypto.4.dylib libcrypto.dylib
            libssl.3.dylib libssl.1.1.dylib libssl.4.dylib libssl.dylib
            """,
            "libssl.4.dylib libssl.3.dylib libssl.1.1.dylib",
        ),
        (
            ".dll",
            """
            libcrypto-3.dll libcrypto-1_1-x64.dll libcrypto-4-x64.dll libcrypto-3-x64.dll
            libssl-3.dll libssl-1_1-x64.dll libssl-4-x64.dll libssl-3-x64.dll python3.dll
            """,
            "libssl-4-x64.dll libssl-3.dll libssl-3-x64.dll libssl-1_1-x64.dll",
        ),
    ],
    ids=["so", "dylib", "dll"],
)
def test_the_names_of_a_folder_are_paired_newest_first(
    file_type: str, names: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On every platform; wheels give each of the two a hash of its own."""
    monkeypatch.setattr(_loader, "FILE_TYPE", file_type)
    for name in names.split():
        (tmp_path / name).touch()
    tried: list[Attempt] = []

    pairs = list(_loader._pairs_in(str(tmp_path), tried))

    assert [Path(libssl).name for _, libssl in pairs] == expected.split()
    for libcrypto, libssl in pairs:
        crypto, ssl = Path(libcrypto).name, Path(libssl).name
        assert crypto in {ssl.replace("libssl", "libcrypto"), "libcrypto-0123abcd.so.1.1"}
    assert not tried


def test_macos_and_windows_are_asked_for_absolute_paths_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the interpreter, which Windows tries first; there PATH comes after it."""
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setenv("PATH", os.pathsep.join(["/first", ".", "", "/second"]))

    monkeypatch.setattr(_loader, "FILE_TYPE", ".dll")
    assert _loader._usual_folders()[:2] == [str(tmp_path), f"{tmp_path}/DLLs"]
    assert _loader._usual_folders()[-2:] == ["/first", "/second"]

    monkeypatch.setattr(_loader, "FILE_TYPE", ".dylib")
    folders = _loader._usual_folders()
    assert folders[0] == "/opt/homebrew/opt/openssl@4/lib"
    assert folders[-1] == f"{tmp_path}/lib"
    for name in "libcrypto.3.dylib", "libssl.3.dylib":
        (tmp_path / "lib").mkdir(exist_ok=True)
        (tmp_path / "lib" / name).touch()
    expected = (f"{tmp_path}/lib/libcrypto.3.dylib", f"{tmp_path}/lib/libssl.3.dylib")
    assert expected in list(_loader._places({}, []))


# What only bears the name


STRANGERS = {
    "NSS": ({}, {"SSL_ImportFD": 0}, "this is NSS, not OpenSSL"),
    "BoringSSL": (
        {"OpenSSL_version_num": 0x1010107F, "BORINGSSL_self_test": 1},
        {"SSL_CTX_new": 0},
        "this is BoringSSL, not OpenSSL",
    ),
    "AWS-LC": (
        {"OpenSSL_version_num": 0x1010107F, "BORINGSSL_self_test": 1, "awslc_api_version_num": 1},
        {"SSL_CTX_new": 0},
        "this is AWS-LC, not OpenSSL",
    ),
    "LibreSSL": (
        {"OpenSSL_version_num": 0x20000000, "OpenSSL_version": "LibreSSL 3.8.2"},
        {"SSL_CTX_new": 0},
        "this is LibreSSL 3.8.2, not OpenSSL",
    ),
    "something else": ({}, {}, "this libssl is not OpenSSL's: it has no SSL_CTX_new"),
    "something else as libcrypto": (
        {},
        {"SSL_CTX_new": 0},
        "this libcrypto is not OpenSSL's: it has no OpenSSL_version_num and no SSLeay",
    ),
    "1.0.1": (
        {"SSLeay": 0x1000114F, "SSLeay_version": "OpenSSL 1.0.1t  3 May 2016"},
        {"SSL_CTX_new": 0},
        "this is OpenSSL 1.0.1t  3 May 2016, too old: 1.0.2 or newer is needed",
    ),
    "a newer libcrypto": (
        {"OpenSSL_version_num": 0x30500080, "OpenSSL_version": "OpenSSL 3.5.8"},
        {"SSL_CTX_new": 0, "SSL_CTX_set_cert_cb": 0, "SSL_CTX_set_ciphersuites": 0},
        "libcrypto is OpenSSL 3.5.8, but libssl is older: it has no SSL_get0_group_name",
    ),
}


@pytest.mark.parametrize(("crypto", "ssl", "reason"), STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_usable_openssl_is_refused_with_a_clear_word(
    crypto: dict[str, int | str], ssl: dict[str, int | str], reason: str, tmp_path: Path
) -> None:
    """By what it has and the number that it tells, before anything of it is used."""
    libcrypto = library(tmp_path / "libcrypto.so.77", crypto)
    libssl = library(tmp_path / "libssl.so.77", ssl, needed=(libcrypto.name,))

    assert f"  {libcrypto}, {libssl}: {reason}\n" in refusal(PYTLS_LIBDIR=tmp_path)


def test_a_folder_of_nss_is_refused_with_a_clear_word(tmp_path: Path) -> None:
    """Its library is called libssl3.so."""
    path = library(tmp_path / "libssl3.so", {"SSL_ImportFD": 0})

    text = refusal(PYTLS_LIBDIR=tmp_path)

    assert f"  {path}: NSS's library has this name, none of OpenSSL's has" in text


def test_halves_of_two_openssls_are_refused(tmp_path: Path) -> None:
    """A libssl that calls another libcrypto than the one beside it."""
    folder = renamed(usual(), tmp_path / "other", "libcrypto.so.7", "libssl.so.7")

    text = refusal(PYTLS_LIBCRYPTO=folder / "libcrypto.so.7", PYTLS_LIBSSL=usual().libssl)

    assert "libssl calls another libcrypto than this one, which is OpenSSL " in text
