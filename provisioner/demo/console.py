"""The console over the organisation of the story, for people who want to see it in a browser."""

from __future__ import annotations

import threading

from provisioner.cli.output import Output
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState
from provisioner.demo.stage import PHONES, Stage
from provisioner.demo.story import INITIATOR

#: The officer of the province, who works in the IT department.
OFFICER, UNIT = "460011", "il-mem"

#: Who logs in: somebody who may submit access requests, the supervisor of this person, and the officer.
PEOPLE = ("460013", "460001", OFFICER)


def serve_console(stage: Stage, output: Output, *, port: int) -> None:
    """Serve the console on this machine until SIGINT or SIGTERM, and tell who can log in and how.

    Args:

        stage: What the story has left.

        output: Whom it is told to.

        port: The port; 0 for a free one.
    """
    from provisioner.console.server import serve

    stage.app.delegation.grant(OFFICER, Role.OFFICER, unit=UNIT, actor=INITIATOR.actor)

    def ready(url: str) -> None:
        output.line("")
        output.say("The console serves the accounts of this province at {url} until you press Ctrl+C.", url=url)
        output.say("These people can log in; each command shows the phone with the password:")
        persons = stage.app.planner.people.find_all(PEOPLE)
        for person in map(persons.__getitem__, PEOPLE):
            for account in stage.app.store.accounts.find(holder=person.id, state=AccountState.OPEN):
                output.line(f"  {account.login} ({person.name})")
                output.line(f"    provisioner sms-simulator inbox --database {stage.folder / PHONES} {person.mobile}")

    serve(stage.app, host="127.0.0.1", port=port, demo=True, stop=threading.Event(), ready=ready)
