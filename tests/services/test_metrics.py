"""Metrics say what the store says, and name nobody."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from prometheus_client.parser import text_string_to_metric_families

from provisioner.core.api.errors import ConfigurationError, InputError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model.routines import Routine
from provisioner.services import metrics
from provisioner.services.application import Application
from provisioner.services.metrics import Figures, exposition, figures_of, write_metrics
from provisioner.services.status import status_of
from tests.services.conftest import PERSONS, UNITS

#: The labels, none of which names an account or a person.
LABELS = {"state", "kind", "outcome", "system", "target"}


@pytest.fixture(name="figures")
def _figures(app: Application) -> Figures:
    """The figures of a site with two open accounts, one comparison and one sweep."""
    app.units.open(["il-mem", "ar-ge"], initiator=Initiator(actor="9000")).wait()
    assert list(app.reconcile.compare(actor="9000"))
    app.store.routines.begin(Routine.SWEEP, app.now())
    app.store.routines.end(Routine.SWEEP, app.now() + timedelta(seconds=1))
    return figures_of(status_of(app.config, app.store, app.now), app.store)


def samples(figures: Figures) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition(figures))
        for sample in family.samples
    }


def test_the_values_are_those_of_the_store(figures: Figures) -> None:
    found = samples(figures)

    def value(name: str, **labels: str) -> float:
        return found[f"provisioner_{name}", frozenset(labels.items())]

    assert value("accounts", state="open") == 2
    assert value("operations_total", kind="create", outcome="done") == 2
    assert value("operations_total", kind="close", outcome="failed") == 0
    assert sum(value("deliveries", state=state) for state in ("handed_over", "delivered")) == 2
    assert value("reconcile_complete", target="directory") == 1
    assert value("system_state", system="sms", kind="channel", state="works") == 1
    assert value("system_state", system="sms", kind="channel", state="quarantined") == 0
    ended = figures.status.routines[Routine.SWEEP].ended_at
    assert ended
    assert value("sweep_last_timestamp_seconds") == pytest.approx(ended.timestamp())


def test_a_time_that_is_not_known_is_not_0(figures: Figures) -> None:
    """The last backup would be 56 years ago."""
    names = {name for name, _ in samples(figures)}

    assert "provisioner_backup_last_timestamp_seconds" not in names
    assert "provisioner_operations_oldest_timestamp_seconds" not in names


def test_a_missing_report_is_said_to_be_a_failure(figures: Figures) -> None:
    """A password without a report may well have arrived."""
    text = "Open accounts whose last password was not reported as delivered."

    assert f"# HELP provisioner_accounts_undelivered {text}\n" in exposition(figures)


def test_a_login_or_a_number_is_never_a_label(figures: Figures) -> None:
    assert {label for _, labels in samples(figures) for label, _ in labels} == LABELS
    text = exposition(figures)
    for secret in [*(unit.login for unit in UNITS), *(unit.code for unit in UNITS), *(one.mobile for one in PERSONS)]:
        assert str(secret) not in text
    for person in PERSONS:
        assert person.name not in text
        assert f'"{person.id}"' not in text


def test_the_file_is_for_everybody_and_replaced_in_one_step(figures: Figures, tmp_path: Path) -> None:
    file = tmp_path / "metrics" / "provisioner.prom"
    file.parent.mkdir()
    for _ in range(2):
        write_metrics(file, exposition(figures))

    assert file.stat().st_mode & 0o777 == 0o644
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it cannot be written"):
        write_metrics(tmp_path / "nowhere" / "provisioner.prom", "")


def test_the_extra_is_named_if_it_is_missing(figures: Figures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError) as caught:
        exposition(figures)
    assert "unit-provisioner[metrics]" in str(caught.value.cure)


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs the Debian package prometheus")
def test_prometheus_finds_nothing_to_object_to(figures: Figures) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition(figures), check=False, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_restored_store_is_told(figures: Figures) -> None:
    outdated = attrs.evolve(figures, status=attrs.evolve(figures.status, is_outdated=True))

    assert samples(outdated)["provisioner_store_outdated", frozenset()] == 1
