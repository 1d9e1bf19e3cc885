"""Find, open and check the pair libcrypto + libssl.

The newest of the sonames that the dynamic linker finds, unless the environment chooses a pair:
`PYTLS_LIBDIR` (a folder), or `PYTLS_LIBCRYPTO` and `PYTLS_LIBSSL` (two files).

The newest comes first even where the interpreter's own `_ssl` has loaded an older one: which
OpenSSL a program gets must not depend on what it imported before, and an interpreter with too old
an OpenSSL is what many come for. Where both go by one name, the linker gives what is loaded.
"""

from __future__ import annotations

import ctypes
import os
import sys
from types import SimpleNamespace

# `_ssl` comes to its own libcrypto before pytls opens one: see there.
from . import errors  # noqa: F401
from ._types import Any, Iterator, Tuple

#: What follows "libcrypto" and "libssl" in a soname, newest first. Red Hat's 1.0.2 is .so.10.
SUFFIXES = (".so.4", ".so.3", ".so.1.1", ".so.1.0.2", ".so.10", ".so.1.0.0")
FILE_TYPE = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")

#: Libraries with files or functions of the same name, by a function that only they have.
OTHERS = {
    "SSL_ImportFD": "NSS",
    "awslc_api_version_num": "AWS-LC",
    "BORINGSSL_self_test": "BoringSSL",
}
#: A function that libssl has from a release on, whatever was left out of the build: for releases
#: that go by the soname of an older one.
LANDMARKS = {
    0x10002000: "SSL_CTX_set_cert_cb",
    0x10101000: "SSL_CTX_set_ciphersuites",
    0x30200000: "SSL_get0_group_name",
    0x30300000: "SSL_SESSION_get_time_ex",
    0x30400000: "SSL_get1_builtin_sigalgs",
    0x30500000: "SSL_CTX_get_domain_flags",
}
OLDEST, OLDEST_TEXT = 0x10002000, "1.0.2"
LIBRESSL = 2  # the major version that it says, and no OpenSSL ever will
OPENSSL_INIT_NO_ATEXIT = 0x00080000
RTLD_DI_LINKMAP = 2
AT_SECURE = 23

INSTALL = {
    "win32": "Put the folder of its DLLs on PATH",
    "darwin": "Install it (brew install openssl@3)",
}.get(
    sys.platform,
    "Install it (Debian, Ubuntu: apt install libssl3; Fedora, Red Hat: dnf install openssl-libs; "
    "Alpine: apk add libssl3)",
)


Attempt = Tuple[str, str]
"""What was tried, names or paths, and why it did not serve."""


class Pair(SimpleNamespace):
    """The two libraries in use."""

    libcrypto: str  # the soname or absolute path that was opened
    libssl: str
    crypto_handle: int  # dlopen's
    ssl_handle: int
    version: int  # OpenSSL_version_num(), which 1.0.2 calls SSLeay()
    text: str  # the version for people
    chosen_by: str  # why these, for people
    tried: tuple[Attempt, ...]  # what came before them


def load() -> Pair:
    """Open the first usable pair.

    :raises ImportError: there is none; it lists what was tried, each with its reason. What the
        environment chose is never replaced by something else.
    """
    chosen = _chosen()
    tried: list[Attempt] = []
    for libcrypto, libssl in _places(chosen, tried):
        try:
            crypto, ssl, how = _open_pair(libcrypto, libssl)
            version, text = _check(crypto, ssl)
        except (OSError, ValueError) as error:
            tried.append((f"{libcrypto}, {libssl}", str(error)))
            continue
        return Pair(
            libcrypto=libcrypto,
            libssl=libssl,
            crypto_handle=crypto._handle,
            ssl_handle=ssl._handle,
            version=version,
            text=text,
            chosen_by=(_told(chosen) or "the newest found") + how,
            tried=tuple(tried),
        )
    raise ImportError(_explained(chosen, tried), name="pytls")


def paths(pair: Pair) -> tuple[str, str]:
    """The files of libcrypto and of libssl, as far as the dynamic linker tells."""
    return _path(pair.libcrypto, pair.crypto_handle), _path(pair.libssl, pair.ssl_handle)


# Where to look


def _chosen() -> dict[str, str]:
    """The variables that choose; one that is empty does not, nor one of who has fewer rights."""
    folder, *files = names = ["PYTLS_LIBDIR", "PYTLS_LIBCRYPTO", "PYTLS_LIBSSL"]
    chosen = {name: os.environ[name] for name in names if os.environ.get(name)}
    if chosen and _is_privileged():
        return {}
    if set(chosen) not in (set(), {folder}, set(files)):
        raise ImportError(
            f"set either {folder}, or both {' and '.join(files)}; set is {_told(chosen)}",
            name="pytls",
        )
    return chosen


def _is_privileged() -> bool:
    """Whether the process has rights that who started it has not.

    The linker, and OpenSSL, do not heed their own variables then. secure_getenv(3), getauxval(3)
    """
    if not hasattr(os, "geteuid"):  # Windows
        return False
    libc = ctypes.CDLL(None)
    if hasattr(libc, "getauxval"):  # it knows of capabilities
        libc.getauxval.argtypes, libc.getauxval.restype = [ctypes.c_ulong], ctypes.c_ulong
        return bool(libc.getauxval(AT_SECURE))
    if hasattr(libc, "issetugid"):
        return bool(libc.issetugid())
    return (os.getuid(), os.getgid()) != (os.geteuid(), os.getegid())


def _told(chosen: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in chosen.items())


def _places(chosen: dict[str, str], tried: list[Attempt]) -> Iterator[tuple[str, str]]:
    """Every libcrypto and libssl to try, in order; what cannot be one is added to `tried`."""
    if "PYTLS_LIBDIR" in chosen:
        yield from _pairs_in(os.path.abspath(chosen["PYTLS_LIBDIR"]), tried)
    elif chosen:
        libcrypto, libssl = map(os.path.abspath, chosen.values())
        yield libcrypto, libssl
    elif FILE_TYPE == ".so":
        # Not through ctypes.util.find_library, which runs ldconfig, gcc and ld.
        yield from ((f"libcrypto{suffix}", f"libssl{suffix}") for suffix in SUFFIXES)
    else:
        for folder in _usual_folders():
            yield from _pairs_in(folder, tried)


def _usual_folders() -> list[str]:
    """Where macOS and Windows have it, whose linkers are asked for absolute paths only."""
    prefix = sys.base_prefix
    if FILE_TYPE == ".dll":
        folders = [prefix, os.path.join(prefix, "DLLs"), os.path.join(prefix, "Library", "bin")]
        folders += os.environ.get("PATH", "").split(os.pathsep)
        return [folder for folder in folders if os.path.isabs(folder)]
    kegs = [
        f"{brew}/opt/openssl{release}/lib"
        for brew in ("/opt/homebrew", "/usr/local")
        for release in ("@4", "@3", "@1.1", "")
    ]
    ports = [
        f"/opt/local/{folder}lib" for folder in ("libexec/openssl3/", "libexec/openssl11/", "")
    ]
    return [*kegs, *ports, f"{prefix}/lib"]


def _pairs_in(folder: str, tried: list[Attempt]) -> Iterator[tuple[str, str]]:
    """The paths of every pair in a folder, newest first."""
    found: dict[str, dict[str, str]] = {"libcrypto": {}, "libssl": {}}
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        tried.append((folder, str(error)))
        return
    for name in names:
        path = os.path.join(folder, name)
        library = name.partition(".")[0].partition("-")[0]
        # macOS ends a process that opens libssl.dylib without a version.
        if library in found and FILE_TYPE in name and not name.endswith("ssl.dylib"):
            found[library][_suffix(name[len(library) :])] = path
        elif library == "libssl3":
            tried.append((path, "NSS's library has this name, none of OpenSSL's has"))
    libcryptos, libssls = found.values()
    for suffix in sorted(libssls, key=_age):
        if suffix in libcryptos:
            yield libcryptos[suffix], libssls[suffix]
        else:
            tried.append((libssls[suffix], f"there is no libcrypto{suffix} beside it"))
    if not libssls:
        tried.append((folder, "there is no libssl in it"))


def _suffix(rest: str) -> str:
    """What the names of a pair have in common: wheels give each library a hash of its own."""
    hashed, dot, version = rest.partition(".")
    return dot + version if len(hashed) == len("-c0c2ede4") else rest


def _age(suffix: str) -> tuple[int, list[int]]:
    """Sorts the newest first: the sonames in their order, then by the numbers in a name."""
    known = SUFFIXES.index(suffix) if suffix in SUFFIXES else len(SUFFIXES)
    digits = "".join(letter if letter.isdigit() else " " for letter in suffix)
    return known, [-int(number) for number in digits.split()]


# Open


def _mode() -> int:
    """Local, and on glibc bound to what it needs itself before all else.

    Otherwise an interpreter that exports the symbols of an OpenSSL of its own takes libssl's calls.
    Not where malloc is not glibc's (a preloaded allocator, or a sanitizer, which would even end the
    process): what glibc allocates with theirs would be freed with glibc's. calloc tells: a program
    that is linked to a fixed address, as Debian's Python, has a malloc of its own for whoever asks.
    """
    deepbind: int = getattr(os, "RTLD_DEEPBIND", 0)
    try:
        allocators = {_address(ctypes.CDLL(name).calloc) for name in ("libc.so.6", None)}
    except OSError:  # another libc
        return LOCAL
    return LOCAL | deepbind if len(allocators) == 1 else LOCAL


def _address(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


LOCAL: int = getattr(os, "RTLD_LOCAL", 0)
MODE = _mode()


def _open_pair(libcrypto: str, libssl: str) -> tuple[ctypes.CDLL, ctypes.CDLL, str]:
    """Both libraries, and what was special about it; libcrypto first, so that libssl finds it."""
    folders = os.path.dirname(libcrypto), os.path.dirname(libssl)
    if FILE_TYPE == ".so" and os.path.isabs(libcrypto):
        from . import _private  # here, as nothing else needs it

        if _private.names_are_taken(libcrypto, libssl):
            with _private.copies(libcrypto, libssl) as (crypto, ssl):
                opened = _open(crypto, folders[0]), _open(ssl, folders[1])
                return (*opened, ", as a private copy")
    return _open(libcrypto, folders[0]), _open(libssl, folders[1]), ""


def _open(library: str, folder: str, mode: int = MODE, missed: tuple[str, ...] = ()) -> ctypes.CDLL:
    """Open a library, and before it what the linker misses and `folder` has, if there is one.

    Wheels carry libz or libkrb5 under hashed names, in a folder that no linker searches.
    """
    try:
        return ctypes.CDLL(library, mode=mode)
    except OSError as error:
        # glibc begins with the missing name, musl puts it amid the sentence; both translate it.
        words = set(str(error).replace(":", " ").split())
        missing = words.intersection(os.listdir(folder) if folder else ()).difference(missed)
        if not missing:
            raise
    missed += tuple(missing)
    for name in missing:
        _open(os.path.join(folder, name), folder, LOCAL, missed)
    return _open(library, folder, mode, missed)


# Check


def _check(crypto: ctypes.CDLL, ssl: ctypes.CDLL) -> tuple[int, str]:
    """The version, as number and text, of what are certainly two halves of one OpenSSL.

    How far libssl is known to be of libcrypto's version: from 3.0 on it does not tell its own. A
    newer one finds functions missing when it is opened; an older one lacks its landmarks; patch
    releases, and releases without new functions, are equal here as they are to programs.

    :raises ValueError: they are not.
    """
    for function, owner in OTHERS.items():
        if hasattr(ssl, function) or hasattr(crypto, function):
            raise ValueError(f"this is {owner}, not OpenSSL")
    if not hasattr(ssl, "SSL_CTX_new"):
        raise ValueError("this libssl is not OpenSSL's: it has no SSL_CTX_new")
    version, text = _version(crypto)
    if version < OLDEST:
        raise ValueError(f"this is {text}, too old: {OLDEST_TEXT} or newer is needed")
    for since, function in LANDMARKS.items():
        if version >= since and not hasattr(ssl, function):
            raise ValueError(f"libcrypto is {text}, but libssl is older: it has no {function}")
    _initialize(crypto, ssl, version)
    # Refused before anything else happens, in every version: there is no method. Where that error
    # turns up shows which libcrypto it is that libssl calls.
    crypto.ERR_peek_last_error.restype = ctypes.c_ulong
    crypto.ERR_clear_error()
    ssl.SSL_CTX_new.restype = ctypes.c_void_p
    ssl.SSL_CTX_new(None)
    if not crypto.ERR_peek_last_error():
        raise ValueError(f"libssl calls another libcrypto than this one, which is {text}")
    crypto.ERR_clear_error()
    return version, text


def _version(crypto: ctypes.CDLL) -> tuple[int, str]:
    for names in ("OpenSSL_version_num", "OpenSSL_version"), ("SSLeay", "SSLeay_version"):
        if not all(hasattr(crypto, name) for name in names):
            continue
        number, text = (crypto[name] for name in names)
        number.restype, text.restype = ctypes.c_ulong, ctypes.c_char_p
        version, told = number(), text(0).decode("ascii", "replace")
        if version >> 28 == LIBRESSL:
            raise ValueError(f"this is {told}, not OpenSSL")
        return version, told
    raise ValueError("this libcrypto is not OpenSSL's: it has no OpenSSL_version_num and no SSLeay")


def _initialize(crypto: ctypes.CDLL, ssl: ctypes.CDLL, version: int) -> None:
    """What must be done first. From 1.1.0 on OpenSSL does the rest by itself when it is needed."""
    if version < 0x10100000:
        ssl.SSL_library_init()
        ssl.SSL_load_error_strings()
        crypto.OPENSSL_add_all_algorithms_noconf()
        return
    # At exit, threads and objects may still use what OpenSSL would free.
    crypto.OPENSSL_init_crypto.argtypes = ctypes.c_uint64, ctypes.c_void_p
    if not crypto.OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, None):
        raise ValueError("OPENSSL_init_crypto failed")


# Tell


def _explained(chosen: dict[str, str], tried: list[Attempt]) -> str:
    """The message of the ImportError when nothing serves."""
    if chosen:
        what = f"{_told(chosen)} is not an OpenSSL for pytls"
        remedy = "Correct it, or unset it and pytls looks for the newest."
    else:
        what = f"pytls found no OpenSSL {OLDEST_TEXT} or newer, libcrypto and libssl"
        remedy = (
            f"{INSTALL}, or set PYTLS_LIBDIR to the folder that holds both libraries "
            "(or PYTLS_LIBCRYPTO and PYTLS_LIBSSL to the files)."
        )
    attempts = [f"  {name}: {reason}" for name, reason in tried]
    return "\n".join([f"{what}; tried:", *attempts, remedy])


def _path(name: str, handle: int) -> str:
    if os.path.isabs(name):
        return os.path.realpath(name)
    address = ctypes.c_void_p()  # of a struct link_map: a number of that size, then the path
    dlinfo = ctypes.CDLL(None).dlinfo
    if dlinfo(ctypes.c_void_p(handle), RTLD_DI_LINKMAP, ctypes.byref(address)):
        return name
    path = ctypes.cast(address, ctypes.POINTER(ctypes.c_char_p))[1]
    return os.path.realpath(os.fsdecode(path)) if path else name


PAIR = load()
