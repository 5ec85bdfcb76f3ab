"""The same event is always the same text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.events import Event
from provisioner.core.model import Outcome, Step, StepError, TargetState
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Lines, Text, printable_json
from provisioner.store.audit.canonical import canonical, iso
from tests.store.conftest import Story


@attrs.frozen(kw_only=True)
class Anything(Event):
    """An event with whatever an event may have."""

    kind = "anything"

    facts: Any
    step: Step | None = None


def as_the_standard_library_writes(event: Event) -> str:
    """Return an event as the encoder of the standard library writes it, which wrote all audit logs at first."""

    def fields(value: Any) -> Mapping[str, object]:
        return {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}

    def default(value: object) -> object:
        return iso(value) if isinstance(value, datetime) else fields(value)

    facts = {**fields(event), "kind": event.kind}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=default)
    return printable_json(text.encode(errors="replace").decode())


TEXTS = st.text(st.characters(codec=None))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.builds(
    lambda since, zone: (EPOCH + since).astimezone(zone),
    st.timedeltas(timedelta(days=-365 * 1900), timedelta(days=365 * 8000)),
    st.sampled_from([UTC, timezone(timedelta(hours=3))]),
)
ERRORS = st.builds(StepError, name=TEXTS, message=st.builds(Text, TEXTS, st.dictionaries(TEXTS, TEXTS)))
STEPS = st.builds(
    Step,
    name=TEXTS,
    hook=TEXTS,
    outcome=st.none() | st.sampled_from(Outcome),
    attempts=st.integers(),
    error=st.none() | ERRORS,
    reference=st.none() | TEXTS,
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | TIMES | st.sampled_from(Outcome)
FACTS = st.recursive(
    PLAIN | TEXTS.map(Lines) | STEPS | ERRORS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(at=TIMES, actor=TEXTS, facts=FACTS, step=st.none() | STEPS)
def test_it_is_what_the_standard_library_would_write(at: datetime, actor: str, facts: object, step: Step) -> None:
    event = Anything(at=at, actor=actor, facts=facts, step=step)

    assert canonical(event) == as_the_standard_library_writes(event)


def test_every_event_of_a_life_is_what_the_standard_library_would_write(story: type[Story]) -> None:
    events = [event for submission in story("746123").submissions() for event in submission]

    assert [*map(canonical, events)] == [*map(as_the_standard_library_writes, events)]


@pytest.mark.parametrize("facts", [Secret("geheim"), [Secret("geheim")], {"a": Secret("geheim")}, {1, 2}, b"x"])
def test_what_is_not_for_the_audit_log_is_refused(facts: object) -> None:
    with pytest.raises(TypeError, match="is not for the audit log"):
        canonical(Anything(at=datetime.now(UTC), facts=facts))


def test_canonical_json_is_a_promise(story: type[Story]) -> None:
    """Auditors compute the hashes themselves, so not one character may change."""
    event = attrs.evolve(
        story("746123").ended(1, TargetState.OPEN), actor="Şükrü", at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    )

    assert canonical(event) == (
        '{"actor":"Şükrü","at":"2026-01-02T03:04:05.000000Z","kind":"step_ended","login":"746123",'
        '"operation_id":"op-746123","position":1,"step":{"attempts":2,"error":null,"hook":"account_create",'
        '"name":"mail","outcome":"applied","reference":"uid=x"},"target_state":"open"}'
    )


def test_an_entry_has_nothing_that_is_not_shown(story: type[Story]) -> None:
    """It is exported as it is stored."""
    event = attrs.evolve(story("746123").ended(1, TargetState.OPEN), actor="1001\u202e\n\x9b")

    assert '"actor":"1001\\u202e\\n\\u009b"' in canonical(event)
