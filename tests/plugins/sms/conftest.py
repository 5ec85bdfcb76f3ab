from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from provisioner import Account, Person, Secret
from provisioner.config.structure import structure
from provisioner.core.api.messages import DeliverSecret, ProbeDelivery
from provisioner.core.api.registration import Section
from provisioner.testing.kannel import Kannel
from provisioner.testing.plugin import require_server
from provisioner_sms.plugin import SmsChannel

PASSWORD = "Kq7{canary}~2&x^Z"
NUMBER = "+905551234567"

MakeChannel = Callable[[dict[str, Any]], SmsChannel]
MakeRequest = Callable[..., DeliverSecret]


def asked(delivery_id: str, **receipt: str | None) -> ProbeDelivery:
    """Return the question what became of a message, with what its receipt said."""
    return ProbeDelivery(delivery_id=delivery_id, **receipt)


def make_section(table: dict[str, Any], folder: Path = Path("/nowhere")) -> Section:
    """What the configuration makes of a table."""
    return Section(
        name="sms",
        place="channels.sms",
        folder=folder,
        table={key: value for key, value in table.items() if key != "plugin"},
        structure=partial(structure, file=folder / "provisioner.toml"),
    )


@pytest.fixture(name="channel")
def _channel() -> Iterator[MakeChannel]:
    made = []

    def make(table: dict[str, Any], language: str = "tr") -> SmsChannel:
        made.append(SmsChannel.configured(make_section(table), language))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(name="request_to")
def _request_to() -> MakeRequest:
    def make(
        mobile: str | None = "0555 123 45 67",
        *,
        password: str = PASSWORD,
        delivery_id: str = "op-1-sms",
        replaces_earlier: bool = False,
        login: str = "temelegitim46",
    ) -> DeliverSecret:
        return DeliverSecret(
            operation_id="op",
            delivery_id=delivery_id,
            account=Account(login=login, domain="meb.gov.tr", unit="46"),
            recipient=Person(id="7", name="Ayşe Öğretmen", mobile=mobile),
            secret=Secret(password),
            replaces_earlier=replaces_earlier,
        )

    return make


@pytest.fixture(name="installed_kannel", scope="session")
def _installed_kannel() -> None:
    require_server("kannel")


@pytest.fixture(name="shared_kannel", scope="session")
def _shared_kannel(installed_kannel: None) -> Iterator[Kannel]:
    with Kannel.running() as kannel:
        yield kannel


@pytest.fixture(name="kannel")
def _kannel(shared_kannel: Kannel) -> Iterator[Kannel]:
    """A Kannel that must be as good as new after the test.

    smsbox 1.4.5 panics now and then when the receiver of a report hangs up while it is being sent. So tests that
    receive reports wait for all of them.
    """
    shared_kannel.network.clear()
    shared_kannel.resume()
    yield shared_kannel
    shared_kannel.resume()


@pytest.fixture(name="doomed_kannel")
def _doomed_kannel(installed_kannel: None) -> Iterator[Kannel]:
    """A Kannel that may be broken."""
    with Kannel.running() as kannel:
        yield kannel
