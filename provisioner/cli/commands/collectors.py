"""``provisioner audit follow``, ``compare`` and ``collectors``: the audit log at log collectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from provisioner.cli.commands.audit import PLACE, complain, enterprise_number_option, finding_document, head_document
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.cli.signals import stop_between_steps
from provisioner.core.model.text import Text
from provisioner.documents import Document, iso
from provisioner.services.collectors import (
    RSYSLOG_SIZE,
    SETTLE,
    Collector,
    Collectors,
    CollectorState,
    Confirmed,
    Connected,
    Framing,
    Gap,
    Head,
    Lost,
    Progress,
    ReceivedComparison,
    Syslog,
)
from provisioner.services.parts import authority_of

_FILE = click.Path(path_type=Path)

#: How many missing parts people are shown; JSON has all.
_SHOWN = 20


@click.command("follow")
@click.option(
    "--to",
    "address",
    required=True,
    metavar="ADDRESS",
    help="Collector: tls://HOST:PORT, or tcp://HOST:PORT for one on this machine.",
)
@click.option(
    "--framing",
    type=click.Choice([framing.value for framing in Framing]),
    default=Framing.OCTET_COUNTING.value,
    show_default=True,
    help="How the collector separates messages.",
)
@click.option(
    "--ca-file",
    type=_FILE,
    metavar="FILE",
    help="Certificates (PEM) to verify the collector's certificate with. Default: those of the system.",
)
@click.option(
    "--client-certificate",
    type=_FILE,
    metavar="FILE",
    help="Client certificate (PEM) to present if the collector asks for one.",
)
@click.option("--client-key", type=_FILE, metavar="FILE", help="Private key (PEM), if it is not in the same file.")
@click.option("--insecure", is_flag=True, help="Allow tcp:// to another machine, for example through a VPN.")
@click.option(
    "--max-size",
    type=click.IntRange(min=2048),
    default=RSYSLOG_SIZE,
    show_default=True,
    metavar="BYTES",
    help="Longest message that the collector accepts. Longer ones are sent without the event.",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0.1, max=3600),
    default=SETTLE,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the collector to save received entries on its disk.",
)
@enterprise_number_option
@click.option("--once", is_flag=True, help="Send what is in the audit log now, and exit.")
@json_option
@click.pass_obj
def follow(
    session: Session,
    *,
    address: str,
    framing: str,
    ca_file: Path | None,
    client_certificate: Path | None,
    client_key: Path | None,
    insecure: bool,
    max_size: int,
    settle: float,
    enterprise_number: int,
    once: bool,
) -> ExitCode:
    """Send the audit log to a log collector as it grows.

    The command sends each entry as a syslog message until it receives SIGTERM or SIGINT. It remembers the last entry
    that the collector has read. After an interruption, it sends all entries after that one again, so entries can
    arrive more than once, but none is left out. 'audit compare' shows whether the collector has stored all of them.

    Example:

        provisioner audit follow --to tls://siem.example:6514 --ca-file ca.pem
    """
    collector = Collector.at(
        address,
        ca_file=ca_file,
        client_certificate=client_certificate,
        client_key=client_key,
        insecure=insecure,
    )
    syslog = Syslog(framing=Framing(framing), max_size=max_size, enterprise_number=enterprise_number)
    _ = session.configuration  # it says in which language a signal is answered
    message = session.output.text("stopping; wait for the last confirmation, or send the signal again to end at once")
    with stop_between_steps(message) as stop, _collectors(session) as collectors:
        finding = collectors.follow(
            collector,
            viewer=session.actor,
            syslog=syslog,
            stop=stop,
            tell=lambda progress: _tell_progress(session, collector.address, progress),
            once=once,
            settle=settle,
        )
    return complain(session, finding) if finding else ExitCode.DONE


@click.command("compare")
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
@click.option(
    "--after",
    type=PLACE,
    default="0",
    metavar="SEQ[:HASH]",
    help="Compare only entries after this one. With HASH, the entry itself is verified too.",
)
@click.option(
    "--to",
    "address",
    metavar="ADDRESS",
    help="Compare only entries that 'audit follow' sent to this collector and that it acknowledged.",
)
@json_option
@click.pass_obj
def compare(session: Session, *, files: tuple[Path, ...], after: Head, address: str | None) -> ExitCode:
    """Compare the files of a log collector with the audit log.

    FILE contains the syslog messages that the collector received, one per line. Repeated entries are counted once. If
    entries are missing or different, the command lists them and exits with code 4.

    Example:

        provisioner audit compare /var/log/provisioner-audit.log
    """
    with _collectors(session) as collectors:
        found = collectors.compare(files, viewer=session.actor, after=after, collector=address)
    session.output.document(_comparison(session, found))
    _tell_comparison(session, found)
    if found.finding:
        return complain(session, found.finding)
    return ExitCode.DONE if found.is_complete else ExitCode.UNFINISHED


@click.command("collectors")
@click.option("--forget", "address", metavar="ADDRESS", help="Forget this collector.")
@json_option
@click.pass_obj
def collectors_(session: Session, *, address: str | None) -> ExitCode:
    """List log collectors and the last entry that each confirmed.

    After --forget, 'check' no longer reports the collector, and 'audit follow' starts with the first entry again.
    """
    with _collectors(session) as collectors:
        if address:
            collectors.forget(address, viewer=session.actor)
        states = collectors.all(viewer=session.actor)
    session.output.document({"items": [_state(state) for state in states]})
    session.output.table(
        ("collector", "confirmed up to", "time", "behind", "since"), [_row(session, state) for state in states]
    )
    return ExitCode.DONE


@contextmanager
def _collectors(session: Session) -> Iterator[Collectors]:
    with session.store() as store:
        yield Collectors(store=store, authority=authority_of(session.configuration, store), now=store.now)


def _state(state: CollectorState) -> Document:
    return {
        "collector": state.place.collector,
        **head_document(state.place.head),
        "at": iso(state.place.at),
        "behind": state.behind,
        "since": iso(state.since),
    }


def _row(session: Session, state: CollectorState) -> Sequence[str]:
    place = state.place
    return (
        place.collector,
        str(place.seq),
        session.local_time(place.at),
        str(state.behind),
        session.local_time(state.since),
    )


def _tell_progress(session: Session, collector: str, progress: Progress) -> None:
    """Print what happens: a line for people, or a JSON document in each line."""
    output = session.output
    place = head_document(progress.place)
    more: Document = {}
    match progress:
        case Connected():
            output.say("connected to {collector}; sending entries after {seq}", collector=collector, **place)
        case Confirmed(count=count):
            more = {"count": count}
            output.say(
                Text.counted(
                    "{collector} has read {count} entry, up to {seq}:{hash}",
                    "{collector} has read {count} entries, up to {seq}:{hash}",
                    count=count,
                    collector=collector,
                    **place,
                )
            )
        case Lost(error=error):
            more = {"error": output.said(error.text)}
            output.note(
                "{error}; entries after {seq} are sent again", error=output.said(error.text), seq=progress.place.seq
            )
    if session.json:
        output.json_line({"event": type(progress).__name__.lower(), "collector": collector, **place, **more})


def _comparison(session: Session, found: ReceivedComparison) -> Document:
    return {
        "complete": found.is_complete,
        "after": found.start.seq,
        **head_document(found.end),
        "arrived": found.arrived,
        "repeated": found.repeated,
        "later": found.later,
        "missing": [{"first": gap.first, "last": gap.last} for gap in found.missing],
        "different": list(found.different),
        "damaged": list(found.damaged),
        "finding": finding_document(session, found.finding),
    }


def _tell_comparison(session: Session, found: ReceivedComparison) -> None:
    output = session.output
    for template, gaps in (
        (Text("missing"), found.missing),
        (Text("different"), [Gap(first=seq, last=seq) for seq in found.different]),
        (Text("damaged"), [Gap(first=seq, last=seq) for seq in found.damaged]),
    ):
        for gap in gaps[:_SHOWN]:
            output.say("{problem}: {entries}", problem=output.said(template), entries=_entries(gap))
        if len(gaps) > _SHOWN:
            output.say(
                "{problem}: {count} more; --json has all", problem=output.said(template), count=len(gaps) - _SHOWN
            )
    output.say(
        Text.counted(
            "{count} of {total} entry arrived, and {repeated} copies",
            "{count} of {total} entries arrived, and {repeated} copies",
            count=found.arrived,
            total=found.end.seq - found.start.seq,
            repeated=found.repeated,
        )
    )
    output.say("compared up to {seq}:{hash}", **head_document(found.end))


def _entries(gap: Gap) -> str:
    return str(gap.first) if gap.count == 1 else f"{gap.first}-{gap.last}"
