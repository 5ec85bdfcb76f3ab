from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy.engine import make_url

from provisioner import files
from provisioner.config.load import LoadedConfiguration, find_file, load
from provisioner.config.secrets import REFERENCES
from provisioner.config.settings import LimitSettings
from provisioner.config.structure import structure
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.core.model.scope import Scope
from provisioner.core.model.secret import Secret

ROOT = Path(__file__).parents[2]

MINIMAL = '[accounts]\ndomain = "meb.gov.tr"\n'


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "provisioner.toml"


def loaded(file: Path, text: str = "") -> LoadedConfiguration:
    file.write_text(text if "[accounts]" in text else text + MINIMAL)
    return load(file)


def complaint(file: Path, text: str) -> str:
    """Return what is wrong with a configuration."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(file, text).plugin_settings()
    return str(caught.value)


class TestFindFile:
    """Which file is read."""

    def test_the_one_that_is_given_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("given.toml", "env.toml", "provisioner.toml"):
            (tmp_path / name).touch()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PROVISIONER_CONFIG", "env.toml")

        assert find_file(Path("given.toml")) == Path("given.toml")
        assert find_file(None) == Path("env.toml")
        monkeypatch.delenv("PROVISIONER_CONFIG")
        assert find_file(None) == Path("provisioner.toml")

    def test_that_is_not_there_is_an_error_and_not_the_next_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A slip in the variable must not lead to another office's configuration."""
        (tmp_path / "provisioner.toml").touch()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PROVISIONER_CONFIG", "env.toml")

        with pytest.raises(ConfigurationError, match=r"there is no configuration file env\.toml"):
            find_file(None)


class TestLoad:
    """Reading a file."""

    def test_takes_defaults_for_what_is_not_there(self, file: Path) -> None:
        content = loaded(file).content

        assert (content.store, content.language, content.time_zone.key) == (
            "provisioner.sqlite",
            "tr",
            "Europe/Istanbul",
        )
        assert (content.accounts.domain, content.accounts.plate_code) == ("meb.gov.tr", "")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("nonsense = 1\n", ".toml: unknown key nonsense; the keys are store, store_password"),
            ('[accounts]\ndomain = "x"\nplate = "46"\n', "accounts: unknown key plate"),
            ("[accounts]\n", "accounts.domain: it is missing"),
            ("store = 1\n", "store: expected a string"),
            ('language = "de"\n', "not allowed: 'language' must be in ('tr', 'en')"),
            ('time_zone = "Mars/Olympus"\n', "time_zone: expected the name of a time zone"),
            ("[accounts]\ndomain = true\n", "accounts.domain: expected a string"),
            ('[accounts]\ndomain = "x"\n[targets.posta]\n', "targets.posta.plugin: it is missing"),
            ('[accounts]\ndomain = "x"\n[targets.posta]\nplugin = 1\n', "targets.posta.plugin: expected a string"),
            (
                '[accounts]\ndomain = "x"\n[targets.p]\nplugin = "x"\nparallel = 0\n',
                "targets.p: not allowed: 'parallel' must be >= 1",
            ),
            *(
                (f"[{table}]\n{key} = {value}\n", f"{table}: not allowed: '{key}' must be <=")
                for table, key in (
                    ("breaker", "quarantine_after_minutes"),
                    ("limits", "mass_change_percent"),
                    ("limits", "mass_change_from"),
                    ("limits", "mass_change_window_hours"),
                )
                for value in (999_999_999, 10**18)
            ),
            (f"[limits]\nmass_change_from = {10**400}\n", "the number is infinite or does not fit in 64 bits"),
        ],
    )
    def test_says_where_and_what_is_wrong(self, file: Path, text: str, words: str) -> None:
        found = complaint(file, text)

        assert str(file) in found
        assert words in found

    def test_names_all_problems_at_once(self, file: Path) -> None:
        assert len(complaint(file, 'store = 1\ntime_zone = "Mars"\n').splitlines()) == 2

    @pytest.mark.parametrize("content", [b"store = \n", b"\xff", b"x = 1" + 5000 * b"0", b"x = " + 5000 * b"[", None])
    def test_of_what_cannot_be_read_names_the_file(self, file: Path, content: bytes | None) -> None:
        if content is not None:
            file.write_bytes(content)

        with pytest.raises(ConfigurationError, match=r"provisioner\.toml cannot be read"):
            load(file)


def test_an_audience_of_nobody_is_no_way_to_silence_warnings(file: Path) -> None:
    """Accounts would be closed unwarned."""
    said = complaint(file, '[channels.sms]\nplugin = "sms"\n[channels.sms.notices]\n')

    assert "channels.sms.notices" in said
    assert "nobody gets notices" in said


class TestLoadedConfiguration:
    """What follows from a configuration."""

    def test_a_relative_store_lies_beside_the_file(self, file: Path) -> None:
        """Wherever the command is run."""
        assert loaded(file, 'store = "a.sqlite"\n').store_url == f"sqlite:///{file.parent / 'a.sqlite'}"

    @pytest.mark.parametrize("name", ["a?b.sqlite", "a%20b.sqlite", "a#b.sqlite", "ğ ü.sqlite"])
    def test_a_file_with_a_strange_name_is_another_file_in_the_url(self, file: Path, name: str) -> None:
        """Then one command would read another store than the next."""
        config = loaded(file, f'store = "{name}"\n')

        assert make_url(config.store_url).database == str(config.store_path)

    def test_a_url_is_taken_as_it_is(self, file: Path) -> None:
        assert loaded(file, 'store = "postgresql://h/d"\n').store_url == "postgresql://h/d"

    def test_each_plugin_gets_its_own_sections_and_no_others(self, file: Path) -> None:
        config = loaded(
            file,
            'language = "en"\n[accounts]\ndomain = "x"\n'
            '[targets.staff]\nplugin = "ldap"\nurl = "a"\nparallel = 2\n'
            '[targets.pys]\nplugin = "pys"\n'
            '[targets.guests]\nplugin = "ldap"\nurl = "b"\n'
            '[channels.sms]\nplugin = "sms"\n',
        )

        ldap, pys, sms = config.plugin_settings()

        assert [section.name for section in ldap.targets] == ["staff", "guests"]
        assert [section.place for section in ldap.targets] == ["targets.staff", "targets.guests"]
        assert dict(ldap.targets[0].table) == {"url": "a"}
        assert (pys.plugin, sms.plugin, sms.language) == ("pys", "sms", "en")
        assert [section.name for section in sms.channels] == ["sms"]
        assert config.parallel() == {"staff": 2}

    def test_rule_sets_are_the_plugin_rules_if_they_name_no_other(self, file: Path) -> None:
        config = loaded(
            file,
            'time_zone = "Europe/Berlin"\n[accounts]\ndomain = "x"\n'
            '[rules.passwords]\nrule = "renew-or-close"\nkinds = ["school"]\n'
            '[rules.summer]\nplugin = "schools"\nunder = ["il", "ilce"]\nday = 1\n',
        )

        rules, schools = config.plugin_settings()

        assert (rules.plugin, schools.plugin) == ("rules", "schools")
        assert [(one.name, one.place, dict(one.table)) for one in (*rules.rule_sets, *schools.rule_sets)] == [
            ("passwords", "rules.passwords", {"rule": "renew-or-close"}),
            ("summer", "rules.summer", {"day": 1}),
        ]
        assert schools.time_zone.key == "Europe/Berlin"
        assert config.plugins_of_rule_sets() == ["rules", "schools"]
        assert config.scopes() == {
            "passwords": Scope(kinds=frozenset({"school"})),
            "summer": Scope(under=frozenset({"il", "ilce"})),
        }


class Colour(StrEnum):
    """An enumeration in settings."""

    RED = "red"
    BLUE = "blue"


@attrs.frozen(kw_only=True)
class Inner:
    """A table in a table."""

    size: int = attrs.field(default=1, validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class Settings:
    """What a plug-in's settings may look like."""

    password: Secret | None = None
    file: Path | None = None
    urls: tuple[str, ...] = ()
    ratio: float = 1.0
    on: bool = False
    colour: Colour = Colour.RED
    inner: Inner = Inner()


@attrs.frozen(kw_only=True)
class Required:
    """Settings without which nothing works."""

    url: str
    password: Secret
    colour: Colour
    names: tuple[str, ...]
    inner: Inner


class TestStructure:
    """Turning tables into settings, strictly."""

    def _structure(self, table: dict[str, Any], folder: Path = Path("/etc")) -> Settings:
        return structure(table, Settings, "targets.posta", file=folder / "p.toml")

    def test_takes_every_kind_of_value(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PW", "geheim-1")

        settings = self._structure(
            {
                "password": "env:PW",
                "file": "ca.pem",
                "urls": ["a", "b"],
                "ratio": 2,
                "on": True,
                "colour": "blue",
                "inner": {"size": 3},
            },
            tmp_path,
        )

        assert settings.password is not None
        assert settings.password.reveal() == "geheim-1"
        assert (settings.file, settings.urls, settings.ratio, settings.on) == (
            tmp_path / "ca.pem",
            ("a", "b"),
            2.0,
            True,
        )
        assert (settings.colour, settings.inner) == (Colour.BLUE, Inner(size=3))

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ({"urls": "ldap://a"}, "targets.posta.urls: expected a list"),
            ({"urls": ["a", 1]}, "targets.posta.urls"),
            ({"ratio": "2"}, "targets.posta.ratio: expected a number"),
            *(
                ({"ratio": value}, "targets.posta.ratio: the number is infinite or does not fit in 64 bits")
                for value in (float("nan"), float("inf"), float("-inf"), 1e300, 10**400)
            ),
            ({"on": 1}, "targets.posta.on: expected true or false"),
            ({"inner": {"size": True}}, "targets.posta.inner.size: expected a whole number"),
            ({"inner": {"size": 0}}, "targets.posta.inner"),
            ({"inner": {"depth": 1}}, "targets.posta.inner: unknown key depth; the keys are size"),
            ({"colour": "green"}, "targets.posta.colour: expected one of red, blue"),
            ({"inner": 3}, "targets.posta.inner: expected a table, found a whole number"),
            ({"inner": ["size"]}, "targets.posta.inner: expected a table, found a list"),
            ({"on": "yes"}, "targets.posta.on: expected true or false, found a string"),
            ({"file": 3}, "targets.posta.file: expected a string, found a whole number"),
            ({"file": date(2026, 1, 1)}, "targets.posta.file: expected a string, found a date or time"),
            ({"colours": "red"}, "targets.posta: unknown key colours; did you mean colour? The keys are password"),
            ({"zzz": "red"}, "targets.posta: unknown key zzz; the keys are password"),
            ({"password": "file:none"}, "write the secret into its first line, and give this user read access"),
        ],
    )
    def test_says_where_and_what_is_wrong(self, table: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            self._structure(table)

        assert words in str(caught.value)

    def test_says_what_is_missing(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            structure({}, Required, "targets.posta", file=Path("/etc/p.toml"))

        assert str(caught.value).splitlines() == [
            "/etc/p.toml: targets.posta.url: it is missing; expected a string",
            f"/etc/p.toml: targets.posta.password: it is missing; expected a secret reference: {REFERENCES}",
            "/etc/p.toml: targets.posta.colour: it is missing; expected one of red, blue",
            "/etc/p.toml: targets.posta.names: it is missing; expected a list",
            "/etc/p.toml: targets.posta.inner: it is missing; expected a table",
        ]

    def test_a_path_of_one_file_is_not_looked_for_beside_another_one(self, tmp_path: Path) -> None:
        folders = [tmp_path / name for name in ("one", "other")]
        for folder in folders:
            folder.mkdir()
            files.write(folder / "secret", f"of {folder.name}\n")

        settings = [self._structure({"file": "ca.pem", "password": "file:secret"}, folder) for folder in folders]

        assert [one.file for one in settings] == [folder / "ca.pem" for folder in folders]
        assert [one.password and one.password.reveal() for one in settings] == ["of one", "of other"]

    def test_a_secret_itself_is_taken_only_if_it_is_forced(self) -> None:
        """A person who reads the configuration could read it."""
        with pytest.raises(ConfigurationError, match="give the secret by reference") as caught:
            self._structure({"password": "geheim-1"})

        forced = self._structure({"password": "plain:geheim-1"}).password
        assert "remove the secret from the file and write a reference here" in str(caught.value)
        assert forced is not None
        assert forced.reveal() == "geheim-1"

    @pytest.mark.parametrize(
        "table",
        [
            {"password": "geheim-1"},
            {"ratio": "geheim-1"},
            {"on": "geheim-1"},
            {"colour": "geheim-1"},
            {"urls": "geheim-1"},
            {"inner": "geheim-1"},
            {"inner": {"size": "geheim-1"}},
        ],
    )
    def test_never_quotes_a_value(self, table: dict[str, Any]) -> None:
        """A password may stand in the wrong place."""
        with pytest.raises(ConfigurationError) as caught:
            self._structure(table)

        error: BaseException | None = caught.value
        assert "geheim" not in f"{error} {caught.value.cure}"
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    def test_names_the_cure_of_a_secret_that_is_not_there(self) -> None:
        with pytest.raises(ConfigurationError, match="env:NO_SUCH is empty; store the secret there"):
            self._structure({"password": "env:NO_SUCH"})


@pytest.mark.parametrize("page", ["docs/explanation/limits.md", "provisioner/cli/template.toml"])
def test_the_limits_that_are_documented_are_those_of_the_code(page: str) -> None:
    """Administrators of a small province read there whether a truncated list can close it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    written = {name: int(value) for name, value in re.findall(r"^#? ?(mass_change_\w+) = (\d+)", text, re.MULTILINE)}

    assert written == attrs.asdict(LimitSettings())


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_the_limits_that_are_told_are_those_of_the_code(page: str) -> None:
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    limit = LimitSettings()
    told = (
        f"more than {limit.mass_change_percent}% of the open accounts",
        f"at least {limit.mass_change_from} accounts",
    )

    assert [part for part in told if part not in text] == []


def test_each_limit_reaches_the_engine() -> None:
    """A value that is read and not handed over leaves the default, and a small site without protection."""
    settings = LimitSettings(mass_change_percent=7, mass_change_from=3, mass_change_window_hours=5)

    assert settings.mass_change == MassChangeLimit(percent=7, from_accounts=3, window=timedelta(hours=5))


@attrs.frozen
class Host:
    url: str
    port: int = 1


@attrs.frozen
class Cluster:
    hosts: tuple[Host, ...]


def test_a_wrong_table_of_a_list_is_named_by_its_number() -> None:
    table = {"hosts": [{"url": "a"}, {"url": 1}, {"url": "c", "prot": 2}, 5]}

    with pytest.raises(ConfigurationError) as caught:
        structure(table, Cluster, "targets.posta", file=Path("/etc/p.toml"))

    assert str(caught.value).splitlines() == [
        "/etc/p.toml: targets.posta.hosts[2].url: expected a string, found a whole number",
        "/etc/p.toml: targets.posta.hosts[3]: unknown key prot; did you mean port? The keys are url, port",
        "/etc/p.toml: targets.posta.hosts[4]: expected a table, found a whole number",
    ]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('url = "http://konsol.example"', "not the address of a site"),
        ('url = "https://konsol.example/"', "not the address of a site"),
        ('url = "https://konsol.example"\nproxies = ["proxy.example"]', "proxy.example is no network address"),
        ('person_header = "X-User: "', "person_header"),
        ('log_in = "nobody"', "one of password, proxy"),
        ("denied_per_login = 0", "must be >= 1"),
    ],
)
def test_a_console_that_could_not_be_safe_is_refused(file: Path, table: str, problem: str) -> None:
    assert problem in complaint(file, f"{MINIMAL}[console]\n{table}\n")


class TestStoreOnAServer:
    """A password of the store is found where it is kept, and is never in the file or a message."""

    @pytest.mark.parametrize(
        "url", ["postgresql://me:hunter2@db/store", "postgresql://db/store?user=me&password=hunter2"]
    )
    def test_a_password_in_the_url_is_refused_and_not_repeated(self, file: Path, url: str) -> None:
        said = complaint(file, f'store = "{url}"\n')

        assert "store" in said
        assert "store_password" in said
        assert "hunter2" not in said

    def test_the_password_is_found_by_reference(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STORE_PASSWORD", "hunter2")
        config = loaded(file, 'store = "postgresql://me@db/store"\nstore_password = "env:STORE_PASSWORD"\n')

        assert (found := config.store_password())
        assert found.reveal() == "hunter2"
        assert loaded(file, 'store = "postgresql://me@db/store"\n').store_password() is None

    def test_its_files_are_beside_the_configuration_unless_it_says_otherwise(self, file: Path) -> None:
        assert loaded(file, "").store_folder == file.parent
        assert loaded(file, 'store_folder = "state"\n').store_folder == file.parent / "state"
