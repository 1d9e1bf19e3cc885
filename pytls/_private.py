"""A chosen pair whose names are taken: copies in memory, under names of their own.

The dynamic linker binds by name. Where the process already has a libcrypto.so.3, another libssl is
bound to that one, whatever was opened before, and the halves of two OpenSSLs mix.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from ctypes import CDLL

from . import _elf
from ._types import Iterator

MUSL = sys.platform == "linux" and not hasattr(os, "RTLD_DEEPBIND")


def names_are_taken(libcrypto: str, libssl: str) -> bool:
    """Whether the process already has another library by the name of one of these files.

    :raises ValueError: one is not an ELF file.
    """
    return any(_leads_elsewhere(_elf.name_of(path), path) for path in (libcrypto, libssl))


@contextmanager
def copies(libcrypto: str, libssl: str) -> Iterator[tuple[str, str]]:
    """The paths of copies of these files, which exist until the context ends.

    :raises ValueError: they cannot be had, or not be opened within the context; it says what to do.
    """
    descriptors: list[int] = []
    try:
        crypto, ssl = (_memory_file(path, descriptors) for path in (libcrypto, libssl))
        # libcrypto is called by its path: glibc knows it by that name, musl opens the path again.
        # Nobody needs this libssl, but whoever needs another one would get it by its old name.
        names = [_elf.name_of(path).encode() for path in (libcrypto, libssl)]
        new = dict(zip(names, (_path(crypto).encode(), b"pytls")))
        for path, descriptor in ((libcrypto, crypto), (libssl, ssl)):
            with open(path, "rb") as file:
                image = bytearray(file.read())
            _elf.rename(image, new)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(image)
        yield _path(crypto), _path(ssl)
    except (AttributeError, OSError, ValueError) as error:
        raise ValueError(
            "the process already has others of these names, and private copies in memory cannot "
            f"be had ({error}): start it with LD_LIBRARY_PATH={os.path.dirname(libssl)}, so that "
            "all of it uses these"
        ) from None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _leads_elsewhere(name: str, path: str) -> bool:
    """Whether a library that needs `name` would get something else than the file at `path`."""
    holder = _loaded(name)
    # A free name is taken by what is opened next; but musl looks it up in folders.
    return MUSL if holder is None else holder != _loaded(path)


def _loaded(library: str) -> int | None:
    """The handle of what the process has by this name or path, if anything."""
    try:
        return CDLL(library, mode=os.RTLD_NOLOAD)._handle
    except OSError:
        return None


def _memory_file(name: str, descriptors: list[int]) -> int:
    """The descriptor of a new one, of a number that was not used before.

    glibc takes a path for the library that it had by it, however long ago.
    """
    descriptors.append(os.memfd_create(os.path.basename(name)))
    while _loaded(_path(descriptors[-1])) is not None:
        descriptors.append(os.dup(descriptors[-1]))
    return descriptors[-1]


def _path(descriptor: int) -> str:
    """Where a descriptor is a file: /proc/self/fd, shorter, as the name has to fit."""
    return f"/dev/fd/{descriptor}"
