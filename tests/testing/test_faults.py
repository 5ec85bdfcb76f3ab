"""Each fault does to a call what its name says, so that tests with it test what they mean to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioner.core.api.errors import (
    MisconfiguredError,
    RefusedError,
    SecretRefusedError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import Presence
from provisioner.core.model import Outcome
from provisioner.testing import faults, samples
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.memory import MemoryTarget

#: What each fault raises, and whether the change has been made.
FAULTS: dict[Fault, tuple[type[Exception] | None, bool]] = {
    Fault.REFUSE: (RefusedError, False),
    Fault.REFUSE_SECRET: (SecretRefusedError, False),
    Fault.THROTTLE: (ThrottledError, False),
    Fault.CANNOT_CONNECT: (UnavailableError, False),
    Fault.LOSE_REQUEST: (UnknownOutcomeError, False),
    Fault.APPLY_AND_LOSE_ANSWER: (UnknownOutcomeError, True),
    Fault.CUT_ANSWER: (UnknownOutcomeError, True),
    Fault.DELAY: (None, True),
    Fault.END_EARLY: (EOFError, False),
    Fault.PAUSE: (None, True),
    Fault.MISCONFIGURED: (MisconfiguredError, False),
    Fault.DEFECT: (KeyError, False),
    Fault.APPLY_AND_DEFECT: (KeyError, True),
}


@pytest.fixture(name="target")
def _target() -> FaultTarget:
    return FaultTarget(MemoryTarget())


def is_there(target: FaultTarget) -> bool:
    return target.inner.account_probe(samples.probe()).presence is Presence.ENABLED


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_is_what_it_is_called(target: FaultTarget, fault: Fault) -> None:
    target.faults.on("account_create", fault)
    error, made = FAULTS[fault]
    if error is None:
        assert target.account_create(samples.create()).outcome is Outcome.APPLIED
    else:
        with pytest.raises(error) as caught:
            target.account_create(samples.create())
        assert type(caught.value) is error

    assert is_there(target) is made


def test_calls_are_counted_and_those_fail_that_were_named(target: FaultTarget) -> None:
    target.faults.on("account_create", Fault.CANNOT_CONNECT, calls={2})
    target.account_create(samples.create())
    with pytest.raises(UnavailableError):
        target.account_create(samples.create())
    target.account_create(samples.create())

    assert target.faults.calls["account_create"] == 3


def test_each_fault_is_in_the_table_of_the_readme() -> None:
    readme = Path(faults.__file__).with_name("README.md").read_text(encoding="utf-8")

    assert re.findall(r"^\| `(\w+)` \| (?:.*)\. \|$", readme, re.MULTILINE) == [fault.value for fault in Fault]
