"""Running a program as an ordinary user, for programs that refuse to run as root."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from backoffice.errors import ConfigurationError

# Enough to pass closed folders on the way to one's own; the second where a container lacks the first.
REACHES = ("dac_read_search", "dac_override")
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
INSTEAD = "Run as an ordinary user, or set BACKOFFICE_DATABASE_URL to a server of your own."


@dataclass(frozen=True)
class Account:
    """A user of the operating system, and the words put before a command so that it runs as them."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `command` to its end, away from our terminal, environment and current folder."""
        return subprocess.run(
            [*self.prefix, *map(str, command)],
            check=False,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            # Ctrl-C is for us: what we started is stopped in order.
            start_new_session=True,
        )

    def can(self, *, read: Path, execute: Path) -> bool:
        """Whether this account gets through to both; tried, because modes don't tell of ACLs and mounts."""
        attempt = self.run("/bin/sh", "-c", 'test -r "$1" && exec "$2"', "sh", read, execute)
        return attempt.returncode == 0


def ordinary_account(folder: Path, trial: Path) -> Account:
    """The account for programs that work in `folder`: our own, or as root the folder's owner, or nobody.

    `trial` is one of the programs, which ends with 0 if it can be run. Root's folder is given to nobody.
    No other file changes owner or mode: a closed folder on the way is passed with a single capability,
    given only if there is one.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    account = _owner_but_root(folder)
    os.chown(folder, account.uid, account.gid)
    for candidate in _candidates(account):
        if candidate.can(read=folder, execute=trial):
            return candidate
    raise ConfigurationError(
        f"PostgreSQL does not run as root, and the user in its place cannot reach {folder} and {trial}. "
        + INSTEAD
    )


def _owner_but_root(folder: Path) -> Account:
    status = folder.stat()
    if status.st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def _candidates(account: Account) -> Iterator[Account]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and setpriv (package util-linux), which would run it as "
            "another user, is not here. " + INSTEAD
        )
    become = (setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--no-new-privs")
    yield replace(account, prefix=(*become, "--inh-caps=-all"))
    for reach in REACHES:
        only = f"-all,+{reach}"
        # Without the secure bit, access(2) leaves capabilities out, and PostgreSQL's programs ask it.
        bits = "--securebits=+no_setuid_fixup"
        yield replace(account, prefix=(*become, bits, f"--inh-caps={only}", f"--ambient-caps={only}"))
