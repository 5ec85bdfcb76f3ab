"""What an adoption does, or would do, for people and for scripts."""

from __future__ import annotations

from provisioner.cli.session import Session
from provisioner.core.model.text import Text
from provisioner.core.reconcile.adoption import AccountAdopted, NotAdopted
from provisioner.documents import Document, iso
from provisioner.services.adoption import AdoptionPlan


def adoption_document(session: Session, plan: AdoptionPlan, *, dry_run: bool) -> Document:
    """Return a plan as JSON shows it; it is carried out unless it is a dry run."""
    return {
        "dry_run": dry_run,
        "adopted": [_adopted(adopted) for adopted in plan.adopted],
        "refused": [_refused(session, refusal) for refusal in plan.refused],
        "targets": [{"name": name, "listed": count} for name, count in plan.listed.items()],
    }


def tell_plan(session: Session, plan: AdoptionPlan) -> None:
    """Print the accounts of a plan, and why the others are not among them."""
    if plan.adopted:
        session.output.table(
            ("login", "unit", "holder", "matched by", "password set", "next", "targets"),
            [_row(session, adopted) for adopted in plan.adopted],
        )
    for refusal in plan.refused:
        session.output.say(
            "{login}: not adopted: {reason}", login=refusal.login, reason=session.output.said(refusal.reason)
        )
        session.output.line(f"  -> {session.output.said(refusal.cure)}")
    for adopted in plan.adopted:
        if adopted.other_address:
            session.output.say(
                "{login}: its address is {address}; the next handover or reopening writes {mail}",
                login=adopted.login,
                address=adopted.other_address,
                mail=adopted.account.mail,
            )
    for name, count in plan.listed.items():
        if count is None:
            session.output.say("{target}: it can't list its accounts", target=name)


def totals(session: Session, plan: AdoptionPlan) -> dict[str, str]:
    """Return how many accounts are adopted and how many are not, as values of a message."""
    return {
        "adopted": session.output.said(Text.counted("{count} account", "{count} accounts", count=len(plan.adopted))),
        "refused": session.output.said(Text.counted("{count} account", "{count} accounts", count=len(plan.refused))),
    }


def _row(session: Session, adopted: AccountAdopted) -> tuple[str, ...]:
    account = adopted.account
    return (
        account.login,
        account.unit,
        account.holder or "",
        adopted.matched_by,
        f"{session.local_day(account.password_changed_at)} ({session.output.word(adopted.password_age)})",
        session.local_day(account.next_deadline),
        ", ".join(adopted.targets),
    )


def _adopted(adopted: AccountAdopted) -> Document:
    account = adopted.account
    return {
        "login": account.login,
        "unit": account.unit,
        "holder": account.holder,
        "targets": [{"name": name, "state": state.value} for name, state in adopted.targets.items()],
        "matched_by": adopted.matched_by,
        "password_changed_at": iso(account.password_changed_at),
        "password_age": adopted.password_age.value,
        "next_deadline": iso(account.next_deadline),
        "next_action": account.next_action.value if account.next_action else None,
        "other_address": adopted.other_address,
    }


def _refused(session: Session, refusal: NotAdopted) -> Document:
    said = session.output.said
    return {
        "login": refusal.login,
        "targets": list(refusal.targets),
        "reason": said(refusal.reason),
        "cure": said(refusal.cure),
    }
