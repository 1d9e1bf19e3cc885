"""Find, open and check the pair libcrypto + libssl."""

from __future__ import annotations

import ctypes
import os
from typing import NamedTuple


class Attempt(NamedTuple):
    """One name or path that was tried, and why it did not serve."""

    name: str
    reason: str


class Pair(NamedTuple):
    """The two libraries that were opened."""

    libcrypto: str
    libssl: str
    crypto_handle: int
    ssl_handle: int
    version: int
    text: str
    chosen_by: str
    tried: tuple[Attempt, ...]


def load() -> Pair:
    crypto = ctypes.CDLL("libcrypto.so.3", mode=os.RTLD_LOCAL)
    ssl = ctypes.CDLL("libssl.so.3", mode=os.RTLD_LOCAL)
    return Pair("libcrypto.so.3", "libssl.so.3", crypto._handle, ssl._handle, crypto.OpenSSL_version_num(), "", "soname", ())


PAIR = load()
VERSION = PAIR.version
