"""What a comparison found, as a table for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner.cli.output import Output
from provisioner.cli.render.documents import Document, error_document
from provisioner.core.api.messages import Presence
from provisioner.core.model import AccountState
from provisioner.core.model.text import Text
from provisioner.core.reconcile.differences import Difference
from provisioner.services.reconcile import ComparedTarget

#: What the product knows, or a target has, if it is no lock, person or name of an account.
_STATES: Mapping[str, AccountState | Presence] = {state.value: state for state in (*AccountState, *Presence)}


def answer(differences: Sequence[Difference], targets: Sequence[ComparedTarget], output: Output) -> None:
    """Print differences and how the comparison of each target ended, in the form that is asked for."""
    output.document(
        {
            "items": [difference_document(difference, output) for difference in differences],
            "targets": [target_document(target, output) for target in targets],
        }
    )
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
        "target": difference.target,
        "login": difference.login,
        "unit": difference.unit,
        "difference": difference.kind.value,
        "known": difference.known,
        "actual": difference.actual,
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


def said(state: str, output: Output) -> str:
    """Return what is known of an account, or what a target has, in the language asked for."""
    return output.word(_STATES[state]) if state in _STATES else output.translated(state)


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
        said(difference.known, output),
        said(difference.actual, output),
        output.said(difference.cure),
    )


def _tell(target: ComparedTarget, output: Output) -> None:
    tell = output.say if target.error is None or target.is_omitted else output.note
    tell(outcome(target))
