"""Taking the place of `ssl` in a running program, and giving it back."""

from __future__ import annotations

import sys
from types import ModuleType

from ._types import Any

_package = sys.modules[__name__.partition(".")[0]]
_ABSENT = object()

#: classes that modules of the standard library keep under a name of their own
_KEPT = (("ftplib", "_SSLSocket", "SSLSocket"),)

#: how to undo each change, the first last, noted before it is made and good for once too often;
#: empty: pytls has not taken the place
_undo: list[Any] = []


class _View(ModuleType):
    """What the interpreter's own `ssl` module is meanwhile: it shows pytls to whoever holds it.

    Its own functions and classes read its dict, not its attributes: what was made by them before
    goes on as it was.
    """

    def __getattribute__(self, name: str) -> Any:
        try:
            return getattr(_package, name)
        except AttributeError:
            return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_package, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_package, name)


def inject_into_ssl() -> None:
    """Let pytls take the place of `ssl` for the whole process; a second call does nothing.

    From now on ``import ssl`` gives pytls. Modules that have imported `ssl` before see pytls in
    it, too: asyncio, http.client, urllib, smtplib, ftplib, imaplib, poplib, third parties. Where
    there is no `_ssl`, there is one now, with what programs import of it.

    It cannot reach, so call it early:

    - names bound before by ``from ssl import …``: they stay what they were;
    - contexts and connections made before: they go on with the interpreter's own `ssl`, and are
      no instances of pytls's classes;
    - modules that were imported on a Python without `_ssl` and found no TLS then: http.client,
      for one, has no HTTPSConnection;
    - the extension module `_ssl`, where there is one, and other processes.

    Not in `ssl`.
    """
    if _undo:
        return
    present = sys.modules.get("ssl")
    if present is _package:
        return
    for name in dir(_package):
        getattr(_package, name)  # who takes the place of `ssl` is looked at through its dict, too
    try:
        _take_place(present)
    except BaseException:
        extract_from_ssl()  # not half of it
        raise


def extract_from_ssl() -> None:
    """Give the place of `ssl` back: the reverse of `inject_into_ssl`; a second call does nothing.

    Modules that have imported pytls by the name of `ssl` meanwhile keep it.

    Not in `ssl`.
    """
    while _undo:
        _undo[-1]()
        _undo.pop()


def _take_place(present: ModuleType | None) -> None:
    if type(present) is ModuleType:
        _undo.append(lambda: object.__setattr__(present, "__class__", ModuleType))
        present.__class__ = _View
    _put("ssl", _package)
    if sys.modules.get("_ssl") is None:  # pytls has tried to import it
        from . import _extension

        _put("_ssl", _extension.module())
    for module_name, name, ours in _KEPT:
        module = sys.modules.get(module_name)
        if module is not None and hasattr(module, name):
            kept = getattr(module, name)
            _undo.append(lambda module=module, name=name, kept=kept: setattr(module, name, kept))
            setattr(module, name, getattr(_package, ours))


def _put(name: str, module: ModuleType) -> None:
    """Let `module` be imported by `name`."""
    present = sys.modules.get(name, _ABSENT)

    def restore() -> None:
        if sys.modules.get(name) is not module:
            return  # somebody else has the place by now
        if present is _ABSENT:
            del sys.modules[name]
        else:
            sys.modules[name] = present  # type: ignore[assignment]  # None forbids the import

    _undo.append(restore)
    sys.modules[name] = module
