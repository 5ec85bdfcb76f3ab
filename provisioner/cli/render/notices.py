"""What a sweep says of notices: there can be very many, so they are kept on disk until all is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Self

from provisioner.cli.output import Output
from provisioner.cli.render.policy_documents import notice_document
from provisioner.core.policy.notice_messages import Notice
from provisioner.phrasing import Phrasing

#: How many octets are kept in memory.
IN_MEMORY = 256 * 1024

#: How many lines are read together.
PAGE = 500


class SaidNotices:
    """What is said of notices, one line each: as JSON, or for people. Close it, or use it as a context manager.

    Iterate over it to read the lines again.

    Args:

        output: Where it will be said.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._lines = SpooledTemporaryFile(  # noqa: SIM115 - closed with this object
            IN_MEMORY, "w+", encoding="utf-8", newline="\n"
        )
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        self._lines.seek(0)
        for line in self._lines:
            yield line.removesuffix("\n")

    def pages(self) -> Iterator[str]:
        """Read the lines again, many together: to print each by itself takes longer."""
        lines = iter(self)
        while page := list(islice(lines, PAGE)):
            yield "\n".join(page)

    def add(self, notices: Iterable[Notice]) -> None:
        """Note what happened to some notices."""
        phrasing, is_json = self._output.phrasing, self._output.is_json
        for notice in notices:
            line = self._document(notice, phrasing) if is_json else notice_line(notice, phrasing)
            self._lines.write(f"{line}\n")
            self._count += 1

    def _document(self, notice: Notice, phrasing: Phrasing) -> str:
        return self._output.json(notice_document(notice, phrasing.said))


def notice_line(notice: Notice, phrasing: Phrasing) -> str:
    """Return for people whether a person was told."""
    login, action = notice.subject, phrasing.word(notice.deadline.action)
    if notice.error:
        why = phrasing.said(notice.error.text)
        return phrasing.text("{login}: {action}: not notified: {why}", login=login, action=action, why=why)
    person = notice.recipient
    return phrasing.text("{login}: {action}: {person} was notified", login=login, action=action, person=person)
