"""The rule sets of a configuration."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from provisioner.catalogue import Catalogue
from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import ConfigurationError, PluginError
from provisioner.core.api.rules import Action
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import Unit
from provisioner.core.model.days import utc_now
from provisioner.core.model.scope import Scope
from provisioner.core.model.text import Text
from provisioner.core.policy.policy import Policy
from provisioner.rules.certificates import Certificates
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.rules.plugin import RULES, RuleName
from provisioner.services.bootstrap import application
from provisioner.services.rule_sets import fingerprint, make_policy
from provisioner.store import Store
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock

Units = Callable[[Iterable[str]], Mapping[str, Unit]]

#: Of the alphabet of SMS (3GPP TS 23.038) and its Turkish table, the characters that our messages may need.
GSM = frozenset(string.ascii_letters + string.digits + " @_.,:;-()!?'/" + "çÇğĞıİöÖşŞüÜ")

CONFIG = """\
[accounts]
domain = "meb.gov.tr"
[targets.directory]
plugin = "memory"
[channels.sms]
plugin = "memory"
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}").close()
    return tmp_path / "provisioner.toml"


def loaded(file: Path, rules: str) -> LoadedConfiguration:
    file.write_text(CONFIG + rules)
    return load(file)


def policy(file: Path, rules: str) -> Policy:
    with application(loaded(file, rules)) as app:
        return app.policy


class TestRules:
    """What the tables of the configuration become."""

    def test_parameters_and_scopes_are_taken_over(self, file: Path) -> None:
        found = policy(
            file,
            '[rules.passwords]\nrule = "renew-or-close"\ndays = 60\nkinds = ["school", "office"]\nunder = ["a"]\n'
            '[rules.rotation]\nrule = "auto-rotate"\n'
            '[rules.certificates]\nrule = "certificate"\ntargets = ["directory"]\nfiles = ["posta.pem"]\n',
        )

        passwords, rotation, certificates = found.rule_sets
        assert (passwords.name, passwords.rules) == ("passwords", (RenewOrClose(days=60),))
        assert passwords.scope == Scope(kinds=frozenset({"school", "office"}), under=frozenset({"a"}))
        assert (rotation.rules, rotation.scope) == ((AutoRotate(),), Scope())
        assert certificates.rules == ()
        assert certificates.monitors == (Certificates(targets=("directory",), files=(file.parent / "posta.pem",)),)

    @pytest.mark.parametrize("name", [name for name in RuleName if name is not RuleName.CERTIFICATE])
    def test_every_rule_works_without_parameters(self, file: Path, name: RuleName) -> None:
        [rule_set] = policy(file, f'[rules.one]\nrule = "{name}"\n').rule_sets

        assert rule_set.rules == (RULES[name](),)

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ("", "rules.one.rule: it is missing"),
            ('rule = "renew"', "rules.one.rule: expected one of renew-or-close, auto-rotate, custodian"),
            ('rule = "retention"\nday = 3', "rules.one: unknown key day; did you mean days? The keys are days"),
            ('rule = "retention"\ndays = "3"', "rules.one.days: expected a whole number"),
            ('rule = "retention"\ndays = 0', "rules.one: not allowed: 'days' must be >= 1"),
            *(
                (f'rule = "{rule}"\n{key} = {value}', f"rules.one: not allowed: '{key}' must be")
                for rule, key, value in (
                    ("retention", "days", 999_999_999),
                    ("renew-or-close", "days", 999_999_999),
                    ("renew-or-close", "warn_days", [999_999_999]),
                    ("auto-rotate", "from_day", 999_999_999),
                    ("auto-rotate", "to_day", 999_999_999),
                    ("auto-rotate", "to_day", -1),
                    ("custodian", "remind_days", 999_999_999),
                    ("backup-duty", "remind_days", 999_999_999),
                    ("backup-duty", "months", 999_999_999),
                    ("verify", "days", 999_999_999),
                    ("verify", "days", 1),
                )
            ),
            ('rule = "backup-duty"\nmonths = 0', "rules.one: not allowed: 'months' must be >= 1"),
            ('rule = "renew-or-close"\nwarn_days = [0]', "rules.one: not allowed: 'warn_days' must be >= 1"),
            ('rule = "renew-or-close"\ndays = 7', "rules.one: a warning 7 days before the end is too early"),
            ('rule = "auto-rotate"\nto_day = 19', "rules.one: the window from day 20 to day 19 is empty; set to_day"),
            ('rule = "certificate"', "rules.one: no certificate is configured; set 'files', 'servers' or 'targets'"),
            ('rule = "retention"\nkinds = "school"', "rules.one.kinds: expected a list"),
            ('rule = "retention"\nplugin = 1', "rules.one.plugin: expected a string"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_place(self, file: Path, table: str, words: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            policy(file, f"[rules.one]\n{table}\n")

        assert f"{file}: {words}" in str(caught.value)

    def test_rules_that_contradict_each_other_stop_the_program(self, file: Path) -> None:
        with pytest.raises(ConfigurationError) as caught:
            policy(file, '[rules.close]\nrule = "renew-or-close"\n[rules.rotate]\nrule = "auto-rotate"\nto_day = 30\n')

        assert str(caught.value) == (
            "rule sets close and rotate contradict each other: "
            "passwords are renewed until day 30, and accounts are closed on day 30"
        )

    def test_a_plugin_without_rule_sets_is_named(self, file: Path) -> None:
        with pytest.raises(PluginError, match="plug-in local did not create one"):
            policy(file, '[rules.one]\nplugin = "local"\n')


class TestFingerprint:
    """By it a sweep knows that all deadlines have to be computed again."""

    RULES = '[rules.one]\nrule = "retention"\n'

    @pytest.mark.parametrize(
        "rules",
        [
            '[rules.two]\nrule = "retention"\n',
            '[rules.one]\nrule = "retention"\ndays = 90\n',
            '[rules.one]\nrule = "retention"\nkinds = ["school"]\n',
            RULES + '[rules.two]\nrule = "custodian"\n',
            'time_zone = "Europe/Berlin"\n' + RULES,
            "",
        ],
    )
    def test_changes_with_all_that_deadlines_depend_on(self, file: Path, rules: str) -> None:
        file.write_text(rules + CONFIG if rules.startswith("time_zone") else CONFIG + rules)
        if rules.startswith("time_zone"):
            file.write_text('time_zone = "Europe/Berlin"\n' + CONFIG + self.RULES)

        assert fingerprint(load(file)) != fingerprint(loaded(file, self.RULES))

    def test_does_not_change_with_anything_else(self, file: Path) -> None:
        before = fingerprint(loaded(file, self.RULES))
        file.write_text('language = "en"\n' + CONFIG + "# more\n" + self.RULES)

        assert fingerprint(load(file)) == before

    def test_changes_with_the_version_of_a_plugin(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """It may compute something else."""
        before = fingerprint(loaded(file, self.RULES))
        monkeypatch.setattr("importlib.metadata.Distribution.metadata", {"Name": "unit-provisioner", "Version": "99"})

        assert fingerprint(loaded(file, self.RULES)) != before


class TestApplication:
    """Rules at work."""

    def test_an_opened_account_knows_when_a_rule_next_wants_something(self, file: Path) -> None:
        clock = FakeClock()
        with application(loaded(file, '[rules.one]\nrule = "renew-or-close"\n'), now=clock) as app:
            app.store.persons.save([samples.HOLDER])
            app.store.units.save([samples.UNIT])

            app.engine.apply(app.planner.open_units([samples.UNIT], Initiator(actor="tester")))

            account = app.store.accounts.get_many([samples.ACCOUNT.login])[samples.ACCOUNT.login]
            [first, *_] = app.policy.deadlines(account, samples.UNIT, [])
        assert (first.action, first.rule_set) == (Action.WARN, "one")
        assert account.next_deadline == first.at

    def test_rule_sets_of_which_nothing_is_stored_are_new(self, file: Path) -> None:
        clock = FakeClock()
        with application(loaded(file, '[rules.one]\nrule = "custodian"\n'), now=clock) as app:
            assert app.policy.since == {"one": clock()}

    def test_units_above_are_read_once(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With a million accounts, each look into the store counts."""
        province = Unit(code="il", name="İl", kind="province")
        district = Unit(code="ilce", name="İlçe", kind="district", parent="il")
        schools = [Unit(code=f"okul{n}", name="Okul", kind="school", parent="ilce") for n in range(50)]
        config = loaded(file, '[rules.one]\nrule = "retention"\nunder = ["il"]\n')
        read: list[str] = []

        with application(config) as app:
            app.store.units.save([province, district, *schools])
            monkeypatch.setattr(app.store.units, "get_many", _noting(app.store.units.get_many, read))
            found = make_policy(config, app.plugins, app.store, utc_now())
            for school in schools:
                found.deadlines(samples.ACCOUNT, school, [])

        assert sorted(read) == ["il", "ilce"]

    def test_units_that_were_hung_below_each_other_meanwhile_do_not_lead_in_circles(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is remembered of one and read of the other may be of different times."""
        config = loaded(file, '[rules.one]\nrule = "retention"\nunder = ["a"]\n')
        with application(config) as app:
            circle = {
                "a": Unit(code="a", name="A", kind="x", parent="b"),
                "b": Unit(code="b", name="B", kind="x", parent="a"),
            }
            monkeypatch.setattr(app.store.units, "get_many", lambda codes: {code: circle[code] for code in codes})

            assert make_policy(config, app.plugins, app.store, utc_now()).path_of("a") == ["a", "b"]


def _noting(units: Units, read: list[str]) -> Units:
    def noted(codes: Iterable[str]) -> Mapping[str, Unit]:
        wanted = list(codes)
        read.extend(wanted)
        return units(wanted)

    return noted


def test_messages_to_people_fit_into_one_sms() -> None:
    """160 characters of the GSM alphabet, or of its Turkish variant."""
    turkish = Catalogue.of("tr")
    values = {
        "mail": "hayatboyuogrenme46@kahramanmaras.meb.gov.tr",
        "name": "directory (ldap1.kahramanmaras.meb.gov.tr)",
        "day": "28.02.2026",
    }
    spoken = [
        "please name a custodian for {mail}: it has none",
        "please hand {mail} over: its custodian does not hold it",
        "please back up the mailbox of {mail} and confirm it; it was due on {day}",
        "please renew the certificate of {name}: it expires on {day}",
        "the certificate of {name} expired on {day}",
    ]

    reminder = Text.counted(
        "please renew the password of {mail} by {day}, in {count} day; otherwise the account will be closed",
        "please renew the password of {mail} by {day}, in {count} days; otherwise the account will be closed",
        count=30,
        **values,
    )
    for text in (reminder, *(Text(english, values) for english in spoken)):
        said = text.said(turkish)
        assert said != str(text)
        assert len(said) <= 160
        assert set(said) <= GSM, "one character more, and only 70 fit into a message"
