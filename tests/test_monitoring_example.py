"""The alert rules and the dashboard name metrics that exist; one that nobody writes never raises an alarm."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from provisioner.services.metrics import Figures, exposition
from tests.services.test_status import WELL

EXAMPLE = Path(__file__).parents[1] / "examples" / "monitoring"
PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "monitor.md"
METRIC = re.compile(r"\bprovisioner_[a-z_]+")

needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="needs the Debian package prometheus")


def written() -> set[str]:
    """Return the names of all metrics, those without a value included."""
    text = exposition(Figures(status=WELL, operations={}, deliveries={}))
    families = list(text_string_to_metric_families(text))
    return {f"{one.name}_total" if one.type == "counter" else one.name for one in families}


def named(text: str) -> set[str]:
    return set(METRIC.findall(text))


def expressions(dashboard: object) -> Iterator[str]:
    match dashboard:
        case dict():
            for key, value in dashboard.items():
                if key in {"expr", "query"} and isinstance(value, str):
                    yield value
                yield from expressions(value)
        case list():
            for value in dashboard:
                yield from expressions(value)


@pytest.mark.parametrize("name", ["alerts.yml", "alerts.test.yml", "dashboard.json"])
def test_a_metric_that_nobody_writes_is_named(name: str) -> None:
    found = named((EXAMPLE / name).read_text(encoding="utf-8"))

    assert found
    assert found - written() == set()


def test_a_metric_is_missing_on_the_page() -> None:
    assert named(PAGE.read_text(encoding="utf-8")) == written()


def test_an_alert_for_each_concern() -> None:
    found = named((EXAMPLE / "alerts.yml").read_text(encoding="utf-8"))

    assert {
        "provisioner_accounts_overdue",
        "provisioner_accounts_undelivered",
        "provisioner_reconcile_differences",
        "provisioner_system_state",
        "provisioner_held_runs",
        "provisioner_operations_oldest_timestamp_seconds",
        "provisioner_store_outdated",
    } <= found


def test_each_panel_of_the_dashboard_has_its_place_and_its_expression() -> None:
    dashboard = json.loads((EXAMPLE / "dashboard.json").read_text(encoding="utf-8"))
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]

    assert len({panel["id"] for panel in dashboard["panels"]}) == len(set(places)) == len(places)
    assert all(list(expressions(panel)) for panel in dashboard["panels"])


@needs_promtool
@pytest.mark.parametrize("words", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")])
def test_a_rule_does_not_parse_or_does_not_alarm(words: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *words], cwd=EXAMPLE, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_an_expression_of_the_dashboard_does_not_parse(tmp_path: Path) -> None:
    dashboard = json.loads((EXAMPLE / "dashboard.json").read_text(encoding="utf-8"))
    queries = [query.replace("$instance", ".*") for query in expressions(dashboard["panels"])]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # JSON is YAML

    done = subprocess.run(["promtool", "check", "rules", file], check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
