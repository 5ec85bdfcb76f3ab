"""The product's own commands: name, help and place. Nothing is imported before it is used."""

from __future__ import annotations

from provisioner.cli.lazy import Entry, Family

_UNIT = Family(
    "Organisational units and their accounts.",
    {
        "import": Entry("Import units from a CSV, TOML or Excel file.", "provisioner.cli.commands.units:import_"),
        "open": Entry("Open the accounts of units, or reopen them.", "provisioner.cli.commands.units:open_"),
        "close": Entry("Close the accounts of units.", "provisioner.cli.commands.units:close"),
        "list": Entry("List the units as a tree.", "provisioner.cli.commands.units:list_"),
        "show": Entry("Show one unit.", "provisioner.cli.commands.units:show"),
    },
)

_PERSON = Family(
    "Staff, if no personnel system provides them.",
    {
        "import": Entry("Import staff from a CSV, TOML or Excel file.", "provisioner.cli.commands.persons:import_"),
        "show": Entry("Show one member of staff.", "provisioner.cli.commands.persons:show"),
    },
)

_ACCOUNT = Family(
    "Individual accounts.",
    {
        "list": Entry("List accounts.", "provisioner.cli.commands.accounts:list_"),
        "show": Entry("Show one account.", "provisioner.cli.commands.accounts:show"),
        "create": Entry("Open accounts that were never open.", "provisioner.cli.commands.accounts:create"),
        "close": Entry("Close accounts.", "provisioner.cli.commands.accounts:close"),
        "reopen": Entry("Open closed accounts again.", "provisioner.cli.commands.accounts:reopen"),
        "rotate": Entry("Give open accounts new passwords.", "provisioner.cli.commands.accounts:rotate"),
    },
)

_HANDOVER = Family(
    "Hand an account over to another person, and keep the record.",
    {
        "list": Entry("List the records of handovers.", "provisioner.cli.commands.handovers:list_"),
        "show": Entry("Show the record that both sides keep.", "provisioner.cli.commands.handovers:show"),
    },
    default=Entry("Hand an account over to another person.", "provisioner.cli.commands.handovers:hand_over"),
)

_REQUEST = Family(
    "Request forms: submitted, approved by the supervisor, carried out by an officer, archived.",
    {
        "submit": Entry("Request an action on an account.", "provisioner.cli.commands.access_requests:submit"),
        "approve": Entry(
            "Approve a request, as the requester's supervisor.", "provisioner.cli.commands.access_requests:approve"
        ),
        "reject": Entry(
            "Reject a request, as the requester's supervisor.", "provisioner.cli.commands.access_requests:reject"
        ),
        "execute": Entry(
            "Carry out an approved request, as an officer.", "provisioner.cli.commands.access_requests:execute"
        ),
        "confirm-mobile": Entry(
            "Confirm a mobile number that has changed.", "provisioner.cli.commands.access_requests:confirm_mobile"
        ),
        "list": Entry("List requests.", "provisioner.cli.commands.access_requests:list_"),
        "show": Entry("Show one request or its archived copy.", "provisioner.cli.commands.access_requests:show"),
    },
)

_AUTHORITY = Family(
    "Roles: who may do what, in which units.",
    {
        "grant": Entry("Give a person a role.", "provisioner.cli.commands.authority:grant"),
        "revoke": Entry("Take a role away from a person.", "provisioner.cli.commands.authority:revoke"),
        "delegate": Entry("Delegate a role for a period.", "provisioner.cli.commands.authority:delegate"),
        "list": Entry("List who has which role.", "provisioner.cli.commands.authority:list_"),
        "show": Entry("Show what one person may do, and for whom.", "provisioner.cli.commands.authority:show"),
    },
)

_TROUBLE = Family(
    "Reports of trouble with a login, passed up until someone resolves them.",
    {
        "report": Entry("Report that a login does not work.", "provisioner.cli.commands.incidents:report"),
        "escalate": Entry("Pass a report on to the unit above.", "provisioner.cli.commands.incidents:escalate"),
        "resolve": Entry("Close a report, and say what helped.", "provisioner.cli.commands.incidents:resolve"),
        "list": Entry("List reports and the units that handle them.", "provisioner.cli.commands.incidents:list_"),
        "show": Entry("Show one report with all its steps.", "provisioner.cli.commands.incidents:show"),
    },
)

_OPERATION = Family(
    "Operations: what is under way, stuck or failed.",
    {
        "list": Entry("List the operations that have not ended.", "provisioner.cli.commands.operations:list_"),
        "show": Entry("Show one operation with its steps.", "provisioner.cli.commands.operations:show"),
        "retry": Entry("Retry operations now.", "provisioner.cli.commands.operations:retry"),
    },
)

_TARGET = Family(
    "Targets and channels.",
    {
        "list": Entry("List targets and channels and their state.", "provisioner.cli.commands.targets:list_"),
        "maintenance": Entry(
            "Suspend a target or channel during maintenance.", "provisioner.cli.commands.targets:maintenance"
        ),
        "resume": Entry("Use a quarantined target or channel again.", "provisioner.cli.commands.targets:resume"),
    },
)

_POLICY = Family(
    "The rules: what they require, and what they would do.",
    {
        "show": Entry("Show the rule sets.", "provisioner.cli.commands.policy:show"),
        "due": Entry("List what is due.", "provisioner.cli.commands.policy:due"),
        "sweep": Entry("Do what is due: warn, renew, close.", "provisioner.cli.commands.policy:sweep"),
        "simulate": Entry("Show who would be warned, renewed and closed.", "provisioner.cli.commands.policy:simulate"),
        "confirm": Entry("Confirm that a duty was done.", "provisioner.cli.commands.policy:confirm"),
        "staged": Entry("List the runs that wait for a release.", "provisioner.cli.commands.held_runs:staged"),
        "release": Entry("Carry out a run that waits for a release.", "provisioner.cli.commands.held_runs:release"),
        "discard": Entry("End a run that waits for a release.", "provisioner.cli.commands.held_runs:discard"),
    },
)

_AUDIT = Family(
    "The audit trail.",
    {
        "list": Entry("List what happened.", "provisioner.cli.commands.audit:list_"),
        "verify": Entry("Verify that the trail is unchanged.", "provisioner.cli.commands.audit:verify"),
        "anchor": Entry("Print where the trail ends, to keep elsewhere.", "provisioner.cli.commands.audit:anchor"),
        "export": Entry("Export the trail as JSON Lines or syslog.", "provisioner.cli.commands.audit:export"),
    },
)

COMMANDS: dict[str, Entry | Family] = {
    "demo": Entry("Show the whole product on a private example.", "provisioner.demo:command"),
    "init": Entry("Write a configuration that works, and create the store.", "provisioner.cli.commands.init:command"),
    "check": Entry("Check that every component works.", "provisioner.cli.commands.check:command"),
    "unit": _UNIT,
    "person": _PERSON,
    "account": _ACCOUNT,
    "handover": _HANDOVER,
    "request": _REQUEST,
    "authority": _AUTHORITY,
    "trouble": _TROUBLE,
    "clearance": Entry("Say whether a person may leave or start.", "provisioner.cli.commands.clearance:command"),
    "policy": _POLICY,
    "operation": _OPERATION,
    "resume": Entry("Finish interrupted operations.", "provisioner.cli.commands.runs:resume"),
    "target": _TARGET,
    "audit": _AUDIT,
    "plugins": Entry("List plug-ins, their abilities and their commands.", "provisioner.cli.commands.plugins:command"),
    "contract": Entry("Run the conformance tests against a target.", "provisioner.cli.commands.contract:command"),
    "new-plugin": Entry("Create a project for a new plug-in.", "provisioner.cli.commands.new_plugin:command"),
}
