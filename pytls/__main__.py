"""The command line: ``python -m pytls``.

Where no OpenSSL serves, `_interpreter` answers in this module's place.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, Callable, Sequence

from . import OPENSSL_VERSION, __version__
from ._connect import VERSIONS, connect, target
from ._doctor import examine
from ._report import Answer, as_json, printable, write
from ._run import run, split

DESCRIPTION = "The standard library's ssl module in pure Python, over the system's OpenSSL."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    :param argv: the arguments; by default those of the process.
    :returns: the exit code: 0 when all is well, 1 when not.
    :raises SystemExit: wrong arguments (2), or help was asked for (0).
    :raises BaseException: whatever ends a program that was to be run.
    """
    own, program = split(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(own)
    if arguments.ask is run:
        if program in ([], ["-m"]):
            arguments.error("nothing to run: name a SCRIPT, or a module with -m MODULE")
        run(program, arguments.children)
        return 0
    try:
        answer: Answer = arguments.ask(arguments)
        if arguments.json:
            write(as_json(answer.reason, answer.facts))
        elif answer.text:
            write(answer.text)
        else:
            write(f"pytls: {printable(str(answer.reason))}\n", error=True)
    except KeyboardInterrupt:
        return 130  # as a shell tells of SIGINT
    except BrokenPipeError:
        # Whoever reads has read enough; the interpreter would complain when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0 if answer.reason is None else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytls", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument(
        "--version", action="version", version=f"pytls {__version__}, {OPENSSL_VERSION}"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_doctor(commands)
    _add_connect(commands)
    _add_run(commands)
    return parser


def _add_doctor(commands: Any) -> None:
    _command(
        commands,
        "doctor",
        examine,
        "say which OpenSSL there is, and whether TLS works",
        "Say which OpenSSL is in use and why, what it has, and where its trust store is; then make "
        "a connection over the loopback interface, with a certificate made on the spot, to see "
        "whether TLS works. The exit code is 0 when it does, 1 when not.",
    )


def _add_connect(commands: Any) -> None:
    parser = _command(
        commands,
        "connect",
        connect,
        "shake hands with a server, and show its certificates",
        "Shake hands with a server; show what was agreed on, the chain of certificates, and "
        "whether it can be believed. A server that cannot be verified is connected to once more, "
        "without verification, to show why. The exit code is 0 when the server was verified (with "
        "--insecure, when it was reached), 1 when not.",
    )
    parser.add_argument(
        "target",
        metavar="HOST[:PORT]",
        type=target,
        help="a name or an address; IPv6 with a port as [::1]:443; the port is 443 by default",
    )
    parser.add_argument(
        "--cafile", metavar="FILE", help="believe the authorities in this PEM file, and no others"
    )
    parser.add_argument(
        "--servername", metavar="NAME", help="ask for this name and verify it, instead of HOST"
    )
    parser.add_argument("--insecure", action="store_true", help="do not verify anything")
    parser.add_argument("--alpn", metavar="NAMES", help="offer these protocols, as in h2,http/1.1")
    parser.add_argument(
        "--min", choices=VERSIONS, help="the lowest version of TLS to accept (1.2 by default)"
    )
    parser.add_argument(
        "--max",
        choices=VERSIONS,
        help="the highest version of TLS to offer; below 1.2, weak algorithms are let in too",
    )
    parser.add_argument("--pem", action="store_true", help="show the certificates' PEM as well")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=10,
        help="how long to wait for the connection, and then for the handshake (10 by default)",
    )


def _add_run(commands: Any) -> None:
    parser = commands.add_parser(
        "run",
        usage="python -m pytls run [-h] [--children] (SCRIPT | -m MODULE) [ARGUMENT ...]",
        help="run a program with pytls in the place of ssl",
        description="Run a Python program in which pytls takes the place of ssl before anything "
        "else happens, and which ends as if it was run directly.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--children", action="store_true", help="let the Pythons that it starts do the same"
    )
    parser.set_defaults(ask=run, error=parser.error)


def _command(
    commands: Any, name: str, ask: Callable[[argparse.Namespace], Answer], summary: str, help: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=help, allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(ask=ask)
    return parser


def seconds(text: str) -> float:
    """How long to wait: argparse has the function's name in its complaint.

    :raises argparse.ArgumentTypeError: too long, or not at all.
    """
    number = float(text)
    if not 0 < number <= 86400:
        raise argparse.ArgumentTypeError("choose more than 0 seconds, and no more than a day")
    return number


if __name__ == "__main__":
    sys.exit(main())
