"""How an account differs from what it should be, and what is not taken for a difference."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.messages import ENTITLEMENTS, AccountReport, AttributeChange, Entitlements, Presence
from provisioner.core.model import AccountState, TargetState
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.expectations import Expectation
from provisioner.testing import samples

OPEN = attrs.evolve(samples.ACCOUNT, state=AccountState.OPEN)
CLOSED = attrs.evolve(samples.ACCOUNT, state=AccountState.CLOSED)
RENAMED = (AttributeChange(name="unit", removes=("A",), adds=("B",)),)
RIGHTS = (AttributeChange(name=ENTITLEMENTS, adds=("staff",)),)

EXPECTED = Expectation(
    target="posta",
    account=OPEN,
    unit=samples.UNIT,
    holder=samples.HOLDER,
    belongs=True,
    known=TargetState.OPEN,
    entitlements=Entitlements(),
)


def kind(expectation: Expectation, presence: Presence | None, lock: str = "", holder: str | None = None) -> str | None:
    difference = expectation.difference(presence, lock, holder)
    return difference.kind.value if difference else None


@pytest.mark.parametrize(
    ("known", "found"), [(TargetState.OPEN, "missing"), (TargetState.ABSENT, "missing"), (None, "not_joined")]
)
def test_an_account_that_was_never_there_is_not_called_deleted(known: TargetState | None, found: str) -> None:
    assert kind(attrs.evolve(EXPECTED, known=known), Presence.ABSENT) == found


@pytest.mark.parametrize(
    ("presence", "found"), [(Presence.ENABLED, "out_of_scope"), (Presence.DISABLED, None), (Presence.ABSENT, None)]
)
def test_an_account_out_of_scope_is_not_missed_and_must_not_be_open(presence: Presence, found: str | None) -> None:
    assert kind(attrs.evolve(EXPECTED, belongs=False), presence) == found


def test_a_closed_account_that_is_enabled_out_of_scope_is_enabled() -> None:
    """It must be closed, whatever the scope is."""
    assert kind(attrs.evolve(EXPECTED, account=CLOSED, belongs=False), Presence.ENABLED) == "enabled"


def test_what_a_target_cannot_determine_is_no_difference() -> None:
    assert kind(EXPECTED, None) is None


@pytest.mark.parametrize(
    ("holder", "found"), [("another", "holder"), (samples.HOLDER.id, None), ("", None), (None, None)]
)
def test_a_target_that_names_nobody_names_no_other_holder(holder: str | None, found: str | None) -> None:
    """After an adoption, all accounts of a site would be said to have changed hands."""
    held = attrs.evolve(EXPECTED, account=attrs.evolve(OPEN, holder=samples.HOLDER.id))

    assert kind(held, Presence.ENABLED, holder=holder) == found


def test_an_account_whose_holder_nobody_could_look_up_is_not_compared() -> None:
    """An update would take the name away."""
    unknown = attrs.evolve(EXPECTED, holder=None)

    assert not unknown.is_describable
    assert unknown.of_report(AccountReport(presence=Presence.ENABLED, changes=RENAMED)) is None


@pytest.mark.parametrize("other", [attrs.evolve(EXPECTED, account=CLOSED), attrs.evolve(EXPECTED, belongs=False)])
def test_attributes_matter_only_where_the_account_should_be_open(other: Expectation) -> None:
    assert not other.is_describable


def test_a_report_shows_the_graver_difference_first() -> None:
    report = AccountReport(presence=Presence.DISABLED, changes=RENAMED)

    difference = EXPECTED.of_report(report)

    assert difference is not None
    assert difference.kind is DifferenceKind.DISABLED


def test_changed_attributes_are_shown_old_and_new() -> None:
    difference = EXPECTED.of_attributes(RENAMED)

    assert difference is not None
    assert (difference.kind, difference.changes) == (DifferenceKind.ATTRIBUTES, RENAMED)
    assert "unit: A → B" in str(difference.cure)


def test_entitlements_alone_are_a_difference_of_their_own() -> None:
    difference = EXPECTED.of_attributes(RIGHTS)

    assert difference is not None
    assert difference.kind is DifferenceKind.ENTITLEMENTS


def test_attributes_among_entitlements_are_told_as_attributes() -> None:
    difference = EXPECTED.of_attributes((*RENAMED, *RIGHTS))

    assert difference is not None
    assert (difference.kind, difference.changes) == (DifferenceKind.ATTRIBUTES, (*RENAMED, *RIGHTS))
