"""Settings with which nobody could log in, or anybody could, are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.config.load import load
from provisioner.core.api.errors import ConfigurationError

GOOD = {"issuer": '"https://sso.example/realms/staff"', "client_id": '"konsol"', "client_secret": '"env:OIDC_SECRET"'}


def written(folder: Path, settings: dict[str, str], log_in: str = "oidc") -> Path:
    table = "".join(f"{key} = {value}\n" for key, value in settings.items())
    file = folder / "provisioner.toml"
    head = f'[accounts]\ndomain = "meb.gov.tr"\n[console]\nlog_in = "{log_in}"\n'
    file.write_text(f"{head}[console.oidc]\n{table}" if settings else head, encoding="utf-8")
    return file


def test_the_secret_is_asked_for_only_when_it_is_needed(tmp_path: Path) -> None:
    """Every command would need to read it, also those of people who must not."""
    config = load(written(tmp_path, GOOD))

    assert config.content.console.oidc
    with pytest.raises(ConfigurationError):
        config.client_secret(config.content.console.oidc)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"issuer": '"http://sso.example"'}, "console.oidc: issuer is not"),
        ({"issuer": '"https://sso.example?a=b"'}, "console.oidc: issuer is not"),
        ({"issuer": '"https://a:b@sso.example"'}, "console.oidc: issuer is not"),
        ({"algorithms": '["HS256"]'}, "HS256 is no algorithm"),
        ({"algorithms": '["none"]'}, "none is no algorithm"),
        ({"algorithms": "[]"}, "console.oidc: not allowed"),
        ({"scopes": '["profile"]'}, "openid"),
        ({"client_id": '"a b"'}, "console.oidc: not allowed"),
        ({"claim_meaning": '"mail"'}, "person, login"),
    ],
)
def test_what_is_not_safe_is_refused_with_its_place(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace(".", r"\.")):
        load(written(tmp_path, {**GOOD, **change}))


def test_a_provider_is_needed_to_log_in_with_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"console.oidc"):
        load(written(tmp_path, {}))
    assert load(written(tmp_path, GOOD, log_in="password")).content.console.oidc
