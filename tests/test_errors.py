"""The exception classes: the interpreter's own, and the same again where it has none."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import ssl
import sys
from types import ModuleType
from typing import Any, Iterator

import pytest
from child import WITHOUT_SSL, python

from pytls import errors

CLASSES = [
    "SSLError",
    "SSLZeroReturnError",
    "SSLWantReadError",
    "SSLWantWriteError",
    "SSLSyscallError",
    "SSLEOFError",
    "SSLCertVerificationError",
]
ATTRIBUTES = [
    "errno",
    "strerror",
    "filename",
    "filename2",
    "characters_written",
    "library",
    "reason",
    "verify_code",
    "verify_message",
]
ARGUMENTS: list[tuple[Any, ...]] = [
    (),
    ("text",),
    (1, "text"),
    (1, ""),
    (1, None),
    (1, 2),
    (None, "text"),
    ("one", "two", "file"),
    (2, "text", "file", None, "file2"),
    (11, "text"),  # EAGAIN: OSError itself would become a BlockingIOError
    (1, 2, 3, 4, 5, 6),
]


@pytest.fixture(scope="module")
def without_ssl() -> Iterator[ModuleType]:
    """`pytls.errors` as a Python without `_ssl` gets it."""
    spec = importlib.util.spec_from_file_location("pytls.errors_without_ssl", errors.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        with pytest.MonkeyPatch.context() as blocked:
            blocked.setitem(sys.modules, "_ssl", None)
            spec.loader.exec_module(module)
        yield module


def told(error: BaseException) -> dict[str, Any]:
    """All that a program can ask an exception for."""
    return {
        "class": type(error).__name__,
        "repr": repr(error),
        "str": str(error),
        "args": error.args,
        "attributes": {name: getattr(error, name, "absent") for name in ATTRIBUTES},
        "dict": vars(error),
    }


@pytest.mark.parametrize("name", [*CLASSES, "CertificateError", "socket_error"])
def test_a_class_is_the_interpreters_own(name: str) -> None:
    assert getattr(errors, name) is getattr(ssl, name)


def test_without_ssl_the_classes_are_others(without_ssl: ModuleType) -> None:
    assert not {getattr(without_ssl, name) for name in CLASSES} & {
        getattr(ssl, name) for name in CLASSES
    }


def test_without_ssl_a_certificate_error_is_a_failed_verification(without_ssl: ModuleType) -> None:
    assert without_ssl.CertificateError is without_ssl.SSLCertVerificationError
    assert without_ssl.socket_error is OSError


@pytest.mark.parametrize("name", CLASSES)
def test_without_ssl_a_class_looks_the_same(without_ssl: ModuleType, name: str) -> None:
    ours, theirs = getattr(without_ssl, name), getattr(ssl, name)

    for attribute in ("__name__", "__qualname__", "__module__"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert repr(ours) == repr(theirs)
    assert list(map(repr, ours.__mro__)) == list(map(repr, theirs.__mro__))
    assert list(map(repr, ours.__bases__)) == list(map(repr, theirs.__bases__))


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=repr)
@pytest.mark.parametrize("name", CLASSES)
def test_without_ssl_an_instance_tells_the_same(
    without_ssl: ModuleType, name: str, arguments: tuple[Any, ...]
) -> None:
    assert told(getattr(without_ssl, name)(*arguments)) == told(getattr(ssl, name)(*arguments))


@pytest.mark.parametrize("name", CLASSES)
def test_without_ssl_a_subclass_tells_the_same(without_ssl: ModuleType, name: str) -> None:
    ours, theirs = (
        type("Mine", (getattr(module, name),), {})(1, "text") for module in (without_ssl, ssl)
    )

    assert told(ours) == told(theirs)


@pytest.mark.parametrize("module", ["own", "without_ssl"])
@pytest.mark.parametrize("name", CLASSES)
def test_keywords_are_refused(request: pytest.FixtureRequest, module: str, name: str) -> None:
    classes = ssl if module == "own" else request.getfixturevalue(module)

    with pytest.raises(TypeError, match=r"takes no keyword arguments"):
        getattr(classes, name)(1, "text", errno=1)


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=repr)
@pytest.mark.parametrize("module", ["own", "without_ssl"])
@pytest.mark.parametrize("name", CLASSES)
def test_an_instance_survives_pickling_and_copying(
    request: pytest.FixtureRequest, module: str, name: str, arguments: tuple[Any, ...]
) -> None:
    classes = errors if module == "own" else request.getfixturevalue(module)
    error = getattr(classes, name)(*arguments)
    error.library, error.reason = "SSL", "BAD_SIGNATURE"

    again = [pickle.loads(pickle.dumps(error, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]

    for other in [*again, copy.copy(error), copy.deepcopy(error)]:
        assert type(other) is type(error)
        assert told(other) == told(error)


def test_without_ssl_a_subclass_is_pickled_as_itself(
    without_ssl: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine: Any = type("Mine", (without_ssl.SSLError,), {"__module__": __name__})
    monkeypatch.setattr(sys.modules[__name__], "Mine", mine, raising=False)

    again = pickle.loads(pickle.dumps(mine(1, "text")))

    assert type(again) is mine
    assert again.args == (1, "text")


def test_an_error_pickled_where_there_is_no_ssl_becomes_the_interpreters_own() -> None:
    pickled = python(
        WITHOUT_SSL + "import pickle\n"
        "from pytls import errors\n"
        "error = errors.SSLCertVerificationError(1, 'refused')\n"
        "error.verify_code = 18\n"
        "assert type(pickle.loads(pickle.dumps(error))) is errors.SSLCertVerificationError\n"
        "sys.stdout.buffer.write(pickle.dumps(error))\n"
    )

    error = pickle.loads(pickled)

    assert type(error) is ssl.SSLCertVerificationError
    assert (error.args, error.verify_code) == ((1, "refused"), 18)


def test_the_interpreters_modules_are_loaded_before_pytls_opens_a_library() -> None:
    """Else an older libcrypto of the same soname makes a later `import ssl` fail."""
    seen = python(
        "import sys\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    if event == 'import' and args[0] in ('_hashlib', '_ssl') and args[0] not in seen:\n"
        "        seen.append(args[0])\n"
        "    elif event == 'ctypes.dlopen' and 'libcrypto' in str(args[0]):\n"
        "        seen.append('library')\n"
        "sys.addaudithook(hook)\n"
        "import pytls._loader\n"
        "print(*seen)\n"
    )

    assert seen.split()[:2] == [b"_ssl", b"library"]
