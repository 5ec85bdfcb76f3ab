"""The first week of an office, without the command line: open, renew with an access request, hand over.

``python first_week.py CONFIGURATION`` prints what happened to each step. The configuration of this folder needs no
server: the directory and the telephone network are files beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from provisioner import (
    Application,
    Initiator,
    OperationKind,
    Person,
    Role,
    RunSummary,
    Unit,
    application,
    load_configuration,
    prepare_store,
)

ADMINISTRATOR, SUPERVISOR, HOLDER, OFFICER, SUCCESSOR = "9000", "1001", "1002", "1003", "1004"

PERSONS = [
    Person(id=SUPERVISOR, name="Ayşe Işık", unit="il-mem", mobile="+905321234501"),
    Person(id=HOLDER, name="İsmail Çağlar", unit="ar-ge", mobile="+905321234502", supervisor=SUPERVISOR),
    Person(id=OFFICER, name="Gül Öz", unit="il-mem", mobile="+905321234503"),
    Person(id=SUCCESSOR, name="Ömer Şahin", unit="ar-ge", mobile="+905321234504", supervisor=SUPERVISOR),
]
UNITS = [
    Unit(code="il-mem", name="İl Millî Eğitim Müdürlüğü", kind="province", login="kmarasmem", custodian=SUPERVISOR),
    Unit(code="ar-ge", name="AR-GE Birimi", kind="office", parent="il-mem", login="arge46", custodian=HOLDER),
]


def open_accounts(app: Application) -> RunSummary:
    """Open the accounts of two units. Each holder receives the password by SMS."""
    app.persons.save(PERSONS, actor=ADMINISTRATOR)
    app.units.save(UNITS, actor=ADMINISTRATOR)
    initiator = Initiator(actor=ADMINISTRATOR, reason="a new office")
    return app.units.open(["il-mem", "ar-ge"], initiator=initiator).wait()


def renew(app: Application) -> RunSummary:
    """Give an account a new password: its holder asks, the supervisor approves, an officer executes."""
    app.delegation.grant(OFFICER, Role.OFFICER, unit="il-mem", actor=ADMINISTRATOR)
    request = app.access_requests.submit("arge46", OperationKind.ROTATE, actor=HOLDER, reason="forgotten")
    app.access_requests.approve(request.id, actor=SUPERVISOR)
    return app.access_requests.execute(request.id, actor=OFFICER).wait()


def hand_over(app: Application) -> RunSummary:
    """Hand the account over to a successor, who receives a new password."""
    initiator = Initiator(actor=ADMINISTRATOR, reason="a new post")
    plan = app.handovers.plan("arge46", to=SUCCESSOR, outgoing=HOLDER, initiator=initiator)
    return app.runs.start(plan).wait()


def main(file: Path) -> bool:
    """Do all three; return whether everything is done."""
    config = load_configuration(file)
    prepare_store(config)
    with application(config) as app:
        steps = {step.__name__: step(app) for step in (open_accounts, renew, hand_over)}
        [account] = app.accounts.find(["arge46"])
    for name, summary in steps.items():
        print(f"{name}: {', '.join(f'{count} {state}' for state, count in summary.states.items())}")
    print(f"{account.mail} belongs to {account.holder}")
    return all(summary.is_complete for summary in steps.values())


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1])) else 4)
