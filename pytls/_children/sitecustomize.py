"""What the children of ``python -m pytls run --children`` import first.

Every Python imports a `sitecustomize` when it starts, and these find this one: its folder comes
first in their PYTHONPATH. It takes pytls from where it lies itself, lets it take the place of
`ssl`, and gives way to the `sitecustomize` that it has hidden.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from os.path import dirname
from typing import Any

HERE = dirname(__file__)


class _Finder:
    """Finds pytls, and nothing else that lies beside it: a whole site-packages, perhaps."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [dirname(dirname(HERE))]) if name == "pytls" else None


def _inject() -> None:
    sys.meta_path.insert(0, _Finder)
    try:
        import pytls
    finally:
        sys.meta_path.remove(_Finder)
    pytls.inject_into_ssl()


def _give_way() -> None:
    sys.path[:] = [folder for folder in sys.path if folder != HERE]
    this = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ModuleNotFoundError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, this)


try:
    _inject()
finally:  # where pytls is of no use, Python says so and goes on
    _give_way()
