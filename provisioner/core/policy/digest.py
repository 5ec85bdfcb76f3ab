"""What a person is told of several deadlines in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from provisioner.core.api.rules import Deadline
from provisioner.core.model.text import CountedText, Text

#: The most accounts that a text names; with more, it says how many there are besides.
MOST_NAMED = 100

#: The most groups of accounts with the same deadline that one message is about. Without names, so many sentences fit
#: into the three parts that a channel usually allows for a notice.
MOST_HEADLINES = 3

#: From this number of named accounts on, each shorter text names one less.
_BY_ONE = 20


@attrs.frozen
class Reminder:
    """An account or another subject, and the deadline that a person is told of."""

    name: str
    deadline: Deadline


@attrs.frozen
class _Section:
    """The accounts with the same deadline."""

    subjects: Sequence[Reminder]

    def text(self, named: int) -> Text:
        """Return what is said about them, naming at most so many."""
        digest = self.subjects[0].deadline.digest
        if len(self.subjects) == 1 or digest is None:
            return self.subjects[0].deadline.reason
        headline = attrs.evolve(digest, values={**digest.values, "count": len(self.subjects)})
        return _listed(headline, [subject.name for subject in self.subjects], named)


def texts(subjects: Sequence[Reminder], say: Callable[[Text], str]) -> list[str]:
    """Return the texts of one message about all of these, from the one with the most detail to the shortest.

    Args:

        subjects: The accounts or other subjects. Several of them all have a deadline with a digest.

        say: Translates a text into the language of messages to people.
    """
    sections = list(_sections(subjects))
    most = min(max(len(section.subjects) for section in sections), MOST_NAMED)
    counts = [0] if len(subjects) == 1 else sorted({most, *range(min(most, _BY_ONE) + 1)}, reverse=True)
    found = ("\n".join(say(section.text(count)) for section in sections) for count in counts)
    return list(dict.fromkeys(found))


def _sections(subjects: Iterable[Reminder]) -> Iterable[_Section]:
    by_headline: dict[str, list[Reminder]] = {}
    for subject in subjects:
        by_headline.setdefault(repr(subject.deadline.digest or subject.name), []).append(subject)
    return map(_Section, by_headline.values())


def _listed(headline: CountedText, names: Sequence[str], named: int) -> Text:
    rest = len(names) - named
    values = {"headline": headline, "names": ", ".join(names[:named])}
    if not named:
        return headline
    if rest <= 0:
        return Text("{headline}: {names}", values)
    return Text.counted(
        "{headline}: {names} and {count} more", "{headline}: {names} and {count} more", count=rest, **values
    )
