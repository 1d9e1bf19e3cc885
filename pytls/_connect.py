"""``python -m pytls connect``: a handshake with a server, and whether to believe it."""

from __future__ import annotations

import argparse
import re
import socket
from time import perf_counter
from typing import Any, NamedTuple

from . import (
    CERT_NONE,
    CertificateError,
    DER_cert_to_PEM_cert,
    SSLCertVerificationError,
    SSLContext,
    SSLError,
    TLSVersion,
    create_default_context,
    match_hostname,
)
from . import _features as features
from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._chain import describe
from ._chain import rows as certificate_rows
from ._inventory import LEGACY, bound
from ._report import Answer, Facts, Row, table, words, wrapped
from .x509 import decode

VERSIONS = {
    "1.0": TLSVersion.TLSv1,
    "1.1": TLSVersion.TLSv1_1,
    "1.2": TLSVersion.TLSv1_2,
    "1.3": TLSVersion.TLSv1_3,
}

OK = "ok"

_UNTRUSTED = "If you know that it is genuine, name its root with --cafile."
_INCOMPLETE = (
    "Either the server does not send its whole chain, or the root is not in the trust store: "
    "--cafile names another."
)
_HINTS = {
    2: _INCOMPLETE,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT
    18: _UNTRUSTED,  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
    19: _UNTRUSTED,  # X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN
    20: _INCOMPLETE,  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
    21: _INCOMPLETE,  # X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE
}

# What a handshake finds where no TLS is spoken, by release
_NOT_TLS = {
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
    "WRONG_VERSION_NUMBER",
}


class Target(NamedTuple):
    """Where to connect to."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it is written."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class NoConnectionError(Exception):
    """There is nothing to look at: why, in one line."""


def target(text: str) -> Target:
    """``HOST``, ``HOST:PORT``, ``[IPv6]:PORT`` or an https URL.

    :raises argparse.ArgumentTypeError: it is none of them.
    """
    if text.startswith("https://"):
        text = text[len("https://") :].partition("/")[0]
    if "://" in text:
        raise argparse.ArgumentTypeError("of URLs, only those with https:// begin with TLS")
    bracketed = re.fullmatch(r"\[([^\]]*)\](?::(.*))?", text)
    if bracketed:
        host, port = bracketed.groups()
    elif text.count(":") > 1:
        host, port = text, None  # an IPv6 address without brackets
    else:
        host, _, port = text.partition(":")
    if not host:
        raise argparse.ArgumentTypeError("there is no host name in it")
    if "[" in host or "]" in host:
        raise argparse.ArgumentTypeError("brackets stand around an IPv6 address: [::1]:443")
    if not port:
        return Target(host, 443)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{port!r} is no port; one is a number from 1 to 65535")
    return Target(host, int(port))


def connect(arguments: argparse.Namespace) -> Answer:
    """Shake hands, and tell what was agreed on and what was verified.

    When verification fails, connect again without it, to show what was refused.
    """
    facts: Facts = {"host": arguments.target.host, "port": arguments.target.port}
    reason, hint = None, ""
    try:
        try:
            facts.update(_look(arguments, verify=not arguments.insecure))
        except SSLCertVerificationError as error:
            reason = error.verify_message.rstrip(".")
            hint = _HINTS.get(error.verify_code, "")
            facts.update(_look(arguments, verify=False))
    except NoConnectionError as error:
        return Answer(reason or str(error), facts, "")
    return Answer(reason, facts, _in_words(facts, reason, hint))


def _look(arguments: argparse.Namespace, verify: bool) -> Facts:
    """Connect and ask.

    :raises SSLCertVerificationError: the certificate was refused.
    :raises NoConnectionError: it did not come to that.
    """
    where: Target = arguments.target
    context = _context(arguments, verify)
    name = arguments.servername or where.host.partition("%")[0]  # without an IPv6 zone
    doing = "connecting"
    try:
        name.encode("idna")  # before there is a socket that it could fail on
        start = perf_counter()
        with socket.create_connection(where, arguments.timeout) as tcp:
            connected = perf_counter()
            doing = "shaking hands"
            with context.wrap_socket(tcp, server_hostname=name) as tls:
                done = perf_counter()
                return {
                    "address": tls.getpeername()[0],
                    "servername": name,
                    **_agreement(tls),
                    "milliseconds": {
                        "connect": round(1000 * (connected - start), 2),
                        "handshake": round(1000 * (done - connected), 2),
                    },
                    "verified": verify,
                    "verdicts": _verdicts(tls, verify),
                    "chain": _chain(tls, verify, arguments.pem),
                }
    except SSLCertVerificationError:
        raise
    except (OSError, ValueError) as error:
        raise NoConnectionError(
            f"{where}: {_explained(error, doing, arguments.timeout)}"
        ) from error


def _context(arguments: argparse.Namespace, verify: bool) -> SSLContext:
    """The settings of `create_default_context` and of the command line."""
    try:
        context = create_default_context(cafile=arguments.cafile)
    except OSError as error:
        place = arguments.cafile or "the trust store"
        if error.filename is not None:  # the key log's alone is opened by Python, which tells it
            place = f"SSLKEYLOGFILE={error.filename}"
        raise NoConnectionError(f"{place}: {words(error)}") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = CERT_NONE
    lowest, highest = VERSIONS.get(arguments.min), VERSIONS.get(arguments.max)
    if highest is not None:
        if lowest is None:
            lowest = min(highest, context.minimum_version)
        elif highest < lowest:
            raise NoConnectionError(f"--min {arguments.min} is above --max {arguments.max}")
    try:
        bound(context, lowest, highest)
        if lowest is not None and lowest < TLSVersion.TLSv1_2:
            context.set_ciphers(LEGACY)
        if arguments.alpn:
            context.set_alpn_protocols(arguments.alpn.split(","))
    except (SSLError, ValueError) as error:
        raise NoConnectionError(words(error)) from error
    return context


def _agreement(tls: Any) -> Facts:
    cipher, _, bits = tls.cipher()
    try:
        group = tls.group()
    except NotImplementedError:
        group = None
    return {
        "version": tls.version(),
        "cipher": cipher,
        "bits": bits,
        "group": group,
        "alpn": tls.selected_alpn_protocol(),
    }


def _verdicts(tls: Any, verified: bool) -> Facts:
    """Whether the chain is good, and whether the name is right.

    A handshake that verifies sees to both. Otherwise OpenSSL has looked at the chain all the same,
    and the name is compared here.
    """
    chain = name = OK
    if not verified:
        verdict = libssl.SSL_get_verify_result(tls._sslobj.ptr)
        if verdict:
            chain = libcrypto.X509_verify_cert_error_string(verdict).decode("ascii", "replace")
        try:
            match_hostname(decode(tls.getpeercert(True)), tls.server_hostname)
        except (CertificateError, SSLError, ValueError) as error:
            name = words(error)
    return {"chain": chain, "name": name}


def _chain(tls: Any, verified: bool, pem: bool) -> list[Facts]:
    """The certificates: where the library tells, as verified up to the root; else as sent."""
    sent = tls.get_unverified_chain()
    chain = tls.get_verified_chain() if verified and features.HAS_VERIFIED_CHAIN else sent
    described = []
    for der in chain:
        facts = describe(der)
        facts["sent"] = der in sent
        if pem:
            facts["pem"] = DER_cert_to_PEM_cert(der)
        described.append(facts)
    return described


def _explained(error: Exception, doing: str, timeout: float) -> str:
    """What went wrong, as one would say it."""
    if isinstance(error, socket.timeout):  # TimeoutError only since Python 3.10
        return f"timed out while {doing}, after {timeout:g} seconds"
    if isinstance(error, UnicodeError):
        return f"this is no host name: {words(error)}"
    if isinstance(error, socket.gaierror):
        return f"the name cannot be looked up: {words(error)}"
    if getattr(error, "reason", None) in _NOT_TLS:
        return f"this is not TLS: {words(error)}"
    return f"{words(error)}, while {doing}"


# For people


def _in_words(facts: Facts, reason: str | None, hint: str) -> str:
    """The same as tables, the verdict last."""
    parts = [table(_agreement_rows(facts))]
    if facts["verified"] and features.HAS_VERIFIED_CHAIN:
        parts.append("The chain, as it was verified:\n")
    elif reason is None:
        parts.append("The chain, as the server sent it:\n")
    else:
        parts.append("The chain, as the server sent it when asked again, WITHOUT VERIFICATION:\n")
    parts += [_certificate(*numbered) for numbered in enumerate(facts["chain"])]
    parts.append(table(_verdict_rows(facts)))
    if reason is not None:
        parts.append(wrapped(f"NOT VERIFIED: {reason}. {hint}") + "\n")
    elif facts["verified"]:
        parts.append("Verified.\n")
    else:
        parts.append("Not verified, as --insecure demands.\n")
    return "\n".join(parts)


def _agreement_rows(facts: Facts) -> list[Row]:
    where = Target(facts["host"], facts["port"])
    agreed = [facts["version"], facts["cipher"], facts["group"]]
    spent = facts["milliseconds"]
    rows: list[Row] = [
        ("server", f"{where}, at {facts['address']}"),
        ("agreed on", ", ".join(filter(None, agreed))),
    ]
    if facts["alpn"] is not None:
        rows.append(("ALPN", facts["alpn"]))
    rows.append(
        ("time", f"{spent['connect']} ms to connect, {spent['handshake']} ms to shake hands")
    )
    return rows


def _certificate(number: int, facts: Facts) -> str:
    origin = "" if facts["sent"] else " (from the trust store)"
    subject = facts["subject"] or "a certificate without a subject"
    return "".join(
        [
            f"{wrapped(f'{number}  {subject}{origin}', 1)}\n",
            table(certificate_rows(facts), 4),
            facts.get("pem", ""),
        ]
    )


def _verdict_rows(facts: Facts) -> list[Row]:
    chain, name = facts["verdicts"]["chain"], facts["verdicts"]["name"]
    return [
        ("chain", "it leads to a trusted root" if chain == OK else chain),
        ("name", f"the certificate is for {facts['servername']}" if name == OK else name),
    ]
