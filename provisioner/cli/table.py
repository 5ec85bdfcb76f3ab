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

_REQUEST = Family(
    "Request forms: submitted, approved by the supervisor, carried out by an officer, archived.",
    {
        "submit": Entry("Ask for something to be done to an account.", "provisioner.cli.requests:submit"),
        "approve": Entry("Agree, as the requester's supervisor.", "provisioner.cli.requests:approve"),
        "reject": Entry("Do not agree, as the requester's supervisor.", "provisioner.cli.requests:reject"),
        "execute": Entry("Carry out an approved request, as the officer.", "provisioner.cli.requests:execute"),
        "confirm-mobile": Entry("Answer for a number that has changed.", "provisioner.cli.requests:confirm_mobile"),
        "list": Entry("List requests.", "provisioner.cli.requests:list_"),
        "show": Entry("Show one request, or its archived copy.", "provisioner.cli.requests:show"),
    },
)

_AUTHORITY = Family(
    "Roles: who may do what, in which units.",
    {
        "grant": Entry("Give somebody a role.", "provisioner.cli.authority:grant"),
        "revoke": Entry("Take a role away.", "provisioner.cli.authority:revoke"),
        "delegate": Entry("Let somebody act for another, for a period.", "provisioner.cli.authority:delegate"),
        "list": Entry("List who has which role.", "provisioner.cli.authority:list_"),
        "show": Entry("Show what one person may do, and for whom.", "provisioner.cli.authority:show"),
    },
)

_TROUBLE = Family(
    "Trouble with a login, reported upward until somebody resolves it.",
    {
        "report": Entry("Report that a login does not work.", "provisioner.cli.troubles:report"),
        "escalate": Entry("Pass a report on to the unit above.", "provisioner.cli.troubles:escalate"),
        "resolve": Entry("Say what helped, and close a report.", "provisioner.cli.troubles:resolve"),
        "list": Entry("List reports, and who has them in hand.", "provisioner.cli.troubles:list_"),
        "show": Entry("Show one report with all its steps.", "provisioner.cli.troubles:show"),
    },
)

_TARGET = Family(
    "Targets and channels.",
    {
        "list": Entry("List targets and channels, and whether they are called.", "provisioner.cli.targets:list_"),
        "maintenance": Entry("Leave one alone while somebody works on it.", "provisioner.cli.targets:maintenance"),
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
        "staged": Entry("List the runs that are held back.", "provisioner.cli.releases:staged"),
        "release": Entry("Carry out a run that is held back.", "provisioner.cli.releases:release"),
        "discard": Entry("End a run that is held back.", "provisioner.cli.releases:discard"),
    },
)

_AUDIT = Family(
    "The trail of all that happened.",
    {
        "list": Entry("List what happened.", "provisioner.cli.audit:list_"),
        "verify": Entry("Say whether the trail is as it was written.", "provisioner.cli.audit:verify"),
        "anchor": Entry("Print where the trail ends, to keep elsewhere.", "provisioner.cli.audit:anchor"),
        "export": Entry("Write the trail as JSON Lines or syslog.", "provisioner.cli.audit:export"),
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
    "request": _REQUEST,
    "authority": _AUTHORITY,
    "trouble": _TROUBLE,
    "clearance": Entry("May a person leave, or take up a post?", "provisioner.cli.clearance:command"),
    "policy": _POLICY,
    "resume": Entry("Finish what a crash or a dead target left.", "provisioner.cli.runs:resume"),
    "target": _TARGET,
    "audit": _AUDIT,
    "plugins": Entry("List plug-ins, what they can do and the commands they add.", "provisioner.cli.plugins:command"),
    "contract": Entry("Hold a target to what every target must do.", "provisioner.cli.contract:command"),
    "new-plugin": Entry("Write a project for a plug-in of one's own.", "provisioner.cli.new_plugin:command"),
}
