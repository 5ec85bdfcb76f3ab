"""The passwd-file: ``login:hash:uid:gid:holder:home:shell:extra``, one line for each account."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from provisioner import files, require_lease
from provisioner.core.api.errors import UnavailableError

#: How many seconds to wait for another writer.
PATIENCE = 10.0


@attrs.frozen
class Entry:
    """One line. What nobody here knows of, such as ``home``, stays as it is."""

    login: str
    hash: str = attrs.field(default="", repr=False)
    uid: str = ""
    gid: str = ""
    #: The staff number, in the field that is for a person's name.
    holder: str = ""
    home: str = ""
    shell: str = ""
    #: Words for Dovecot; ``nologin`` is one of them.
    extra: str = ""

    @property
    def enabled(self) -> bool:
        """Whether it may log in."""
        return "nologin" not in self.extra.split()

    def having(self, *, enabled: bool, **fields: str) -> Entry:
        """Return the same account with other fields, open or closed."""
        words = [word for word in self.extra.split() if word != "nologin"]
        return attrs.evolve(self, **fields, extra=" ".join(words if enabled else [*words, "nologin"]))


def next_second() -> None:
    """Wait until Dovecot has seen a change: it looks at the file once in each second at most."""
    time.sleep(1 - time.time() % 1)


Change = Callable[[Entry | None], Entry | None]


@attrs.frozen
class PasswdFile:
    """The file. Threads and processes may share it."""

    path: Path

    def find(self, login: str) -> Entry | None:
        """Return the account, if it is there."""
        return next((entry for entry in self.entries() if entry.login == login), None)

    def entries(self) -> list[Entry]:
        """Return all accounts. Writers replace the file, so they are from one moment."""
        with self._usable():
            return [Entry(*line.split(":", 7)) for line in self._lines() if _login(line)]

    def change(self, login: str, change: Change) -> tuple[Entry | None, bool]:
        """Let *change* make the line or take it away; return the former one, and whether anything changed."""
        with self._usable(), self._locked():
            former = self.find(login)
            entry = change(former)
            if entry == former:
                return former, False
            others = [line for line in self._lines() if _login(line) != login]
            self._write([*others, ":".join(attrs.astuple(entry))] if entry else others)
        next_second()
        return former, True

    def _lines(self) -> list[str]:
        text = self.path.read_text(encoding="utf-8", errors="surrogateescape")
        return text.removesuffix("\n").split("\n") if text else []

    def _write(self, lines: list[str]) -> None:
        """Put another file in its place, whole or not at all, with the former one's owner and mode."""
        former, new = self.path.stat(), self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)
        files.reserve(new)
        with new.open("w", encoding="utf-8", errors="surrogateescape") as stream:
            os.fchown(stream.fileno(), former.st_uid, former.st_gid)
            os.fchmod(stream.fileno(), former.st_mode & 0o777)
            stream.writelines(f"{line}\n" for line in lines)
            stream.flush()
            os.fsync(stream.fileno())
        # Dovecot knows that a file is another one by its size and by the second of its time.
        second = max(int(time.time()), int(former.st_mtime) + 1)
        os.utime(new, (second, second))
        require_lease()
        new.replace(self.path)

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError("{file}: {why}", file=self.path, why=error.strerror) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only writer."""
        deadline = time.monotonic() + PATIENCE
        lock = self.path.with_name(f"{self.path.name}.lock")
        files.reserve(lock)
        with lock.open("w") as stream:
            while time.monotonic() < deadline:
                with suppress(BlockingIOError):
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(0.01)
            else:
                raise UnavailableError("another program keeps {file} locked", file=self.path)
            yield


def _login(line: str) -> str:
    return "" if line.startswith("#") else line.partition(":")[0]
