"""Under whose name PostgreSQL runs: it refuses to be root, and to be a user whom the password file does not know."""

import ctypes
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER = 0x10000000
NOBODY = 65534
# Inside the namespace we appear as this user. Not 1000: the number must be in the password file, or initdb stops.
INNER_ID = 1

WAY_OUT = (
    "PostgreSQL refuses to run as root or as a user without a name, and this system allows neither a user namespace "
    "nor running it as uid 65534. Run ./ops/up as an ordinary user, or name a server: TS_DATABASE_URL=postgresql://… ./ops/up"
)

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Identity:
    """What a child does to itself before it becomes PostgreSQL, and what is said about it."""

    note: str
    become: Callable[[], None] | None = None
    owner: int | None = None
    """The uid that must own the data folder; None: whoever we are."""


def choose() -> Identity:
    """The first identity that works here. Raises PermissionError with what to do when none does."""
    if os.getuid() != 0 and _is_known(os.getuid()):
        return Identity("as you")
    if _works(enter_user_namespace):
        return Identity("in a user namespace", enter_user_namespace)
    if os.getuid() == 0 and _works(become_nobody):
        return Identity("as uid 65534", become_nobody, NOBODY)
    raise PermissionError(WAY_OUT)


def enter_user_namespace() -> None:
    """Make this process user INNER_ID of a namespace of its own. For the child, between fork and exec (Linux)."""
    user, group = os.getuid(), os.getgid()  # outside: inside they are nobody's until they are mapped
    if _libc is None or _libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    # The kernel takes a group map only from who has given up setgroups.
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{INNER_ID} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{INNER_ID} {group} 1")


def become_nobody() -> None:
    """Give up root for uid 65534. For the child, between fork and exec."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def hand_over(folder: Path, identity: Identity) -> None:
    """Give `folder` and all in it to the user PostgreSQL will be."""
    if identity.owner is None:
        return
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, identity.owner, identity.owner)


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _works(become: Callable[[], None]) -> bool:
    try:
        return subprocess.run(["/bin/true"], preexec_fn=become, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
