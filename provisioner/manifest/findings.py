"""Collects what is wrong with one file, so that it can be corrected in one go, and what looks wrong in it."""

from __future__ import annotations

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model.text import Text

#: The field of a problem that is not about one column.
WHOLE_LINE = "line"
WHOLE_FILE = "file"


@attrs.define
class Findings:
    """The problems and the warnings of one file.

    Args:

        file: Its name, as it was given.
    """

    file: str
    problems: list[Problem] = attrs.field(factory=list, init=False)
    #: Whether the file seems to end too early.
    may_be_truncated: bool = attrs.field(default=False, init=False)
    _warnings: list[Problem] = attrs.field(factory=list, init=False)
    _places: set[tuple[int | None, str]] = attrs.field(factory=set, init=False)

    def add(self, line: int | None, field: str, message: Text) -> None:
        """Note one problem."""
        self._places.add((line, field))
        self.problems.append(Problem(file=self.file, line=line, field=field, message=message))

    def warn(self, line: int | None, field: str, message: Text) -> None:
        """Note something that may be right, and that somebody should look at."""
        self._warnings.append(Problem(file=self.file, line=line, field=field, message=message))

    def has(self, line: int | None, field: str) -> bool:
        """Whether a problem of this place is noted already."""
        return line is not None and (line, field) in self._places

    @property
    def warnings(self) -> list[Problem]:
        """The warnings, in the order of the lines."""
        return _in_order(self._warnings)

    def stop(self, line: int | None, field: str, message: Text) -> InputError:
        """Return the error for a problem that makes the rest unreadable."""
        self.add(line, field, message)
        return InputError(self.problems, warnings=self.warnings)

    def check(self) -> None:
        """Raise what was found, in the order of the lines, with the warnings.

        Raises:

            InputError: Something was found.
        """
        if self.problems:
            raise InputError(_in_order(self.problems), warnings=self.warnings)


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: problem.line or 0)
