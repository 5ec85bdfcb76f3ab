"""The API does what its description says, for requests that fit it and for those that don't."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from provisioner.config.settings import ConsoleSettings
from provisioner.console.api.openapi import description, document
from provisioner.core.governance.roles import Role
from provisioner.services.throttles import TokenThrottles
from tests.console.api.conftest import Program
from tests.console_office import ADMINISTRATOR, ORIGIN, TEACHER, Office

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"

#: What requests that fit the description are about.
KNOWN = {"login": "okul46", "person_id": TEACHER}


def test_the_published_description_is_the_one_that_is_served(office: Office) -> None:
    """Run ``python -m docs`` after a change of the API."""
    served = office.browser().get("/api/v1/openapi.json")

    assert (served.status_code, served.content) == (200, description())
    assert json.loads(PAGE.read_text(encoding="utf-8")) == document()


def test_every_answer_and_every_refusal_is_described() -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            refusals = {"400", "401", "403", "404", "422", "429", "500", "503"}
            expected = refusals | ({"409", "413", "415"} if method == "post" else set())
            assert {status for status in operation["responses"] if not status.startswith("2")} == expected, path
            names = {parameter["name"] for parameter in operation["parameters"]} if "parameters" in operation else set()
            assert ("Idempotency-Key" in names) == (method == "post"), path


@pytest.mark.slow
def test_the_api_keeps_to_its_description(office: Office, program: Callable[..., Program]) -> None:
    """The requests are the same in every run. The count is that of the answers that were checked."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries that schemathesis imports
        import schemathesis
        from schemathesis import GenerationMode
        from schemathesis.core.result import Ok
        from schemathesis.specs.openapi.checks import ignored_auth

    office.harness.app.delegation.grant("service:fuzz", Role.ADMINISTRATOR, actor=ADMINISTRATOR)
    asks = program("service:fuzz")
    office.harness.app._token_throttles = TokenThrottles(ConsoleSettings(requests_per_minute=100_000))
    accepted = {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 403, 404, 409, 422]}}}
    schema = schemathesis.openapi.from_dict(document(), config=schemathesis.Config.from_dict(accepted))
    checked: list[int] = []

    def send(case: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {asks.token}"}
        if mode is GenerationMode.POSITIVE:
            case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters.keys() & KNOWN.keys()})
            if "Idempotency-Key" in case.headers:
                case.headers["Idempotency-Key"] = f"key-{len(checked):08}"
        sent = case.as_transport_kwargs(base_url=ORIGIN)
        body = {"content": sent["data"]} if isinstance(sent.get("data"), bytes) else {"json": sent.get("json")}
        answer = asks.browser.send(
            sent["method"], sent["url"], headers=sent["headers"], params=sent.get("params"), **body
        )
        checked.append(answer.status_code)
        case.validate_response(answer, excluded_checks=[ignored_auth])

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = found.ok().as_strategy(generation_mode=mode)
            settings(
                max_examples=6,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(strategy)(send))()

    assert len(checked) > 250
    assert {200, 400, 404, 422} <= set(checked)
