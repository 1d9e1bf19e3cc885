"""What comes when it is first asked for: a program pays at import for nothing that it does not use.

The public names come so (`__init__`), and the classes that a layer below is to make. Each is asked
for once: from then on it stands where it was looked for, like any other. Two threads may ask at
the same time; both get what the one import found.
"""

from __future__ import annotations

import sys

from ._types import Any


def fetch(home: str, name: str) -> Any:
    """What the module `home` of this package calls `name`."""
    module = f"{__package__}.{home}"
    __import__(module)  # also where it is in `sys.modules`: a thread may be at it
    return getattr(sys.modules[module], name)


class Later:
    """A class attribute: what the module `home` calls `name`, which may be of a layer above."""

    def __init__(self, home: str, name: str) -> None:
        self._wanted = home, name

    def __set_name__(self, owner: type, attribute: str) -> None:
        self._place = owner, attribute

    def __get__(self, instance: object, owner: type) -> Any:
        found = fetch(*self._wanted)
        setattr(*self._place, found)
        return found
