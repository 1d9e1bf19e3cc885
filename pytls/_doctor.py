"""``python -m pytls doctor``: which OpenSSL there is, why, what it has, and whether TLS works."""

from __future__ import annotations

import argparse
import os
import socket
from typing import Callable

from . import OPENSSL_VERSION, OPENSSL_VERSION_NUMBER, PROTOCOL_TLS_CLIENT, SSLContext, __version__
from . import _inventory as inventory
from ._features import fips_enabled
from ._interpreter import interpreter
from ._interpreter import rows as interpreter_rows
from ._loader import PAIR, paths
from ._loopback import connected, contexts, tcp
from ._report import GAP, Answer, Facts, Row, counted, table, words, wrapped
from ._throwaway import HOSTNAME, Throwaway
from .errors import SSLCertVerificationError

#: What the trials raise: OSError, of which SSLError is one; wrong values; functions not there.
TROUBLES = (OSError, ValueError, RuntimeError, MemoryError)


def examine(_arguments: argparse.Namespace) -> Answer:
    """Look at everything there is, make a connection, and try whether it protects."""
    facts: Facts = {
        "pytls": {"version": __version__, "path": os.path.dirname(os.path.abspath(__file__))},
        "python": interpreter(),
        "openssl": _openssl(),
    }
    for name, (ask, _) in _TRIALS.items():
        try:
            facts[name] = ask()
        except TROUBLES as error:
            facts[name] = {"error": words(error)}
    reason: str | None = facts["handshake"].get("error")
    return Answer(reason, facts, _in_words(facts, reason))


def _openssl() -> Facts:
    """The pair in use, why it is these two, and what was tried before them."""
    libcrypto, libssl = paths(PAIR)
    return {
        "version": OPENSSL_VERSION,
        "number": OPENSSL_VERSION_NUMBER,
        "libssl": libssl,
        "libcrypto": libcrypto,
        "chosen_by": PAIR.chosen_by,
        "tried": [{"name": name, "reason": reason} for name, reason in PAIR.tried],
        "fips": fips_enabled(),
    }


def _handshake() -> Facts:
    """Connect over loopback, both ways; then see that verification refuses what it must."""
    client, server = contexts(Throwaway())
    with connected(client, server, tcp()) as ends:
        for sender, receiver in (ends.client, ends.server), (ends.server, ends.client):
            sender.sendall(_GREETING)
            if receiver.recv(len(_GREETING)) != _GREETING:
                raise RuntimeError("what was sent is not what was received")
        try:
            group = ends.client.group()
        except NotImplementedError:
            group = None
        facts = {
            "version": ends.client.version(),
            "cipher": ends.client.cipher()[0],
            "group": group,
            "milliseconds": round(1000 * ends.seconds, 2),
            "address": ends.client.getpeername()[0],
        }
    _must_refuse("for another host name", client, server, "other.invalid")
    _must_refuse("from an unknown issuer", SSLContext(PROTOCOL_TLS_CLIENT), server, HOSTNAME)
    return facts


_GREETING = b"Does TLS work here?"


def _must_refuse(what: str, client: SSLContext, server: SSLContext, hostname: str) -> None:
    try:
        with connected(client, server, socket.socketpair(), hostname):
            raise RuntimeError(f"a certificate {what} was accepted")
    except SSLCertVerificationError:
        pass


# For people


def _in_words(facts: Facts, reason: str | None) -> str:
    """The same as a table, the verdict last."""
    rows = [
        ("pytls", f"{facts['pytls']['version']}, {facts['pytls']['path']}"),
        *interpreter_rows(facts["python"]),
        GAP,
        *_openssl_rows(facts["openssl"]),
        GAP,
    ]
    for name, (_, tell) in _TRIALS.items():
        told = facts[name].get("error")
        rows.append((name.replace("trust", "trust store"), told or tell(facts[name])))
    return f"{table(rows)}\n{wrapped(_verdict(facts, reason))}\n"


def _verdict(facts: Facts, reason: str | None) -> str:
    if reason is not None:
        return f"TLS does not work: {reason}"
    if facts["trust"].get("roots") == 0:
        return "TLS works, but no server can be verified: the trust store is empty."
    return "TLS works."


def _openssl_rows(openssl: Facts) -> list[Row]:
    tried = [f"{attempt['name']}: {attempt['reason']}" for attempt in openssl["tried"]]
    return [
        ("OpenSSL", openssl["version"]),
        ("libssl", openssl["libssl"]),
        ("libcrypto", openssl["libcrypto"]),
        ("why these", openssl["chosen_by"]),
        *([("tried before", tried)] if tried else []),
        ("FIPS mode", "on" if openssl["fips"] else "off"),
    ]


def _version_lines(versions: Facts) -> list[str]:
    lines = [", ".join(versions["default"]) or "none"]
    if versions["others"]:
        lines.append(f"only if asked for: {', '.join(versions['others'])}")
    return lines


def _group_lines(groups: Facts) -> list[str]:
    lines = [", ".join(groups["tls1.3"]) or "none for TLS 1.3"]
    if groups["others"]:
        lines.append(f"and {len(groups['others'])} for older versions alone")
    return lines


def _cipher_lines(ciphers: Facts) -> list[str]:
    newest = [name for name in ciphers["default"] if name.startswith("TLS_")]
    older = len(ciphers["default"]) - len(newest)
    return [
        ", ".join(newest) or "none for TLS 1.3",
        f"and {older} for TLS 1.2, and {len(ciphers['others'])} that are off by default",
    ]


def _trust_lines(trust: Facts) -> list[str]:
    lines = []
    for kind in "file", "folder":
        place = trust[kind]
        notes = [f"set by {place['variable']}"] if place["set"] else []
        if not place["there"]:
            notes.append("not there")
        lines.append(place["path"] + (f" ({', '.join(notes)})" if notes else ""))
    lines.append(counted(trust["roots"], "root"))
    if trust["unreadable"]:
        lines.append(f"cannot be read: {', '.join(trust['unreadable'])}")
    if trust["usual_file"]:
        lines.append(f"but there is {trust['usual_file']}: set SSL_CERT_FILE to it")
    return lines


def _handshake_lines(handshake: Facts) -> list[str]:
    agreed = [handshake["version"], handshake["cipher"], handshake["group"]]
    return [
        f"{', '.join(filter(None, agreed))}",
        f"over {handshake['address']} in {handshake['milliseconds']} ms",
        "certificate and host name verified; another name and an unknown issuer refused",
    ]


#: What is tried, in the order in which it is told: how, and in which words.
_TRIALS: dict[str, tuple[Callable[[], Facts], Callable[[Facts], list[str]]]] = {
    "versions": (inventory.versions, _version_lines),
    "groups": (inventory.groups, _group_lines),
    "ciphers": (inventory.ciphers, _cipher_lines),
    "trust": (inventory.trust, _trust_lines),
    "handshake": (_handshake, _handshake_lines),
}
