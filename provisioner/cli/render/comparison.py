"""What a comparison found, as a table for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.cli.output import Output
from provisioner.core.model.text import Text
from provisioner.core.reconcile.differences import Difference, stated
from provisioner.core.reconcile.verification import VerifiedAccount
from provisioner.documents import Document, error_document
from provisioner.services.reconcile import ComparedTarget


def answer(differences: Sequence[Difference], targets: Sequence[ComparedTarget], output: Output) -> None:
    """Print differences and how the comparison of each target ended, in the form that is asked for."""
    output.document(comparison_document(differences, targets, output))
    tell(differences, targets, output)


def comparison_document(
    differences: Sequence[Difference], targets: Sequence[ComparedTarget], output: Output
) -> Document:
    """Return differences and how the comparison of each target ended."""
    return {
        "items": [difference_document(difference, output) for difference in differences],
        "targets": [target_document(target, output) for target in targets],
    }


def tell(differences: Sequence[Difference], targets: Sequence[ComparedTarget], output: Output) -> None:
    """Print differences and how the comparison of each target ended, for people."""
    if differences:
        output.table(
            ("target", "login", "difference", "known", "actual", "cure"),
            [_row(difference, output) for difference in differences],
        )
    for target in targets:
        _tell(target, output)


def line_document(found: Difference | ComparedTarget, output: Output) -> Document:
    """Return what is found as one line of JSON Lines, which says what it is."""
    if isinstance(found, Difference):
        return {"type": "difference", **difference_document(found, output)}
    return {"type": "target", **target_document(found, output)}


def difference_document(difference: Difference, output: Output) -> Document:
    """Return a difference, with its cure in the language asked for."""
    return {
        "target": difference.target or None,
        "login": difference.login,
        "unit": difference.unit,
        "difference": difference.kind.value,
        "known": difference.known,
        "actual": difference.actual,
        "changes": [
            {"name": change.name, "removes": list(change.removes), "adds": list(change.adds)}
            for change in difference.changes
        ],
        "operation": difference.operation,
        "cure": output.said(difference.cure),
    }


def target_document(target: ComparedTarget, output: Output) -> Document:
    """Return how the comparison of a target ended."""
    return {
        "name": target.name,
        "listed": target.listed,
        "differences": {kind.value: count for kind, count in target.differences.items()},
        "error": error_document(target.error, output.said),
    }


def outcome(target: ComparedTarget) -> Text:
    """Return in a sentence how the comparison of a target ended."""
    if target.error is None:
        listed = Text.counted("{count} account listed", "{count} accounts listed", count=target.listed)
        found = Text.counted("{count} difference", "{count} differences", count=target.total)
        return Text("{target}: {listed}, {found}", {"target": target.name, "listed": listed, "found": found})
    values = {"target": target.name, "reason": target.error.message}
    if target.is_omitted:
        return Text("{target}: not compared: {reason}", values)
    return Text("{target}: not compared completely: {reason}", values)


def _row(difference: Difference, output: Output) -> tuple[str, ...]:
    return (
        difference.target,
        difference.login,
        output.word(difference.kind),
        stated(difference.known, output),
        stated(difference.actual, output),
        output.said(difference.cure),
    )


def _tell(target: ComparedTarget, output: Output) -> None:
    say = output.say if target.error is None or target.is_omitted else output.note
    say(outcome(target))
    if target.error and not target.is_omitted and target.error.cure.template:
        output.error_line(f"  -> {output.said(target.error.cure)}")


def verified_document(verified: VerifiedAccount, output: Output) -> Document:
    """Return what a target showed of an account."""
    return {
        "login": verified.login,
        "target": verified.target,
        "actual": verified.presence and verified.presence.value,
        "sessions": verified.sessions,
        "difference": difference_document(verified.difference, output) if verified.difference else None,
        "error": error_document(verified.error, output.said),
    }


def verified_row(verified: VerifiedAccount, output: Output) -> tuple[str, ...]:
    """Return the same for people."""
    if verified.error:
        return (
            verified.login,
            verified.target,
            "",
            output.said(verified.error.message),
            output.said(verified.error.cure),
        )
    actual = _actual(verified, output)
    if verified.difference is None:
        return verified.login, verified.target, actual, "", ""
    kind, cure = output.word(verified.difference.kind), output.said(verified.difference.cure)
    return verified.login, verified.target, actual, kind, cure


def _actual(verified: VerifiedAccount, output: Output) -> str:
    if verified.sessions is not None:
        return output.said(Text.counted("{count} open session", "{count} open sessions", count=verified.sessions))
    return output.word(verified.presence) if verified.presence else ""
