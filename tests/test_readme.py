"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import shlex
import socket
from pathlib import Path
from typing import Any

import pytest
from expected import NEWEST
from peers import server_context, serving
from pki import Pki

import pytls
from pytls.__main__ import main

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (.*python3 .+)$", TEXT, re.MULTILINE)


def test_the_program_of_the_readme_runs(
    pki: Pki, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a server of its own in the place of example.org."""
    (program,) = (
        block for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "\n\n" in block
    )
    credentials = pki.issue("example.org", "example.org")
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)
    connect = socket.create_connection

    with serving(server_context(pytls, pki, credentials=credentials), lambda _: None) as address:

        def create_connection(wanted: Any) -> socket.socket:
            assert wanted == ("example.org", 443)
            return connect(address)

        with monkeypatch.context() as patched:
            patched.setattr(socket, "create_connection", create_connection)
            exec(compile(program, "README.md", "exec"), {})

    assert capsys.readouterr().out.startswith(f"{NEWEST} ('")


@pytest.mark.parametrize("command", [line for line in COMMANDS if " -m pytls " in line])
def test_the_commands_of_the_readme_are_there(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their words are those that the program takes."""
    words = shlex.split(command)
    subcommand = words[words.index("pytls") + 1]

    with pytest.raises(SystemExit) as ended:
        main([subcommand, "--help"])

    assert not ended.value.code
    assert subcommand in capsys.readouterr().out


def test_the_other_commands_of_the_readme_are_files() -> None:
    """`python3 tools/test.py` and its kin."""
    programs = [shlex.split(line)[1] for line in COMMANDS if " -m " not in line]

    assert "tools/test.py" in programs
    assert all((ROOT / program).is_file() for program in programs)


def test_every_link_of_the_readme_leads_to_a_file() -> None:
    """As far as it stays within the project."""
    links = re.findall(r"\]\(([^)]+)\)", TEXT)

    assert links
    assert all((ROOT / link).is_file() for link in links)
