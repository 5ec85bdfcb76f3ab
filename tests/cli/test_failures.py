from __future__ import annotations

import inspect

import click
import pytest

from provisioner.cli.exits import ExitCode
from provisioner.cli.failures import exit_code
from provisioner.core.api import errors
from provisioner.core.api.errors import (
    MisconfiguredError,
    NotReadyError,
    ProvisionerError,
    TargetError,
    UnavailableError,
    UnknownOutcomeError,
)

#: What the README promises.
EXPECTED = {
    "BusyError": 4,
    "ConfigurationError": 2,
    "DeniedError": 3,
    "DryRunError": 1,
    "LeaseLostError": 4,
    "MisconfiguredError": 2,
    "PluginError": 2,
    "StagedError": 6,
    "StoppedError": 4,
    "StoreError": 2,
    "StoreUnavailableError": 5,
    "SupersededError": 4,
    "SystemMisconfiguredError": 2,
    "UnavailableError": 5,
    "CircuitOpenError": 5,
    "ThrottledError": 5,
    "UnknownOutcomeError": 5,
    "PluginDefectError": 5,
}


class TestExitCode:
    """What an error means to a script."""

    @pytest.mark.parametrize(("name", "code"), EXPECTED.items())
    def test_follows_from_the_class(self, name: str, code: int) -> None:
        error = getattr(errors, name)("something")

        assert exit_code(error) == code

    def test_is_2_for_wrong_input(self) -> None:
        assert exit_code(errors.InputError([])) == 2

    def test_is_2_for_wrong_usage(self) -> None:
        assert exit_code(click.UsageError("no")) == 2

    def test_is_1_for_anything_unknown(self) -> None:
        assert exit_code(ZeroDivisionError()) == 1

    def test_is_5_if_one_of_several_targets_may_come_back(self) -> None:
        assert exit_code(NotReadyError([MisconfiguredError("wrong key"), UnavailableError("down")])) == 5

    def test_is_2_if_all_targets_are_misconfigured(self) -> None:
        """Waiting does not help there."""
        assert exit_code(NotReadyError([MisconfiguredError("wrong key")])) == 2

    def test_is_1_only_for_the_errors_of_ours_that_are_defects(self) -> None:
        """A new class must be given a meaning. A call in a dry run and a failure of the program are defects."""
        ours = [
            value
            for value in vars(errors).values()
            if inspect.isclass(value) and issubclass(value, ProvisionerError) and value.__module__ == errors.__name__
        ]
        made = [cls([UnknownOutcomeError("x")]) if cls is NotReadyError else _make(cls) for cls in ours]
        defects = [type(error).__name__ for error in made if exit_code(error) is ExitCode.DEFECT]

        assert sorted(defects) == ["DefectError", "DryRunError", "ProvisionerError"]


def _make(cls: type[ProvisionerError]) -> ProvisionerError:
    return errors.InputError([]) if cls is errors.InputError else cls("something")


def test_target_errors_are_all_covered() -> None:
    assert all(exit_code(cls("something")) in {2, 5} for cls in TargetError.__subclasses__())
