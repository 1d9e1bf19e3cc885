"""The names of `typing` without its price, which is a quarter of what `import ssl` costs.

Annotations are for type checkers: they read `typing` here. At run time nobody does, and each of
these names is a class that stands for all of them, so that aliases can be written as ever.
"""

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know better

if TYPE_CHECKING:
    from typing import (
        Any,
        Callable,
        ClassVar,
        FrozenSet,
        Iterable,
        Iterator,
        Mapping,
        Optional,
        Protocol,
        Tuple,
        TypeVar,
        Union,
    )
else:

    class _StandIn(type):
        def __getitem__(cls, _):
            return cls

    class Any(metaclass=_StandIn):
        """Whatever stands in the brackets."""

    Callable = ClassVar = FrozenSet = Iterable = Iterator = Mapping = Any
    Optional = Protocol = Tuple = Union = Any

    def TypeVar(*_, **__):
        """One type for all."""
        return Any


__all__ = [
    "TYPE_CHECKING",
    "Any",
    "Callable",
    "ClassVar",
    "FrozenSet",
    "Iterable",
    "Iterator",
    "Mapping",
    "Optional",
    "Protocol",
    "Tuple",
    "TypeVar",
    "Union",
]
