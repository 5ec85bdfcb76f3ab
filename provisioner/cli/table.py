"""The product's own commands: name, help and place. Nothing is imported before it is used."""

from __future__ import annotations

from provisioner.cli.lazy import Entry, Family

_UNIT = Family(
    "Organisational units, and the accounts they bring.",
    {
        "import": Entry("Take over units from a CSV or TOML file.", "provisioner.cli.units:import_"),
        "open": Entry("Open the accounts of units, or reopen them.", "provisioner.cli.units:open_"),
        "close": Entry("Close the accounts of units.", "provisioner.cli.units:close"),
        "list": Entry("List the units as a tree.", "provisioner.cli.units:list_"),
        "show": Entry("Show one unit.", "provisioner.cli.units:show"),
    },
)

_PERSON = Family(
    "Staff, where no personnel system supplies them.",
    {
        "import": Entry("Take over staff from a CSV or TOML file.", "provisioner.cli.persons:import_"),
        "show": Entry("Show one member of staff.", "provisioner.cli.persons:show"),
    },
)

_ACCOUNT = Family(
    "Accounts, one by one.",
    {
        "list": Entry("List accounts.", "provisioner.cli.accounts:list_"),
        "show": Entry("Show one account.", "provisioner.cli.accounts:show"),
        "create": Entry("Open accounts that were never open.", "provisioner.cli.accounts:create"),
        "close": Entry("Close accounts.", "provisioner.cli.accounts:close"),
        "reopen": Entry("Open closed accounts again.", "provisioner.cli.accounts:reopen"),
        "rotate": Entry("Give open accounts new passwords.", "provisioner.cli.accounts:rotate"),
    },
)

_HANDOVER = Family(
    "Pass an account on to another person, and keep the record of it.",
    {
        "list": Entry("List the records of handovers.", "provisioner.cli.handovers:list_"),
        "show": Entry("Show the record that both sides can keep.", "provisioner.cli.handovers:show"),
    },
    default=Entry("Pass an account on to another person.", "provisioner.cli.handovers:hand_over"),
)

_TARGET = Family(
    "Targets and channels.",
    {
        "resume": Entry("Call one again that was quarantined.", "provisioner.cli.targets:resume"),
    },
)

_POLICY = Family(
    "The rules: what they want, and what they would do.",
    {
        "show": Entry("Show the rule sets.", "provisioner.cli.policy:show"),
        "due": Entry("List what is due.", "provisioner.cli.policy:due"),
        "sweep": Entry("Do what is due: warn, renew, close.", "provisioner.cli.policy:sweep"),
        "simulate": Entry("Say who would be warned, renewed and closed.", "provisioner.cli.policy:simulate"),
        "confirm": Entry("Confirm that a duty was done.", "provisioner.cli.policy:confirm"),
    },
)

COMMANDS: dict[str, Entry | Family] = {
    "demo": Entry("Show the whole story on a private example.", "provisioner.demo:command"),
    "init": Entry("Write a configuration that works, and make the store.", "provisioner.cli.init:command"),
    "check": Entry("Say of every part whether it works.", "provisioner.cli.check:command"),
    "unit": _UNIT,
    "person": _PERSON,
    "account": _ACCOUNT,
    "handover": _HANDOVER,
    "clearance": Entry("May a person leave, or take up a post?", "provisioner.cli.clearance:command"),
    "policy": _POLICY,
    "resume": Entry("Finish what a crash or a dead target left.", "provisioner.cli.runs:resume"),
    "target": _TARGET,
    "plugins": Entry("List plug-ins and the commands they add.", "provisioner.cli.plugins:command"),
}
