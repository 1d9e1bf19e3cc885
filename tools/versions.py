"""What each OpenSSL gives: docs/openssl-versions.md, written from what the real libraries do.

    versions.py            write the document
    versions.py --check    say whether it is what would be written
    versions.py --probe    what the OpenSSL that pytls loads here gives, as JSON

The libraries are those of matrix.py, which fetches them. A cell of the table is what happened when
it was tried: a connection over loopback, and each call with arguments that it takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator

import matrix

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/openssl-versions.md"

HEAD = """\
# What each OpenSSL gives

<!-- Written by tools/versions.py from what the libraries do; do not edit. -->

pytls runs on each of these, and a test holds this table against them. "·" is what is not there:
a version of the protocol cannot be bounded to or asked for, and a call raises NotImplementedError,
which names the OpenSSL that it takes and the one found. What stands in `code` can be called.

The builds are those of the matrix (tools/matrix.py); another build of the same release may lack
more. "asked for" is what a context speaks only when its versions, and from OpenSSL 3.0 on its
security level, are lowered to it. Of the groups, those are told that TLS 1.3 has.
"""

VERSIONS = {
    "SSLv2": "SSL 2",
    "SSLv3": "SSL 3",
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}
YES, NO, ASKED = "yes", "·", "asked for"


def main() -> int:
    """Do what the command line says; the exit code."""
    warnings.simplefilter("ignore", DeprecationWarning)
    if sys.argv[1:] == ["--probe"]:
        print(json.dumps(probe()))
        return 0
    if sys.argv[1:] not in ([], ["--check"]):
        print(__doc__)
        return 2
    text = document()
    if sys.argv[1:] == ["--check"]:
        return 0 if DOCUMENT.exists() and DOCUMENT.read_text("utf-8") == text else 1
    DOCUMENT.write_text(text, "utf-8")
    return 0


def document() -> str:
    """The whole text."""
    columns: dict[str, dict[str, dict[str, str]]] = {}
    for row in matrix.rows("libs", []):
        folder = matrix.get(row)
        done = subprocess.run(
            [sys.executable, __file__, "--probe"],
            env={**matrix.environment(folder), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        )
        found = json.loads(done.stdout)
        columns[found.pop("release")] = found
    parts = [HEAD.rstrip()]
    for title in ("Versions", "Groups for key agreement", "Calls"):
        parts += ["", f"## {title}", "", *table(title, columns)]
    return "\n".join([*parts, ""])


def table(title: str, columns: dict[str, dict[str, dict[str, str]]]) -> Iterator[str]:
    """Its lines: a column for each release, a row for each thing that some release has."""
    yield "| | " + " | ".join(columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    names = dict.fromkeys(name for found in columns.values() for name in found[title])
    for name in names:
        cells = (found[title].get(name, NO) for found in columns.values())
        yield f"| {name} | " + " | ".join(cells) + " |"


# --- in a process of its own for each library


def probe() -> dict[str, Any]:
    """What the library that pytls loads gives."""
    import pytls
    from pytls._inventory import groups, versions

    number = pytls.OPENSSL_VERSION_NUMBER
    major, minor, patch = number >> 28, number >> 20 & 0xFF, number >> 12 & 0xFF
    spoken = versions()
    return {
        "release": f"{major}.{minor}" + (f".{patch}" if major < 3 else ""),
        "Versions": {
            text: YES if name in spoken["default"] else ASKED if name in spoken["others"] else NO
            for name, text in VERSIONS.items()
        },
        "Groups for key agreement": dict.fromkeys(groups()["tls1.3"], YES),
        "Calls": calls(),
    }


def calls() -> dict[str, str]:
    """Whether each call that some release refuses is answered."""
    import pytls
    from pytls._loopback import connected, contexts, tcp
    from pytls._throwaway import Throwaway

    def answer(call: Callable[[], Any]) -> str:
        try:
            call()
        except NotImplementedError:
            return NO
        except (OSError, ValueError):
            return YES  # it is there, and would have worked with something else
        return YES

    client, server = contexts(Throwaway())
    suite = "TLS_AES_128_GCM_SHA256"
    told = {
        "`RAND_egd`": answer(lambda: pytls.RAND_egd(os.devnull)),
        "`get_sigalgs`": answer(pytls.get_sigalgs),
        "`SSLContext.set_ciphersuites`": answer(lambda: client.set_ciphersuites(suite)),
        "`SSLContext.set_groups`": answer(lambda: client.set_groups("prime256v1")),
        "`SSLContext.get_groups`": answer(client.get_groups),
        "`SSLContext.set_client_sigalgs`": answer(
            lambda: server.set_client_sigalgs("ECDSA+SHA256")
        ),
        "`SSLContext.set_server_sigalgs`": answer(
            lambda: client.set_server_sigalgs("ECDSA+SHA256")
        ),
        "`SSLContext.num_tickets`, set": answer(lambda: setattr(server, "num_tickets", 1)),
        "`SSLContext.keylog_filename`, set": answer(
            lambda: setattr(client, "keylog_filename", os.devnull)
        ),
        "`SSLContext.post_handshake_auth`, set": answer(
            lambda: setattr(client, "post_handshake_auth", True)
        ),
        "`SSLContext.options`, OP_NO_RENEGOTIATION set": answer(
            lambda: setattr(client, "options", pytls.OP_NO_RENEGOTIATION)
        ),
        "`SSLContext.hostname_checks_common_name`, cleared": answer(
            lambda: setattr(client, "hostname_checks_common_name", False)
        ),
        "`SSLContext.security_level`": answer(lambda: client.security_level),
        "`SSLContext.set_psk_client_callback`": answer(
            lambda: client.set_psk_client_callback(None)
        ),
    }
    client, server = contexts(Throwaway())
    with connected(client, server, tcp()) as ends:
        near = ends.client
        told.update(
            {
                "`SSLSocket.group`": answer(near.group),
                "`SSLSocket.client_sigalg`": answer(near.client_sigalg),
                "`SSLSocket.server_sigalg`": answer(near.server_sigalg),
                "`SSLSocket.get_verified_chain`": answer(near.get_verified_chain),
                "`SSLSocket.get_unverified_chain`": answer(near.get_unverified_chain),
                "`SSLSocket.verify_client_post_handshake`": answer(
                    ends.server.verify_client_post_handshake
                ),
            }
        )
    return told


if __name__ == "__main__":
    sys.exit(main())
