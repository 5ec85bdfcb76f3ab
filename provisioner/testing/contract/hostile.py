"""Unusual and malicious values. A target keeps them unchanged, or refuses them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import pytest

from provisioner.core.api.errors import RefusedError
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged

#: Names and titles, by what is special about them.
TEXTS: Mapping[str, str] = {
    "Turkish": "İIıiĞğÜüŞşÖöÇç Kâğıthane",
    "decomposed": "Is\N{COMBINING CEDILLA}ıl C\N{COMBINING CEDILLA}ag\N{COMBINING BREVE}rı",
    "beyond the BMP": "Ayşe \N{GRINNING FACE}",
    "quotes": """O'Neil "Bey" `whoami` ’x’""",
    "LDAP name": 'a+b,c;d<e>f=g\\h#i,ou="j"',
    "LDAP filter": "*)(uid=*))(|(uid=*\\2a",
    "SQL": "x'); DROP TABLE accounts; --",
    "markup": "<b>&amp;</b>{{7*7}}${HOME}%s%n{login}",
    "lines": "a\r\nb\tc",
    "NUL": "a\0b",
    "escape": "a\x1b[31mb\x7f",
    "bidi": "a\N{RIGHT-TO-LEFT OVERRIDE}b",
    "64 KB": "ş" * 32768,
    "empty": "",
    "blank": " ",
    "blanks around": "  Ayşe Işık  ",
    "leading #": "#1",
}

#: What stands behind a proper login to make one that is not. Each is a way to reach another account, or none.
TAILS: Mapping[str, str] = {
    "LDAP filter": ")(uid=*",
    "LDAP name": ",ou=units",
    "wildcard": "*",
    "SQL": "' OR '1'='1",
    "SQL pattern": "%",
    "path": "/../x",
    "query": "?a=b#c",
    "encoded": "%2e%2e%2f",
    "colon": ":x",
    "NUL": "\0x",
    "line": "\nx",
    "blank": " ",
    "Turkish": "İı",
    "64 KB": "x" * 65536,
}

#: Passwords to try and to set, by what is special about them.
SECRETS: Mapping[str, str] = {
    "quotes": """aB1'"`\\x""",
    "signs": "aB1%s{0}${x}&<>;|",
    "LDAP filter": "aB1*)(uid=*",
    "scheme": "{CLEARTEXT}aB1xyz",
    "hash": "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "colon": "aB1:x:y",
    "Turkish": "aB1İıŞğÜ-parola",
    "blanks around": " aB1-xyz-Q7 ",
    "blank": " ",
    "NUL": "\0",
    "NUL inside": "aB1xyzQ7\0rest",
    "lines": "aB1\r\nxyzQ7",
    "64 KB": "aB1x" * 16384,
}


@tagged(Tag.HOSTILE)
class HostileChecks:
    """Checks that no value breaks the plug-in, reaches another account, or is changed."""

    @pytest.mark.parametrize("kind", TEXTS)
    @pytest.mark.parametrize("whose", ["unit", "holder"])
    def test_hostile_names_are_kept_or_refused(self, sandbox: Sandbox, whose: str, kind: str) -> None:
        """If the probe shows a name, it shows it unchanged, except spaces at its ends; or the account was not
        created.
        """
        account, secret, text = sandbox.account(), sandbox.make_secret(), TEXTS[kind]
        unit, holder = sandbox.people.unit, sandbox.people.holder
        harmless = {unit.name} if whose == "unit" else {holder.name, holder.title}
        showing = _attributes_showing(sandbox, harmless)
        if whose == "unit":
            unit = attrs.evolve(unit, name=text)
        else:
            holder = attrs.evolve(holder, name=text, title=text)

        try:
            sandbox.do(sandbox.creating(account, secret, unit=unit, holder=holder))
        except RefusedError:
            sandbox.expect_absent(account, secret, after=f"refusing a name ({kind})")
            return

        sandbox.expect_open(account, secret, f"creating it with a hostile name ({kind})")
        attributes = sandbox.probe(account).attributes
        bent = [name for name in showing if attributes.get(name, "").strip() != text.strip()]
        assert not bent, f"the name ({kind}) is shown otherwise than it was given, in {', '.join(bent)}"

    @pytest.mark.parametrize("kind", TAILS)
    def test_hostile_logins_reach_no_other_account(self, sandbox: Sandbox, kind: str) -> None:
        """A login that imitates another one is a separate account, or is refused."""
        (victim, its_secret), secret = sandbox.opened(), sandbox.make_secret()
        hostile = sandbox.account(f"{victim.login}{TAILS[kind]}")

        try:
            sandbox.do(sandbox.creating(hostile, secret))
        except RefusedError:
            pass
        else:
            sandbox.expect_open(hostile, secret, f"creating it with a hostile login ({kind})", dead=(its_secret,))
        _close_if_possible(sandbox, hostile)

        sandbox.expect_open(victim, its_secret, f"changes of a login that begins like it ({kind})", dead=(secret,))

    @pytest.mark.parametrize("kind", SECRETS)
    def test_hostile_secrets_do_not_log_in(self, sandbox: Sandbox, kind: str) -> None:
        """A wrong password with unusual characters is refused like any other: a result of the probe, not an error."""
        account, secret = sandbox.opened()

        assert not sandbox.takes(account, Secret(SECRETS[kind])), f"a hostile password logs in ({kind})"
        sandbox.expect_open(account, secret, f"a probe with a hostile password ({kind})")

    @pytest.mark.parametrize("kind", SECRETS)
    def test_hostile_secrets_are_set_as_they_are_or_refused(self, sandbox: Sandbox, kind: str) -> None:
        """After a rotation to an unusual password, either it logs in and no part of it does, or the former one does."""
        sandbox.needs("account_rotate")
        (account, old), new = sandbox.opened(), Secret(SECRETS[kind])

        try:
            sandbox.do(sandbox.rotating(account, new))
        except RefusedError:
            sandbox.expect_open(account, old, f"refusing a hostile password ({kind})", dead=(new,))
            return

        sandbox.expect_open(account, new, f"rotating to a hostile password ({kind})", dead=(old, *_parts(new)))


def _attributes_showing(sandbox: Sandbox, harmless: set[str]) -> list[str]:
    """Return the attributes in which the probe shows one of these texts."""
    account, _ = sandbox.opened()
    return [name for name, value in sandbox.probe(account).attributes.items() if value in harmless]


def _close_if_possible(sandbox: Sandbox, account: Account) -> None:
    """Close an account with a hostile login, which may be refused like its creation."""
    if "account_close" in sandbox.target.hooks:
        try:
            sandbox.do(sandbox.closing(account))
        except RefusedError:
            return


def _parts(secret: Secret) -> list[Secret]:
    """Return what is left of a password where it is trimmed, or cut at a NUL or at the end of a line."""
    whole = secret.reveal()
    parts = {whole.strip(), whole.partition("\0")[0], whole.partition("\r")[0], whole[:128]} - {whole, ""}
    return [Secret(part) for part in sorted(parts)]
