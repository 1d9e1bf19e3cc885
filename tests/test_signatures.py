"""What can be told of the running `ssl` without using it: names, kinds, signatures, texts."""

from __future__ import annotations

import enum
import inspect
import pickle
import re
import ssl
import sys
from types import ClassMethodDescriptorType, ModuleType
from typing import Any, Iterator

import pytest
from expected import EARLY_SSL
from peers import Contexts, client_context, connected, server_context
from pki import Pki

import pytls

PYTHON = "{}.{}".format(*sys.version_info)

AS_SINCE_310 = "the arguments of Python 3.10 and later"
INSIDE = "how `ssl` is written, which nobody asks for"
ENGINE = "the engine of `_ssl`, which gevent and eventlet drive: that of pytls is another one"

#: what has another signature, on which Pythons, and why
SIGNATURES = {
    "SSLContext": ("3.8 3.9", AS_SINCE_310),
    "_create_stdlib_context": ("3.8 3.9", AS_SINCE_310),
    "_create_unverified_context": ("3.8 3.9", AS_SINCE_310),
    "get_server_certificate": ("3.8 3.9", AS_SINCE_310),
    "SSLSession": ("3.8 3.9 3.10 3.11 3.12 3.13 3.14 3.15", "refused, whatever the arguments"),
    "SSLSocket.setblocking": ("3.13 3.14 3.15", "`socket` calls it `object`; it has no keyword"),
    "SSLSocket.settimeout": ("3.13 3.14 3.15", "`socket` calls it `object`; it has no keyword"),
}

#: what pytls does not have, and why; programs and libraries were searched for who asks for it
LEFT_OUT = {
    "socket": "the class; `pytls.socket` is a module of pytls",
    "namedtuple": "from `collections`; nobody takes it from `ssl`",
    "_nid2obj": INSIDE,
    "_txt2obj": INSIDE,
    "_sslcopydoc": INSIDE,
    "_Enum": INSIDE,
    "_IntEnum": INSIDE,
    "_IntFlag": INSIDE,
    "_simple_enum": INSIDE,
    "_GLOBAL_DEFAULT_TIMEOUT": INSIDE,
    "_GiveupOnSSLSendfile": INSIDE,
    "_SSLv2_IF_EXISTS": INSIDE,
    "_check_sslobject_params": INSIDE,
    "_SSLContext": ENGINE,
    "SSLContext._wrap_bio": ENGINE,
    "SSLContext._wrap_socket": ENGINE,
    "SSLContext._set_npn_protocols": ENGINE,
    "SSLSocket._checkClosed": "does nothing in `ssl`; nobody overrides it",
}


def names(owner: Any) -> list[str]:
    """Those of a module or class that a program may use: not the special ones."""
    return [name for name in dir(owner) if not name.startswith("__")]


def described() -> Iterator[str]:
    """Each thing of the running `ssl`, members of classes with their class."""
    for name in names(ssl):
        thing = getattr(ssl, name)
        if isinstance(thing, ModuleType):
            continue
        yield name
        if is_own_class(thing):
            yield from (f"{name}.{member}" for member in names(thing))


def is_own_class(thing: Any) -> bool:
    """Whether to look into it: the members of enums are held by test_constants.py."""
    return (
        inspect.isclass(thing)
        and thing.__module__ in ("ssl", "_ssl")
        and not isinstance(thing, enum.EnumMeta)
        and thing.__name__ not in LEFT_OUT
    )


DESCRIBED = list(described())


def find(module: ModuleType, path: str) -> Any:
    """What a dotted name stands for."""
    thing: Any = module
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


def kind(module: ModuleType, path: str) -> str:
    """What it is: as far as a caller can tell."""
    owner, _, name = path.rpartition(".")
    if not owner:
        return "callable" if callable(getattr(module, name)) else "value"
    thing = inspect.getattr_static(getattr(module, owner), name)
    if isinstance(thing, (classmethod, ClassMethodDescriptorType)):
        return "class method"
    if isinstance(thing, staticmethod):
        return "static method"
    if inspect.isdatadescriptor(thing):
        return "property"
    return "method" if callable(thing) else "value"


def signature(module: ModuleType, path: str) -> str | None:
    """How it is called, without annotations and `self`; None: it does not tell."""
    try:
        found = inspect.signature(find(module, path))
    except (TypeError, ValueError):
        return None
    parameters = [p.replace(annotation=p.empty) for p in found.parameters.values()]
    if kind(module, path) == "method":
        parameters = parameters[1:]
    return str(found.replace(parameters=parameters, return_annotation=found.empty))


def test_a_name_is_here_or_left_out_with_a_reason() -> None:
    """On this Python; and nothing is called left out that is here."""

    def here(path: str) -> bool:
        try:
            found = find(pytls, path)
        except AttributeError:
            return False
        return not isinstance(found, ModuleType)

    assert [path for path in DESCRIBED if path not in LEFT_OUT and not here(path)] == []
    assert [path for path in LEFT_OUT if here(path)] == []


@pytest.mark.difference(
    "more",
    "**Every name of every Python** from 3.2 on is there, whatever the Python it runs on: "
    "`wrap_socket` and `match_hostname` on 3.12 and later, `get_verified_chain` before "
    "3.13, `set_groups` before 3.15.",
)
def test_a_name_of_any_python_is_here() -> None:
    """What this Python's `ssl` has no longer, or not yet."""
    gone = "wrap_socket match_hostname RAND_egd RAND_pseudo_bytes socket_error HAS_NPN"
    of_late = (
        "get_sigalgs HAS_PSK VERIFY_X509_PARTIAL_CHAIN OP_ENABLE_KTLS OP_LEGACY_SERVER_CONNECT"
    )
    settings = "set_npn_protocols set_groups get_groups set_ciphersuites set_psk_client_callback"
    facts = "selected_npn_protocol get_verified_chain get_unverified_chain group server_sigalg"

    assert [name for name in f"{gone} {of_late}".split() if not hasattr(pytls, name)] == []
    assert [name for name in settings.split() if not hasattr(pytls.SSLContext, name)] == []
    for cls in pytls.SSLSocket, pytls.SSLObject:
        assert [name for name in facts.split() if not hasattr(cls, name)] == []


THERE = [path for path in DESCRIBED if path not in LEFT_OUT]


def test_a_name_is_the_same_kind_of_thing() -> None:
    """A property is one, a class method is one."""
    kinds = {path: (kind(ssl, path), kind(pytls, path)) for path in THERE}
    assert {path: both for path, both in kinds.items() if both[0] != both[1]} == {}


def test_a_signature_is_the_same() -> None:
    """But for those in the table; and each of these is another one, still."""
    differ = {
        path: (wanted, found)
        for path in THERE
        for wanted, found in [(signature(ssl, path), signature(pytls, path))]
        if wanted is not None and wanted != found and kind(ssl, path) != "value"
    }
    expected = {path for path, (pythons, _) in SIGNATURES.items() if PYTHON in pythons.split()}
    assert {path: both for path, both in differ.items() if path not in expected} == {}
    assert expected - set(differ) == set()


def instances(module: ModuleType, pki: Pki) -> Iterator[Any]:
    """One of each class that a connection has to do with."""
    contexts = Contexts(client_context(module, pki, "TLSv1.2"), server_context(module, pki))
    with connected(contexts) as pair:
        bio = module.MemoryBIO()
        yield contexts.server
        yield bio
        yield contexts.server.wrap_bio(bio, bio, server_side=True)
        yield pair.client
        yield pair.client.session
        yield module.Purpose.CLIENT_AUTH
        yield module.DefaultVerifyPaths(*"abcdef")


def settable(instance: Any, name: str) -> bool:
    """Whether a property takes a value, if not its own."""
    try:
        value = getattr(instance, name)
    except NotImplementedError:  # with this OpenSSL
        value = None
    try:
        setattr(instance, name, value)
    except AttributeError:
        return False
    except (TypeError, ValueError, NotImplementedError):
        pass
    return True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_property_can_be_set_where_that_of_ssl_can(pki: Pki) -> None:
    wanted, found = (
        {
            f"{type(instance).__name__}.{name}": settable(instance, name)
            for instance in instances(module, pki)
            for name in names(type(instance))
            if f"{type(instance).__name__}.{name}" in THERE
            and inspect.isdatadescriptor(inspect.getattr_static(type(instance), name))
        }
        for module in (ssl, pytls)
    )
    assert len(wanted) > 30
    assert {name: found[name] for name in wanted} == wanted


def shown(thing: Any) -> str:
    """Its `repr`, without the module, and whatever else is another's each time."""
    text = re.sub(r"(0x|fd=|\('127.0.0.1', )[0-9a-f]+", "", repr(thing))
    text = text.replace(f"<{type(thing).__module__}.", "<ssl.")
    return text.replace("<ssl.Session ", "<ssl.SSLSession ")  # before Python 3.10


def pickled(thing: Any) -> str | None:
    """What comes back, as text; None: it is refused."""
    try:
        return shown(pickle.loads(pickle.dumps(thing)))
    except (TypeError, pickle.PicklingError):
        return None


@pytest.mark.skipif(EARLY_SSL, reason="an early 3.11 cannot pickle a Purpose")
def test_each_thing_shows_itself_and_is_pickled_alike(pki: Pki) -> None:
    wanted, found = (
        [(shown(thing), pickled(thing)) for thing in instances(module, pki)]
        for module in (ssl, pytls)
    )
    assert found == wanted
