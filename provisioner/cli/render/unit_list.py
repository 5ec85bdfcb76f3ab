"""Shows what changes when a list of units is applied, as infrastructure tools show a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from provisioner.cli.output import Output
from provisioner.core.model.text import Text, marked
from provisioner.documents import Document
from provisioner.services.unit_list import ChangeKind, FieldChange, UnitChange, UnitListPlan

_LINES: Mapping[ChangeKind, str] = {
    ChangeKind.ADD: marked("+ add {code}: {name}"),
    ChangeKind.OPEN: marked("+ open {login}: {name} ({code}), custodian {custodian}"),
    ChangeKind.REOPEN: marked("+ reopen {login}: {name} ({code}), custodian {custodian}"),
    ChangeKind.RESUME: marked("+ resume {login}: {name} ({code})"),
    ChangeKind.UPDATE: marked("~ update {code}: {fields}"),
    ChangeKind.MOVE: marked("→ move {code}: {fields}"),
    ChangeKind.HANDOVER: marked("> handover {login}: account is held by {holder}, custodian is {custodian}"),
    ChangeKind.CLOSE: marked("- close {login}: {name} ({code})"),
}

#: A reopened account never goes to another person without a word.
_REOPEN_FOR_ANOTHER = marked("+ reopen {login}: account was held by {holder}, custodian is {custodian}")

#: How the changes are counted, in this order.
_COUNTED: Mapping[str, frozenset[ChangeKind]] = {
    marked("{count} to add"): frozenset({ChangeKind.ADD}),
    marked("{count} to open"): frozenset({ChangeKind.OPEN, ChangeKind.REOPEN, ChangeKind.RESUME}),
    marked("{count} to update"): frozenset({ChangeKind.UPDATE}),
    marked("{count} to move"): frozenset({ChangeKind.MOVE}),
    marked("{count} to hand over"): frozenset({ChangeKind.HANDOVER}),
    marked("{count} to close"): frozenset({ChangeKind.CLOSE}),
}


def unit_list_document(plan: UnitListPlan) -> Document:
    """Return the differences and their number."""
    return {"changes": [_change_document(change) for change in plan.changes], "totals": _totals(plan)}


def tell_unit_list(output: Output, plan: UnitListPlan) -> None:
    """Print the differences, and how many there are."""
    for change in plan.changes:
        _tell_change(output, change)
    counts = _counts(plan.changes)
    parts = [output.text(template, count=sum(counts[kind] for kind in kinds)) for template, kinds in _COUNTED.items()]
    kept = [part for part, kinds in zip(parts, _COUNTED.values(), strict=True) if any(counts[kind] for kind in kinds)]
    output.line(", ".join([*kept, output.text("{count} unchanged", count=plan.unchanged)]))
    _tell_left(output, plan)


def _tell_change(output: Output, change: UnitChange) -> None:
    changes_hands = change.kind is ChangeKind.REOPEN and change.holder not in {None, change.unit.custodian}
    template = _REOPEN_FOR_ANOTHER if changes_hands else _LINES[change.kind]
    output.say(
        template,
        login=change.login or "",
        name=change.unit.name,
        code=change.unit.code,
        custodian=change.unit.custodian or "-",
        holder=change.holder or "-",
        fields=", ".join(_field(output, field) for field in change.fields),
    )
    if change.kind is ChangeKind.HANDOVER and not change.is_planned:
        output.say(
            "  -> provisioner handover {login} --to {custodian}", login=change.login, custodian=change.unit.custodian
        )


def _field(output: Output, field: FieldChange) -> str:
    return f"{output.text(field.name)} {_quoted(field.old)} → {_quoted(field.new)}"


def _quoted(value: str | None) -> str:
    return "-" if value is None else f'"{value}"'


def _tell_left(output: Output, plan: UnitListPlan) -> None:
    """Say which differences are left, and how to change that."""
    if plan.below:
        output.say(
            Text.counted(
                "{count} account of a unit below a changed one is updated, too",
                "{count} accounts of units below changed ones are updated, too",
                count=plan.below,
            )
        )
    held = sum(change.kind is ChangeKind.HANDOVER and not change.is_planned for change in plan.changes)
    if held:
        output.say(
            Text.counted(
                "{count} account is held by another person than the custodian; use --handover to hand it over",
                "{count} accounts are held by other persons than the custodians; use --handover to hand them over",
                count=held,
            )
        )
    if plan.missing and not any(change.kind is ChangeKind.CLOSE for change in plan.changes):
        output.say(
            Text.counted(
                "{count} unit with an open account is not in the list; use --close-missing to close the account",
                "{count} units with open accounts are not in the list; use --close-missing to close the accounts",
                count=plan.missing,
            )
        )


def _counts(changes: Iterable[UnitChange]) -> Counter[ChangeKind]:
    return Counter(change.kind for change in changes if change.is_planned)


def _totals(plan: UnitListPlan) -> Document:
    counts = _counts(plan.changes)
    left = sum(not change.is_planned for change in plan.changes)
    by_kind = {kind.value: counts[kind] for kind in ChangeKind}
    return {**by_kind, "unchanged": plan.unchanged, "missing": plan.missing, "left": left, "below": plan.below}


def _change_document(change: UnitChange) -> Document:
    return {
        "kind": change.kind.value,
        "unit": change.unit.code,
        "login": change.login,
        "holder": change.holder,
        "custodian": change.unit.custodian,
        "fields": [{"name": field.name, "old": field.old, "new": field.new} for field in change.fields],
        "planned": change.is_planned,
    }
