"""A provider with which nobody could log in is a problem before anybody tries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.net.http_service import HttpAnswer
from provisioner.services.health_check.provider import check_provider
from provisioner.services.health_check.results import CheckResult, CheckStatus
from provisioner.testing.clock import FakeClock
from tests.oidc.issuer import CLIENT_ID, Issuer

OK, WARNING, PROBLEM = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.PROBLEM


@pytest.fixture(name="issuer")
def _issuer() -> Iterator[Issuer]:
    issuer = Issuer(FakeClock())
    issuer.start()
    yield issuer
    issuer.stop()


@attrs.frozen
class Checked:
    folder: Path
    issuer: Issuer

    def results(self, *, url: str = "https://konsol.example", reference: str = "plain:x") -> list[CheckResult]:
        return list(check_provider(self._config(url, reference)))

    def statuses(self) -> list[CheckStatus]:
        return [result.status for result in self.results()]

    def _config(self, url: str, secret: str) -> LoadedConfiguration:
        file = self.folder / "provisioner.toml"
        file.write_text(
            f'[accounts]\ndomain = "meb.gov.tr"\n[console]\nurl = "{url}"\nlog_in = "oidc"\n[console.oidc]\n'
            f'issuer = "{self.issuer.url}"\nclient_id = "{CLIENT_ID}"\nclient_secret = "{secret}"\n',
            encoding="utf-8",
        )
        return load(file)


@pytest.fixture(name="checked")
def _checked(tmp_path: Path, issuer: Issuer) -> Checked:
    return Checked(tmp_path, issuer)


def test_a_provider_that_can_be_used_is_told_with_its_keys(checked: Checked) -> None:
    [result] = checked.results()

    assert (result.status, str(result.message)) == (OK, f"{checked.issuer.url}, 1 key")


def test_what_keeps_people_out_is_a_problem(checked: Checked) -> None:
    issuer = checked.issuer
    for metadata in (
        {"issuer": "https://other.example"},
        {"token_endpoint": "http://sso.example/token"},
        {"code_challenge_methods_supported": ["plain"]},
        {"id_token_signing_alg_values_supported": ["HS256", "EdDSA"]},
    ):
        issuer.metadata = dict(metadata)
        assert checked.statuses() == [PROBLEM], metadata
    issuer.metadata = {}
    for path in ("/.well-known/openid-configuration", "/jwks"):
        issuer.answers = {path: HttpAnswer(status=404)}
        assert checked.statuses() == [PROBLEM], path
    issuer.answers = {}
    [result] = checked.results(reference="env:NO_SUCH_SECRET")
    assert result.status is PROBLEM


def test_a_provider_that_is_down_is_a_problem(checked: Checked) -> None:
    results = check_provider(checked._config("https://konsol.example", "plain:x"))
    checked.issuer.stop()

    [result] = results
    assert (result.status, "can't be reached" in str(result.message)) == (PROBLEM, True)
    checked.issuer.start()


def test_what_is_missing_for_log_outs_and_for_the_way_back_is_a_warning(checked: Checked) -> None:
    checked.issuer.metadata = {"backchannel_logout_supported": False}

    assert checked.statuses() == [OK, WARNING]
    assert [result.status for result in checked.results(url="")] == [OK, WARNING, WARNING]


def test_nothing_is_said_of_other_ways_to_log_in(tmp_path: Path) -> None:
    file = tmp_path / "provisioner.toml"
    file.write_text('[accounts]\ndomain = "meb.gov.tr"\n', encoding="utf-8")

    assert list(check_provider(load(file))) == []
