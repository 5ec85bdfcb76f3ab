"""Shows what a dry run found out about attributes."""

from __future__ import annotations

from collections.abc import Iterable

from provisioner.cli.session import Session
from provisioner.core.api.messages import CONTAINER, AttributeChange
from provisioner.core.engine.preview import Preview


def preview_document(previews: Iterable[Preview]) -> list[dict[str, object]]:
    """Return what would be changed, one entry for each attribute."""
    return [
        {
            "login": preview.login,
            "target": preview.target,
            "attribute": change.name,
            "removes": list(change.removes),
            "adds": list(change.adds),
            "keeps": list(change.keeps),
        }
        for preview in previews
        for change in preview.changes
    ]


def tell_preview(session: Session, previews: Iterable[Preview]) -> None:
    """Say the same to people, and which targets could not tell."""
    for preview in previews:
        for change in preview.changes:
            _tell(session, preview.target, change)
        if preview.error:
            why = session.output.said(preview.error.text)
            said = session.output.text("{target} cannot show what would change: {why}", target=preview.target, why=why)
            session.output.line(f"  {said}")


def _tell(session: Session, target: str, change: AttributeChange) -> None:
    text, parts = session.output.text, []
    if change.name == CONTAINER:
        moved = text("moved: {old} → {new}", old=", ".join(change.removes) or "-", new=", ".join(change.adds) or "-")
        session.output.line(f"  {target}: → {moved}")
        return
    if change.removes:
        parts.append(text("removes {values}", values=", ".join(change.removes)))
    if change.adds:
        parts.append(text("adds {values}", values=", ".join(change.adds)))
    if change.keeps:
        parts.append(text("keeps {values}", values=", ".join(change.keeps)))
    session.output.line(f"  {target}: {change.name}: {'; '.join(parts)}")
