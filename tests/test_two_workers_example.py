"""The example of several workers is a configuration that loads, and starts what the product has."""

from __future__ import annotations

from pathlib import Path

from provisioner.config.load import load

EXAMPLE = Path(__file__).parents[1] / "examples" / "two-workers"


def test_the_configuration_lets_workers_share_operations() -> None:
    config = load(EXAMPLE / "provisioner.toml")

    assert config.content.worker.distribute
    assert config.store_url.startswith("postgresql://")


def test_containers_are_started_again_and_given_time_to_stop() -> None:
    lines = [line.strip() for line in (EXAMPLE / "compose.yaml").read_text(encoding="utf-8").splitlines()]

    assert {"command: [worker]", "restart: always", "stop_grace_period: 3m"} <= set(lines)
    assert [line for line in lines if line.endswith(": *worker")] == [
        "first: *worker",
        "second: *worker",
        "standby: *worker",
    ]


def test_the_unit_starts_a_worker_again_and_gives_it_time_to_stop() -> None:
    unit = (EXAMPLE / "provisioner-worker.service").read_text(encoding="utf-8").splitlines()

    assert {"Restart=always", "TimeoutStopSec=180", "ExecStart=/usr/local/bin/provisioner worker"} <= set(unit)
