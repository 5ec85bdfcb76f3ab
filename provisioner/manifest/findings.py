"""Collects all that is wrong with one file, so that it can be mended in one go."""

from __future__ import annotations

import attrs

from provisioner.core.errors import InputError, Problem
from provisioner.core.text import Text

#: The field of a problem that is not about one column.
WHOLE_LINE = "line"
WHOLE_FILE = "file"


@attrs.define
class Findings:
    """The problems of one file.

    Args:

        file: Its name, as it was given.
    """

    file: str
    problems: list[Problem] = attrs.field(factory=list, init=False)

    def add(self, line: int | None, field: str, message: Text) -> None:
        """Note one problem."""
        self.problems.append(Problem(file=self.file, line=line, field=field, message=message))

    def stop(self, line: int | None, field: str, message: Text) -> InputError:
        """Return the error for a problem that makes the rest unreadable."""
        self.add(line, field, message)
        return InputError(self.problems)

    def check(self) -> None:
        """Raise what was found, in the order of the lines.

        Raises:

            InputError: Something was found.
        """
        if self.problems:
            raise InputError(sorted(self.problems, key=lambda problem: problem.line or 0))
