"""Rules about what people have to do, and are reminded of until it is done."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from attrs.validators import optional

from provisioner.core.api import bounds
from provisioner.core.api.rules import Action, Deadline, Facts, Rule
from provisioner.core.model import Account, AccountKind, AccountState
from provisioner.core.model.text import CountedText, Text

#: Where the duties of a unit are recorded: for districts, for schools, and for all others.
ARTICLES = {"district": "000 m.6", "school": "000 m.7"}
ARTICLE_OF_OTHERS = "000 m.5"

#: After how many months mailboxes are backed up: in schools, and elsewhere (000 m.5/d, m.6/d, m.7/d).
MONTHS = {"school": 3}
MONTHS_ELSEWHERE = 6


@attrs.frozen(kw_only=True)
class Custodian(Rule):
    """Every open unit account is held by the custodian of its unit (000 m.5/b, m.6/b, m.7/b).

    The responsible person gets reminders until this is the case.
    """

    #: How many days there are between two reminders.
    remind_days: int = attrs.field(default=7, validator=bounds.DAYS)

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return the next reminder, if one is needed."""
        account, unit = facts.account, facts.unit
        if account.kind is not AccountKind.UNIT or account.state is not AccountState.OPEN or account.opened_at is None:
            return []
        if unit.custodian and unit.custodian == account.holder:
            return []
        told = facts.marks.get(Action.DUTY)
        at = facts.days_after(told.met_at, self.remind_days) if told else account.opened_at
        reason, digest = _unnamed(account) if unit.custodian is None else _unhanded(account)
        source = f"{_article(unit.kind)}/b"
        return [Deadline(action=Action.DUTY, at=at, reason=reason, source=source, digest=digest)]


@attrs.frozen(kw_only=True)
class BackupDuty(Rule):
    """The mailbox of every open account is backed up every so many months (000 m.5/d, m.6/d, m.7/d).

    No program can do that for the holder, who is reminded until somebody confirms that it was done.
    """

    #: After how many months; by default 3 in schools and 6 elsewhere.
    months: int | None = attrs.field(default=None, validator=optional(bounds.MONTHS))
    #: How many days there are between two reminders.
    remind_days: int = attrs.field(default=7, validator=bounds.DAYS)

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return the next reminder."""
        account, kind = facts.account, facts.unit.kind
        told = facts.marks.get(Action.DUTY)
        if account.state is not AccountState.OPEN or account.opened_at is None:
            return []
        confirmed_at = told.confirmed_at if told else None
        last = max(confirmed_at or account.opened_at, account.opened_at)
        at = due = facts.months_after(last, self.months or MONTHS.get(kind, MONTHS_ELSEWHERE))
        if told and told.at >= due:
            at = facts.days_after(told.met_at, self.remind_days)
        reason = Text(
            "please back up the mailbox of {mail} and confirm it; it was due on {day}",
            {"mail": account.mail, "day": facts.written_day(due)},
        )
        digest = Text.counted(
            "please back up the mailbox of {count} account and confirm it",
            "please back up the mailboxes of {count} accounts and confirm each",
            count=1,
        )
        return [Deadline(action=Action.DUTY, at=at, reason=reason, source=f"{_article(kind)}/d", digest=digest)]


def _unnamed(account: Account) -> tuple[Text, CountedText]:
    digest = Text.counted(
        "please name a custodian for {count} account: it has none",
        "please name custodians for {count} accounts: they have none",
        count=1,
    )
    return Text("please name a custodian for {mail}: it has none", {"mail": account.mail}), digest


def _unhanded(account: Account) -> tuple[Text, CountedText]:
    digest = Text.counted(
        "please hand {count} account over: its custodian does not hold it",
        "please hand {count} accounts over: their custodians do not hold them",
        count=1,
    )
    return Text("please hand {mail} over: its custodian does not hold it", {"mail": account.mail}), digest


def _article(kind: str) -> str:
    return ARTICLES.get(kind, ARTICLE_OF_OTHERS)
