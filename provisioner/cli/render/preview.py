"""Shows what a dry run found out about attributes."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.cli.session import Session
from provisioner.core.api.messages import AttributeChange
from provisioner.core.engine.preview import Foreseen


def foreseen_document(foreseen: Iterable[Foreseen]) -> list[dict[str, object]]:
    """Return what would be changed, one entry for each attribute."""
    return [
        {
            "login": one.login,
            "target": one.target,
            "attribute": change.name,
            "removes": list(change.removes),
            "adds": list(change.adds),
            "keeps": list(change.keeps),
        }
        for one in foreseen
        for change in one.changes
    ]


def tell_foreseen(session: Session, foreseen: Iterable[Foreseen]) -> None:
    """Say the same to people, and which targets could not tell."""
    for one in foreseen:
        for change in one.changes:
            _tell(session, one.target, change)
        if one.error:
            why = session.output.said(one.error.text)
            session.output.say("  {target} cannot tell what would change: {why}", target=one.target, why=why)


def _tell(session: Session, target: str, change: AttributeChange) -> None:
    text, parts = session.output.text, []
    if change.removes:
        parts.append(text("removes {values}", values=", ".join(change.removes)))
    if change.adds:
        parts.append(text("adds {values}", values=", ".join(change.adds)))
    if change.keeps:
        parts.append(text("keeps {values}", values=", ".join(change.keeps)))
    session.output.line(f"  {target}: {change.name}: {'; '.join(parts)}")
