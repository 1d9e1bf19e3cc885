"""What `isinstance` is told: a context or socket of pytls passes for one of the imported `ssl`."""

from __future__ import annotations

import sys

from ._types import Any


def guise(name: str) -> Any:
    """A `__class__` for a class of pytls: the one that is called `name` in `ssl`.

    Programs ask ``isinstance(context, ssl.SSLContext)`` before they take one, and mean what it can
    do. `type` tells the truth, and a program's own subclass passes for nothing else.
    """

    def get(self: object) -> type:
        cls = type(self)
        if "__class__" not in vars(cls):
            return cls
        return getattr(sys.modules.get("ssl"), name, cls)

    return property(get)


def names(self: object) -> list[str]:
    """A `__dir__` beside that: by default it tells of the `__class__`."""
    return sorted({*dir(type(self)), *vars(self)})
