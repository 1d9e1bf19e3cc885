"""Run a command on a Linux that does TLS by itself (kTLS): `ktls.py COMMAND [ARGUMENT ...]`.

User-mode Linux, as Debian ships it: a kernel that is a program, which takes no root and no virtual
machine. It has the files of this machine, a loopback interface, and nothing else. The exit code is
the command's, 2 when there is none, or 3 when such a kernel cannot be had or started here.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matrix

#: In the order that they need each other: what encrypts with AES-GCM, then TLS
MODULES = "gf128mul ghash-generic ctr gcm tls".split()
INIT_MODULE = 175  # asm/unistd_64.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h
POWER_OFF = 0x4321FEDC  # linux/reboot.h
SECONDS = 300


def main() -> int:
    """Start the kernel, which starts this file again as its first process; the exit code."""
    if not sys.argv[1:] or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    try:
        kernel = get()
        with tempfile.TemporaryDirectory() as folder:
            return run(kernel, Path(folder), sys.argv[1:])
    except matrix.UnavailableError as error:
        print(f"ktls.py: it cannot be had: {error}", file=sys.stderr)
        return matrix.UNAVAILABLE


def get() -> Path:
    """The folder of the kernel and its modules in the cache, fetched when it is not there."""
    home = matrix.cache() / "kernel"
    with matrix.locked():
        if not home.exists():
            with tempfile.TemporaryDirectory(prefix="new-", dir=str(matrix.cache())) as folder:
                matrix.fetch_deb(matrix.deb("bookworm", "user-mode-linux"), Path(folder))
                Path(folder, "usr").rename(home)
    return home


def run(kernel: Path, folder: Path, command: list[str]) -> int:
    """Run the command there and print what it prints; its exit code."""
    job = {"command": command, "kernel": str(kernel), "env": dict(os.environ), "cwd": os.getcwd()}
    (folder / "job").write_text(json.dumps(job))
    options = ["mem=1G", "quiet", "con=null", "con0=null,fd:1"]
    options += ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw"]
    start = [f"init={sys.executable}", "--", os.path.abspath(__file__), "--within", str(folder)]
    with (folder / "console").open("wb") as output:
        subprocess.run(
            [str(kernel / "bin/linux.uml"), *options, *start],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=SECONDS,
            check=False,
        )
    if not (folder / "code").exists():
        log = folder / ("log" if (folder / "log").exists() else "console")
        raise matrix.UnavailableError((log.read_text().splitlines() or ["it says nothing"])[-1])
    print((folder / "output").read_text(), end="")
    return int((folder / "code").read_text())


def within(folder: Path) -> None:
    """Run the job in `folder` as the first process of the kernel, then stop it."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        job = json.loads((folder / "job").read_text())
        for kind, where in (b"proc", b"/proc"), (b"sysfs", b"/sys"):
            libc.mount(kind, where, kind, 0, None)
        for name in MODULES:
            (path,) = Path(job["kernel"], "lib/uml/modules").rglob(f"{name}.ko")
            image = path.read_bytes()
            if libc.syscall(INIT_MODULE, image, ctypes.c_ulong(len(image)), b""):
                raise OSError(ctypes.get_errno(), name)
        raise_loopback()
        with (folder / "output").open("wb") as output:
            done = subprocess.run(
                job["command"],
                env=job["env"],
                cwd=job["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        (folder / "code").write_text(str(done.returncode))
    except BaseException as error:
        (folder / "log").write_text(f"{type(error).__name__}: {error}")
        raise
    finally:
        os.sync()
        libc.reboot(POWER_OFF)


def raise_loopback() -> None:
    """``ip link set lo up``, where there may be no `ip`."""
    import fcntl
    import socket
    import struct

    with socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--within"]:
        within(Path(sys.argv[2]))
    sys.exit(main())
