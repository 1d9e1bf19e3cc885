"""What `ssl` warns of, pytls warns of, in the same words and at the same place."""

from __future__ import annotations

import socket
import ssl
import warnings
from types import ModuleType
from typing import Any, Callable

import pytest

import pytls


def client(m: ModuleType) -> Any:
    """A context that warns of nothing."""
    return m.SSLContext(m.PROTOCOL_TLS_CLIENT)


def unconnected(m: ModuleType) -> Any:
    """One end of nothing."""
    return client(m).wrap_bio(m.MemoryBIO(), m.MemoryBIO(), server_hostname="localhost")


def wrapped(m: ModuleType) -> None:
    """An old-fashioned socket."""
    with socket.socket() as plain:
        m.wrap_socket(plain).close()


def pseudo_bytes(m: ModuleType) -> Any:
    """`RAND_pseudo_bytes`, which `ssl` has no more since Python 3.12."""
    return getattr(m, "RAND_pseudo_bytes", None) if hasattr(ssl, "RAND_pseudo_bytes") else bytes


CALLS: dict[str, Callable[[ModuleType], Any]] = {
    "no-protocol": lambda m: m.SSLContext(),
    "PROTOCOL_TLS": lambda m: m.SSLContext(m.PROTOCOL_TLS),
    "PROTOCOL_SSLv23": lambda m: m.SSLContext(m.PROTOCOL_SSLv23),
    "PROTOCOL_TLSv1": lambda m: m.SSLContext(m.PROTOCOL_TLSv1),
    "PROTOCOL_TLSv1_2": lambda m: m.SSLContext(m.PROTOCOL_TLSv1_2),
    "PROTOCOL_TLS_CLIENT": client,
    "OP_NO_TLSv1_3": lambda m: setattr(client(m), "options", client(m).options | m.OP_NO_TLSv1_3),
    "OP_NO_TICKET": lambda m: setattr(client(m), "options", client(m).options | m.OP_NO_TICKET),
    "minimum-TLSv1": lambda m: setattr(client(m), "minimum_version", m.TLSVersion.TLSv1),
    "maximum-TLSv1_1": lambda m: setattr(client(m), "maximum_version", m.TLSVersion.TLSv1_1),
    "minimum-TLSv1_2": lambda m: setattr(client(m), "minimum_version", m.TLSVersion.TLSv1_2),
    "default-context": lambda m: m.create_default_context(),
    "unverified-context": lambda m: m._create_unverified_context(),
    "RAND_pseudo_bytes": lambda m: pseudo_bytes(m)(1),
    "npn-protocol": lambda m: unconnected(m).selected_npn_protocol(),
    "alpn-protocol": lambda m: unconnected(m).selected_alpn_protocol(),
}

#: gone from newer Pythons, and here to stay
KEPT: dict[str, Callable[[ModuleType], Any]] = {
    "wrap_socket": wrapped,
    "match_hostname": lambda m: m.match_hostname({"subject": ((("commonName", "a"),),)}, "a"),
}


def warned(call: Callable[[ModuleType], Any], m: ModuleType) -> list[tuple[type, str, int | None]]:
    """Each warning's class and words, and the line here that it points to."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(m)
    return [
        (item.category, str(item.message), item.lineno if item.filename == __file__ else None)
        for item in caught
    ]


@pytest.mark.parametrize("name", CALLS)
def test_it_warns_as_ssl_does(name: str) -> None:
    """Of what is deprecated, and of nothing else."""
    assert warned(CALLS[name], pytls) == warned(CALLS[name], ssl)


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.difference(
    "contexts",
    "**`wrap_socket` and `match_hostname`** warn of nothing: here they stay.",
)
def test_it_does_not_warn_of_what_it_keeps(name: str) -> None:
    """Functions that `ssl` has dropped: a program that needs them has them here for good."""
    assert warned(KEPT[name], pytls) == []
