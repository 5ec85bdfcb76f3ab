"""The story: who tells it, what its chapters share, and what is said in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs

from provisioner.cli.exits import ExitCode
from provisioner.cli.output import Output
from provisioner.core.engine.plan import Initiator, Plan
from provisioner.core.model import Account, AccountState, Operation
from provisioner.core.model.secret import Secret
from provisioner.demo.stage import Stage

#: Who asks for everything here.
INITIATOR = Initiator(actor="demo", reason="demonstration")

#: How many people log in at the same time.
AT_ONCE = 8


@attrs.frozen(kw_only=True)
class Proof:
    """Something that was counted, and what it should be."""

    #: What is claimed, as a template.
    claim: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether the claim is true."""
        return self.found == self.expected


Chapter = Callable[["Story"], Iterator[Proof]]


@attrs.define(eq=False, kw_only=True)
class Story:
    """One telling of the story.

    Args:

        stage: What it works with.

        output: Whom it is told to.
    """

    stage: Stage
    output: Output
    #: The last password of each account that a phone received, or that somebody set directly on a system, by login. It
    #: stays in memory and is never shown.
    passwords: dict[str, Secret] = attrs.field(factory=dict, init=False, repr=False)
    #: All that were read from any phone.
    ever: list[Secret] = attrs.field(factory=list, init=False, repr=False)

    def tell(self, chapters: Iterable[Chapter]) -> ExitCode:
        """Tell the chapters, and say in the end what was proved."""
        self._introduce()
        proofs = [proof for chapter in chapters for proof in chapter(self)]
        return self._conclude(proofs)

    def carry_out(self, plan: Plan) -> Sequence[Operation]:
        """Carry a plan out, with a progress bar where somebody watches."""
        running = self.stage.app.engine.iter_apply(plan)
        return list(self.output.progress(running, len(plan.work), "accounts"))

    def accounts(self) -> list[Account]:
        """Return the accounts that are open."""
        return list(self.stage.app.store.accounts.find(state=AccountState.OPEN))

    def read_phone(self, account: Account) -> str:
        """Let the custodian read the last message with a password, and return it with the password masked."""
        text, password = self.stage.phones.last(account, self._mobile(account))
        self.passwords[account.login] = password
        self.ever.append(password)
        return text

    def who_get_in(
        self, name: str, accounts: Sequence[Account], passwords: Mapping[str, Secret] | None = None
    ) -> set[str]:
        """Let the holders of these accounts log in at one system, several at once, and return the logins that got in.

        Args:

            name: The name of the system.

            accounts: The accounts.

            passwords: What they try, by login; by default the last password that they received.
        """
        door, tried = self.stage.doors[name], passwords or self.passwords
        with ThreadPoolExecutor(AT_ONCE) as people:
            opened = people.map(lambda account: door(account, tried[account.login]), accounts)
            return {account.login for account, inside in zip(accounts, opened, strict=True) if inside}

    def inside_everywhere(self, accounts: Sequence[Account]) -> int:
        """Return at how many of these accounts every system takes the last password that the holder received."""
        return len(set.intersection(*(self.who_get_in(name, accounts) for name in self.stage.doors)))

    def shut_out(self, accounts: Sequence[Account], passwords: Mapping[str, Secret]) -> int:
        """Return at how many of these accounts no system takes these passwords."""
        inside = set().union(*(self.who_get_in(name, accounts, passwords) for name in self.stage.doors))
        return len(accounts) - len(inside)

    def _mobile(self, account: Account) -> str:
        """Return the number of the phone on which the custodian reads messages."""
        holder = account.holder or ""
        return self.stage.app.planner.people.find_all([holder])[holder].mobile or ""

    def _introduce(self) -> None:
        say = self.output.say
        say("Real services on this machine, until the demonstration ends:")
        if self.stage.directory.server:
            say("  directory         OpenLDAP at {url}, over TLS", url=self.stage.directory.server.ldaps_url)
        if self.stage.directory.reason:
            say(
                "  directory         a file in place of a server: {why}",
                why=self.output.said(self.stage.directory.reason),
            )
        say("  personnel system  PYS mock at {url}", url=self.stage.pys.url)
        say("  phone network     SMS simulator at {url}", url=self.stage.sms.url)

    def _conclude(self, proofs: Sequence[Proof]) -> ExitCode:
        proved = all(proof.holds for proof in proofs)
        self.output.line("")
        self.output.say("Results of the checks:")
        for proof in proofs:
            mark = "+" if proof.holds else "-"
            text = self.output.text(proof.claim)
            self.output.line(f"  {mark} {proof.found:>4}/{proof.expected:<4} {text}")
        if not proved:
            self.output.say("Some checks failed.")
        self.output.document(
            {
                "directory": self.stage.directory.table["plugin"],
                "proved": proved,
                "proofs": [
                    {"claim": proof.claim, "expected": proof.expected, "found": proof.found, "proved": proof.holds}
                    for proof in proofs
                ],
            }
        )
        return ExitCode.DONE if proved else ExitCode.DEFECT
