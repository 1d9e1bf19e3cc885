"""Nothing is kept: the slope of memory and of descriptors, and every handle freed once.

The long runs are in `soak/`; docs/reliability.md has their figures.
"""

from __future__ import annotations

import collections
import gc
import os
from typing import Any, Iterator

import pytest
from actions import Actions
from expected import CPYTHON
from pki import Pki
from slope import slope

import pytls
from pytls._handle import Handle

TIMES = {"failed_handshakes": 1200, "handshakes": 1200, "contexts": 360, "cycles": 120}
NAMES = [
    *("handshakes", "failed_handshakes", "objects", "failed_objects", "contexts"),
    *("sessions", "certificates", "bios", "errors", "cycles"),
]


@pytest.fixture(autouse=True)
def little_to_look_through() -> Iterator[None]:
    """What is there before is left out of each collection: some actions make hundreds."""
    gc.collect()
    if CPYTHON:
        gc.freeze()
    yield
    if CPYTHON:
        gc.unfreeze()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory cannot be measured")
@pytest.mark.parametrize("name", NAMES)
def test_slope(pki: Pki, name: str) -> None:
    """An object of OpenSSL that is kept is larger than a kilobyte, of each one."""
    action = Actions(pytls, pki).named()[name]
    # A leak is there each time; what malloc keeps for a thread is there once
    found = []
    while len(found) < 3 and (not found or found[-1].memory >= 700):
        found.append(slope(action, TIMES.get(name, 720)))
    assert found[-1].memory < 700, found  # bytes each
    assert found[-1].descriptors <= 0, found


@pytest.mark.parametrize("name", NAMES)
def test_every_handle_is_freed_once(pki: Pki, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a handle was made for is given back, and is given back no second time."""
    alive: dict[Any, int] = collections.Counter()
    make, give = Handle.__init__, Handle.give

    def counted(self: Handle, address: int | None) -> None:
        make(self, address)
        alive[type(self), id(self.ptr)] += 1

    def counted_back(self: Handle) -> Any:
        key = type(self), id(self.ptr)
        if key in alive:  # else it was made before the count began
            alive[key] -= 1
            assert alive[key] >= 0, key
        return give(self)

    actions = Actions(pytls, pki)
    gc.collect()
    monkeypatch.setattr(Handle, "__init__", counted)
    monkeypatch.setattr(Handle, "give", counted_back)
    action = actions.named()[name]
    for _ in range(5):
        action()
    gc.collect()
    assert alive
    left = {key: count for key, count in alive.items() if count}
    assert not left
