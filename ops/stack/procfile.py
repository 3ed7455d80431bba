"""What a Procfile says: a name and a shell command for every process, in the order they are written."""

import re
from pathlib import Path

LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+?)\s*$")


class BadProcfile(ValueError):
    """A line is neither empty, nor a comment, nor `name: command`; or a name comes twice."""


def read(path: Path) -> dict[str, str]:
    """The commands by process name. Raises BadProcfile with the line's number."""
    commands: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = LINE.match(line)
        if found is None or found[1] in commands:
            raise BadProcfile(f"{path.name}, line {number}: {line.strip()}")
        commands[found[1]] = found[2]
    return commands


def argv(command: str) -> list[str]:
    """How a command is run: by the shell, which expands variables and then becomes the program (same pid)."""
    return ["/bin/sh", "-c", f"exec {command}"]
