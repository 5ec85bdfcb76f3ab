"""A comparison as a page for a manager: counts, the trend, and the list of differences with names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import attrs

from provisioner import templates
from provisioner.cli.session import Session
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.model.text import Text
from provisioner.core.reconcile.differences import OF_PERSONS, Difference, stated
from provisioner.core.reconcile.history import PastComparison
from provisioner.services.reconcile import ComparedTarget
from provisioner.services.reconcile_report import ComparisonReport

#: The height of the highest bar of a trend, and where the bars stand, in units of the drawing.
HIGHEST, GROUND = 55, 75

#: The width of a bar with the space around it.
STEP = 50


@attrs.frozen(kw_only=True)
class Bar:
    """One comparison in the drawing of a trend."""

    day: str
    count: int
    #: Its place, from 0.
    place: int
    #: The highest count in the drawing.
    most: int

    @property
    def left(self) -> int:
        """Where the bar begins."""
        return self.place * STEP + 7

    @property
    def middle(self) -> int:
        """Where the texts are centred."""
        return self.place * STEP + STEP // 2

    @property
    def height(self) -> int:
        """How high it is. A single difference can be seen."""
        return -(-HIGHEST * self.count // self.most) if self.count else 0

    @property
    def top(self) -> int:
        """Where it ends."""
        return GROUND - self.height


@attrs.frozen
class ReportPage:
    """Renders one report in the language and time zone of its reader.

    Args:

        report: The report.

        targets: How the comparison of each target ended.

        session: The language and the time zone.
    """

    report: ComparisonReport
    targets: Sequence[ComparedTarget]
    session: Session

    def html(self) -> str:
        """Return the page, which needs no other file."""
        text = self.session.output.text
        return templates.render(
            __package__,
            "reconcile_report.html",
            language=self.session.language,
            title=text("Comparison of the accounts with the targets"),
            facts=[*self._facts()],
            verdict=[self.session.output.said(line) for line in self._verdict()],
            summary=self._summary(),
            trend_title=text("Differences in the last complete comparisons"),
            trends=[self._trend(name, past) for name, past in self.report.trends.items() if past],
            targets=[*self._differences()],
            names=[text("unit"), text("login"), text("holder"), text("known"), text("actual"), text("cure")],
        )

    def _facts(self) -> Iterator[str]:
        yield self.session.local_time(self.report.at)
        if unit := self.report.unit:
            yield self.session.output.text(
                "only the accounts of {unit} and of the units below it", unit=f"{unit.name} ({unit.code})"
            )

    def _verdict(self) -> Iterator[Text]:
        total = len(self.report.differences)
        complete = [target for target in self.targets if target.error is None]
        if total:
            yield Text.counted("{count} difference", "{count} differences", count=total)
        elif len(complete) == len(self.targets):
            yield Text("Nothing differs. The targets have the accounts as they are known.")
        elif complete:
            yield Text("Nothing differs on the targets that were compared completely.")
        if not complete:
            yield Text("No target was compared completely.")
        elif len(complete) < len(self.targets):
            yield Text("Not all targets were compared completely.")

    def _summary(self) -> dict[str, object]:
        text, word = self.session.output.text, self.session.output.word
        kinds = [kind for kind in DifferenceKind if any(target.differences.get(kind) for target in self.targets)]
        rows = [
            {
                "target": target.name,
                "numbers": [target.listed, *(target.differences.get(kind, 0) for kind in kinds), target.total],
                "state": self._state(target),
            }
            for target in self.targets
        ]
        names = [text("target"), text("accounts listed"), *map(word, kinds), text("differences"), text("state")]
        return {"names": names, "rows": rows}

    def _state(self, target: ComparedTarget) -> str:
        text = self.session.output.text
        if target.error is None:
            return text("compared completely")
        reason = {"reason": self.session.output.said(target.error.message)}
        if target.is_omitted:
            return text("not compared: {reason}", **reason)
        return text("not compared completely: {reason}", **reason)

    def _trend(self, target: str, past: Sequence[PastComparison]) -> dict[str, object]:
        most = max(comparison.total for comparison in past)
        bars = [
            Bar(day=self.session.local_day(comparison.started_at), count=comparison.total, place=place, most=most)
            for place, comparison in enumerate(past)
        ]
        label = ", ".join(f"{bar.day}: {bar.count}" for bar in bars)
        return {"target": target, "bars": bars, "width": STEP * len(bars), "label": label}

    def _differences(self) -> Iterator[dict[str, object]]:
        """Yield the differences by target and kind, then those that concern no target."""
        titles = {target.name: target.name for target in self.targets} | {"": self.session.output.text("all targets")}
        for name, title in titles.items():
            own = [difference for difference in self.report.differences if difference.target == name]
            if own:
                yield {"name": title, "kinds": [*self._kinds(own)]}

    def _kinds(self, differences: Sequence[Difference]) -> Iterator[dict[str, object]]:
        order = {kind: place for place, kind in enumerate(DifferenceKind)}
        in_order = sorted(differences, key=lambda difference: (order[difference.kind], difference.login))
        for kind, same in groupby(in_order, key=lambda difference: difference.kind):
            yield {"name": self.session.output.word(kind), "rows": [self._row(difference) for difference in same]}

    def _row(self, difference: Difference) -> tuple[str, ...]:
        account = self.report.accounts.get(difference.login)
        unit = self.report.units.get(account.unit) if account else None
        holder = self._person(account.holder) if account else ""
        known, actual = self._states(difference, holder)
        cure = self.session.output.said(difference.cure)
        return unit.name if unit else "", difference.login, holder, known, actual, cure

    def _states(self, difference: Difference, holder: str) -> tuple[str, str]:
        """Return what is known and what is there: persons by their names, and words in the reader's language."""
        if difference.kind in OF_PERSONS:
            return holder, self._person(difference.actual)
        return stated(difference.known, self.session.output), stated(difference.actual, self.session.output)

    def _person(self, person_id: str | None) -> str:
        if not person_id:
            return self.session.output.text("nobody")
        person = self.report.persons.get(person_id)
        return f"{person.name} ({person_id})" if person else person_id
