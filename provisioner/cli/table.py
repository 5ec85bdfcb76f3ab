"""The product's own commands: name, help and place. Nothing is imported before it is used."""

from __future__ import annotations

from provisioner.cli.lazy import Entry, Family

_UNIT = Family(
    "Organisational units and their accounts.",
    {
        "import": Entry("Import units from a CSV, TOML or Excel file.", "provisioner.cli.units:import_"),
        "open": Entry("Open the accounts of units, or reopen them.", "provisioner.cli.units:open_"),
        "close": Entry("Close the accounts of units.", "provisioner.cli.units:close"),
        "list": Entry("List the units as a tree.", "provisioner.cli.units:list_"),
        "show": Entry("Show one unit.", "provisioner.cli.units:show"),
    },
)

_PERSON = Family(
    "Staff, if no personnel system provides them.",
    {
        "import": Entry("Import staff from a CSV, TOML or Excel file.", "provisioner.cli.persons:import_"),
        "show": Entry("Show one member of staff.", "provisioner.cli.persons:show"),
    },
)

_ACCOUNT = Family(
    "Individual accounts.",
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
    "Hand an account over to another person, and keep the record.",
    {
        "list": Entry("List the records of handovers.", "provisioner.cli.handovers:list_"),
        "show": Entry("Show the record that both sides keep.", "provisioner.cli.handovers:show"),
    },
    default=Entry("Hand an account over to another person.", "provisioner.cli.handovers:hand_over"),
)

_REQUEST = Family(
    "Request forms: submitted, approved by the supervisor, carried out by an officer, archived.",
    {
        "submit": Entry("Request an action on an account.", "provisioner.cli.requests:submit"),
        "approve": Entry("Approve a request, as the requester's supervisor.", "provisioner.cli.requests:approve"),
        "reject": Entry("Reject a request, as the requester's supervisor.", "provisioner.cli.requests:reject"),
        "execute": Entry("Carry out an approved request, as an officer.", "provisioner.cli.requests:execute"),
        "confirm-mobile": Entry("Confirm a mobile number that has changed.", "provisioner.cli.requests:confirm_mobile"),
        "list": Entry("List requests.", "provisioner.cli.requests:list_"),
        "show": Entry("Show one request or its archived copy.", "provisioner.cli.requests:show"),
    },
)

_AUTHORITY = Family(
    "Roles: who may do what, in which units.",
    {
        "grant": Entry("Give a person a role.", "provisioner.cli.authority:grant"),
        "revoke": Entry("Take a role away from a person.", "provisioner.cli.authority:revoke"),
        "delegate": Entry("Delegate a role for a period.", "provisioner.cli.authority:delegate"),
        "list": Entry("List who has which role.", "provisioner.cli.authority:list_"),
        "show": Entry("Show what one person may do, and for whom.", "provisioner.cli.authority:show"),
    },
)

_TROUBLE = Family(
    "Reports of trouble with a login, passed up until someone resolves them.",
    {
        "report": Entry("Report that a login does not work.", "provisioner.cli.troubles:report"),
        "escalate": Entry("Pass a report on to the unit above.", "provisioner.cli.troubles:escalate"),
        "resolve": Entry("Close a report, and say what helped.", "provisioner.cli.troubles:resolve"),
        "list": Entry("List reports and the units that handle them.", "provisioner.cli.troubles:list_"),
        "show": Entry("Show one report with all its steps.", "provisioner.cli.troubles:show"),
    },
)

_OPERATION = Family(
    "Operations: what is under way, stuck or failed.",
    {
        "list": Entry("List the operations that have not ended.", "provisioner.cli.operations:list_"),
        "show": Entry("Show one operation with its steps.", "provisioner.cli.operations:show"),
        "retry": Entry("Retry operations now.", "provisioner.cli.operations:retry"),
    },
)

_TARGET = Family(
    "Targets and channels.",
    {
        "list": Entry("List targets and channels and their state.", "provisioner.cli.targets:list_"),
        "maintenance": Entry("Suspend a target or channel during maintenance.", "provisioner.cli.targets:maintenance"),
        "resume": Entry("Use a quarantined target or channel again.", "provisioner.cli.targets:resume"),
    },
)

_POLICY = Family(
    "The rules: what they require, and what they would do.",
    {
        "show": Entry("Show the rule sets.", "provisioner.cli.policy:show"),
        "due": Entry("List what is due.", "provisioner.cli.policy:due"),
        "sweep": Entry("Do what is due: warn, renew, close.", "provisioner.cli.policy:sweep"),
        "simulate": Entry("Show who would be warned, renewed and closed.", "provisioner.cli.policy:simulate"),
        "confirm": Entry("Confirm that a duty was done.", "provisioner.cli.policy:confirm"),
        "staged": Entry("List the runs that wait for a release.", "provisioner.cli.releases:staged"),
        "release": Entry("Carry out a run that waits for a release.", "provisioner.cli.releases:release"),
        "discard": Entry("End a run that waits for a release.", "provisioner.cli.releases:discard"),
    },
)

_AUDIT = Family(
    "The audit trail.",
    {
        "list": Entry("List what happened.", "provisioner.cli.audit:list_"),
        "verify": Entry("Verify that the trail is unchanged.", "provisioner.cli.audit:verify"),
        "anchor": Entry("Print where the trail ends, to keep elsewhere.", "provisioner.cli.audit:anchor"),
        "export": Entry("Export the trail as JSON Lines or syslog.", "provisioner.cli.audit:export"),
    },
)

COMMANDS: dict[str, Entry | Family] = {
    "demo": Entry("Show the whole product on a private example.", "provisioner.demo:command"),
    "init": Entry("Write a configuration that works, and create the store.", "provisioner.cli.init:command"),
    "check": Entry("Check that every component works.", "provisioner.cli.check:command"),
    "unit": _UNIT,
    "person": _PERSON,
    "account": _ACCOUNT,
    "handover": _HANDOVER,
    "request": _REQUEST,
    "authority": _AUTHORITY,
    "trouble": _TROUBLE,
    "clearance": Entry("Say whether a person may leave or start.", "provisioner.cli.clearance:command"),
    "policy": _POLICY,
    "operation": _OPERATION,
    "resume": Entry("Finish interrupted operations.", "provisioner.cli.runs:resume"),
    "target": _TARGET,
    "audit": _AUDIT,
    "plugins": Entry("List plug-ins, their abilities and their commands.", "provisioner.cli.plugins:command"),
    "contract": Entry("Run the conformance tests against a target.", "provisioner.cli.contract:command"),
    "new-plugin": Entry("Create a project for a new plug-in.", "provisioner.cli.new_plugin:command"),
}
