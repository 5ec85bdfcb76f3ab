"""Times that people read are those of the configured zone; those that scripts read are in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError
from tests.cli.conftest import CONFIG, Office

START = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
#: When that is in Istanbul.
LOCAL = "2026-03-03 01:30:00+03:00"
IN_UTC = re.compile(r"2026-03-02[ T]22:30(?::00)?(?:Z|\+00:00)")


@pytest.fixture(name="zoned", params=["en", "tr"])
def _zoned(office: Office, request: pytest.FixtureRequest) -> Iterator[Office]:
    with time_machine.travel(START, tick=False):
        office.config.write_text(CONFIG.replace('"en"', f'"{request.param}"'), encoding="utf-8")
        yield office


def quarantine(office: Office) -> None:
    with office.open() as store:
        error = StepError(name="UnavailableError", message="x")
        health = TargetHealth(name="pys", failing_since=START, error=error, quarantined_at=START, noticed="x")
        store.health.change("pys", lambda _: health)


class TestErrors:
    def test_of_a_quarantine(self, zoned: Office) -> None:
        quarantine(zoned)

        for command in (["check"], ["unit", "open", "il-mem"]):
            answer = zoned.type(*command)
            assert LOCAL in answer.out + answer.err, command
            assert not IN_UTC.search(answer.out + answer.err)
        items = zoned.type("--json", "check").json["items"]
        assert any(IN_UTC.search(item["message"]) for item in items)

    def test_of_a_maintenance_also_where_it_was_stored(self, zoned: Office) -> None:
        """The journal keeps the message of an operation, in English and UTC."""
        assert zoned.type("unit", "open", "il-mem").code == 0
        answer = zoned.type("target", "maintenance", "pys", "--until", "2026-03-04T22:30:00+00:00", "--reason", "x")
        assert "2026-03-05 01:30:00+03:00" in answer.out
        zoned.type("account", "rotate", "kmarasmem")

        for command in (["target", "list"], ["operation", "list"], ["check"], ["account", "rotate", "kmarasmem"]):
            answer = zoned.type(*command)
            assert "2026-03-05 01:30:00+03:00" in answer.out, command
            assert "2026-03-04 22:30" not in answer.out
            assert "2026-03-04T22:30" not in answer.out
        [item] = zoned.type("--json", "operation", "list").json["items"]
        assert item["next_try_at"] == "2026-03-04T22:30:00Z"
        assert "2026-03-04 22:30:00+00:00" in item["error"]["message"]


class TestTables:
    def test_of_single_things(self, zoned: Office) -> None:
        assert zoned.type("unit", "open", "il-mem").code == 0
        trouble = zoned.type("--json", "trouble", "report", "kmarasmem", "--text", "x").json["id"]
        form = ["--json", "--actor", "1002", "request", "submit", "kmarasmem", "--kind", "rotate", "--reason", "x"]
        request = zoned.type(*form).json["id"]

        for command in (["trouble", "show", trouble], ["request", "show", request], ["audit", "list"]):
            out = zoned.type(*command).out
            assert LOCAL in out, command
            assert not IN_UTC.search(out), command

    def test_of_the_clock(self, zoned: Office) -> None:
        assert f": {LOCAL}" in zoned.type("check").out

    def test_days_are_those_of_the_zone(self, zoned: Office) -> None:
        assert zoned.type("unit", "open", "il-mem").code == 0

        assert "2026-03-03" in zoned.type("account", "show", "kmarasmem").out


def test_a_time_in_a_word_stays_as_it_is(zoned: Office) -> None:
    """A path is no time, whatever it is called."""
    file = f"{zoned.config.parent}/2026-03-02T22:30:00Z/units.csv"

    assert file in zoned.type("unit", "import", file).err


def test_another_zone_is_another_time(zoned: Office) -> None:
    text = zoned.config.read_text(encoding="utf-8")
    zoned.config.write_text('time_zone = "America/New_York"\n' + text, encoding="utf-8")
    quarantine(zoned)
    since = START - timedelta(hours=5)

    assert f"{since:%Y-%m-%d %H:%M:%S}-05:00" in zoned.type("check").out
