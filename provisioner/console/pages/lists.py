"""Lists of units: upload, what would change, and how far it has come."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from litestar.params import FromPath
from litestar.response import Response

from provisioner.console.failures import Failure, failure_of
from provisioner.console.lists import AppliedList, UploadedList
from provisioner.console.live import LiveProgress
from provisioner.console.pages.log_in import require_proof
from provisioner.console.paging import Part
from provisioner.console.routing import changes, reads, watches
from provisioner.console.uploads import Upload
from provisioner.console.visit import Visit, Visiting
from provisioner.core.api.errors import InputError, Problem, ProvisionerError, StoppedError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model.text import Text
from provisioner.manifest import Manifest, read_units
from provisioner.services.runs import RunPreview
from provisioner.services.unit_list import ChangeKind, UnitListPlan

#: How many units a list may have that is applied in the console.
MOST_UNITS = 20_000

#: How many changes, problems and troubles a page shows at most.
_MOST = 500

#: What is counted, in this order: how it is called, and the kinds of changes.
_COUNTED = (
    (Text("added, without an account"), {ChangeKind.ADD}),
    (Text("opened"), {ChangeKind.OPEN, ChangeKind.REOPEN, ChangeKind.RESUME}),
    (Text("updated"), {ChangeKind.UPDATE}),
    (Text("moved"), {ChangeKind.MOVE}),
    (Text("handed over"), {ChangeKind.HANDOVER}),
    (Text("closed"), {ChangeKind.CLOSE}),
)

#: What takes an account from somebody, so that the person who wants it gives the password again.
_TAKING = frozenset({ChangeKind.HANDOVER, ChangeKind.CLOSE})


@reads("/lists")
def form(visit: Visiting) -> Response[str]:
    """Ask for a list, and show the lists that the person has applied."""
    return _form(visit)


@changes("/lists")
def upload(visit: Visiting) -> Response[Any]:
    """Take a list that can be read, and show what it would change. Nothing is changed."""
    given = {"reason": visit.text("reason"), **{name: bool(visit.form.get(name)) for name in ("close", "hand_over")}}
    try:
        if visit.upload is None or not visit.upload.content:
            raise InputError([Problem(field="file", message=Text("choose a file"))])
        kept = visit.console.lists.keep(
            visit.upload,
            person=visit.person,
            close_missing=bool(given["close"]),
            hand_over=bool(given["hand_over"]),
            reason=str(given["reason"]),
        )
        try:
            _plan(visit, kept)
        except Exception:
            visit.console.lists.drop(kept.id)
            raise
    except ProvisionerError as error:
        return _form(visit, failure=error, given=given)
    return visit.redirect(f"/lists/{kept.id}")


@reads("/lists/{list_id:str}")
def show(visit: Visiting, list_id: FromPath[str]) -> Response[str]:
    """Show what a list would change, or how far it has come."""
    if applied := visit.console.lists.applied(list_id, person=visit.person):
        return _progress(visit, applied)
    return _shown(visit, _uploaded(visit, list_id))


@changes("/lists/{list_id:str}/apply")
def apply(visit: Visiting, list_id: FromPath[str]) -> Response[Any]:
    """Do what the page showed, behind the page; if something has changed since, show it again."""
    with visit.one_at_a_time:
        if visit.console.lists.applied(list_id, person=visit.person):
            return visit.redirect(f"/lists/{list_id}")
        kept = _uploaded(visit, list_id)
        try:
            plan = _plan(visit, kept)
            plan.require_seen(visit.form.get("digest", ""))
            if _takes(plan):
                require_proof(visit)
            run = visit.app.list_runs.start(plan, _initiator(kept), hand_over=kept.hand_over)
        except ProvisionerError as error:
            return _shown(visit, kept, failure_of(error), changed=isinstance(error, StoppedError))
        _follow(visit, kept.id, run)
    return visit.redirect(f"/lists/{list_id}")


@changes("/lists/{list_id:str}/discard")
def discard(visit: Visiting, list_id: FromPath[str]) -> Response[Any]:
    """Forget a list that is not applied."""
    visit.console.lists.drop(_uploaded(visit, list_id).id)
    visit.tell(Text("the list is discarded; nothing was changed"))
    return visit.redirect("/lists")


@changes("/lists/{list_id:str}/retry")
def retry(visit: Visiting, list_id: FromPath[str]) -> Response[Any]:
    """Try again what did not work."""
    with visit.one_at_a_time:
        applied = visit.console.lists.applied(list_id, person=visit.person)
        if applied is None:
            raise _unknown(list_id)
        if applied.under_way.done():
            try:
                if visit.app.list_runs.progress(applied.run, viewer=visit.person).takes_again:
                    require_proof(visit)
                _follow(visit, list_id, visit.app.list_runs.retry(applied.run, actor=visit.person))
            except ProvisionerError as error:
                return _progress(visit, applied, failure_of(error))
    return visit.redirect(f"/lists/{list_id}")


@watches("lists/{list_id:str}")
def watch(visit: Visiting, list_id: FromPath[str]) -> LiveProgress:
    """Tell how far a list has come. One that isn't kept any more is over."""
    applied = visit.console.lists.applied(list_id, person=visit.person)
    if applied is None or applied.under_way.done():
        return LiveProgress(is_over=True)
    return LiveProgress(html=visit.part("list_now.html", **_how_far(visit, applied)))


def _follow(visit: Visit, list_id: str, run: Any) -> None:
    console = visit.console
    under_way = console.background.wait_for(*run.runs)
    console.lists.follow(AppliedList(id=list_id, person=visit.person, run=run, under_way=under_way))


def _initiator(kept: UploadedList) -> Initiator:
    return Initiator(actor=kept.person, reason=kept.reason)


def _plan(visit: Visit, kept: UploadedList) -> UnitListPlan:
    """Return what a list changes now."""
    return visit.app.unit_list.plan(
        _read(visit, kept.upload),
        close_missing=kept.close_missing,
        hand_over=kept.hand_over,
        initiator=_initiator(kept),
    )


def _read(visit: Visit, upload: Upload) -> Manifest[Any]:
    app = visit.app
    listed = read_units(Path(upload.name or "-"), app.planner.naming, app.store, data=upload.content)
    if len(listed.items) > MOST_UNITS:
        message = Text(
            "it has {count} units, and the console applies at most {most}; divide it into several lists",
            {"count": len(listed.items), "most": MOST_UNITS},
        )
        raise InputError([Problem(file=listed.file, field="file", message=message)])
    return listed


def _uploaded(visit: Visit, list_id: str) -> UploadedList:
    found = visit.console.lists.uploaded(list_id, person=visit.person)
    if found is None:
        raise _unknown(list_id)
    return found


def _unknown(list_id: str) -> InputError:
    message = Text("there is no list {id} of yours, or it is not kept any more; upload it again", {"id": list_id})
    return InputError([Problem(field="id", message=message)])


def _takes(plan: UnitListPlan) -> bool:
    return any(change.kind in _TAKING and change.is_planned for change in plan.changes)


def _form(
    visit: Visit, *, failure: ProvisionerError | None = None, given: dict[str, Any] | None = None
) -> Response[str]:
    said = failure_of(failure) if failure else None
    problems = failure.problems if isinstance(failure, InputError) else ()
    warnings = failure.warnings if isinstance(failure, InputError) else ()
    return visit.page(
        "lists.html",
        status=said.status if said else 200,
        failure=said,
        problems=problems[:_MOST],
        left=max(0, len(problems) - _MOST),
        warnings=warnings[:_MOST],
        given=given or {"reason": "", "close": False, "hand_over": False},
        applied=visit.console.lists.applied_by(visit.person),
    )


def _shown(visit: Visit, kept: UploadedList, failure: Failure | None = None, *, changed: bool = False) -> Response[str]:
    """Show what a list would change now, after what went wrong if something did."""
    plan: UnitListPlan | None = None
    preview: RunPreview | None = None
    try:
        plan = _plan(visit, kept)
        preview = visit.app.unit_list.preview(plan, viewer=visit.person)
    except ProvisionerError as error:
        failure = failure or failure_of(error)
    changes_shown = plan.changes if plan else ()
    counts = Counter(change.kind for change in changes_shown if change.is_planned)
    return visit.page(
        "list.html",
        status=409 if changed else failure.status if failure else 200,
        one=kept,
        failure=failure,
        plan=plan,
        preview=preview,
        counts=[(name, sum(counts[kind] for kind in kinds)) for name, kinds in _COUNTED],
        shown=changes_shown[:_MOST],
        left=max(0, len(changes_shown) - _MOST),
        held_by_others=sum(change.kind is ChangeKind.HANDOVER and not change.is_planned for change in changes_shown),
        refused=Part.of(plan.plan.refused if plan else (), visit.incoming.query, "refused"),
        warnings=plan.listed.warnings[:_MOST] if plan else (),
        takes=plan is not None and _takes(plan),
    )


def _progress(visit: Visit, applied: AppliedList, failure: Failure | None = None) -> Response[str]:
    is_over = applied.under_way.done()
    error = applied.under_way.result() if is_over else None
    is_live = not is_over and "still" not in visit.incoming.query
    html = visit.html(
        "list_progress.html",
        is_live=is_live,
        failure=failure or (failure_of(error) if error else None),
        **_how_far(visit, applied),
    )
    return visit.live_page(html, is_live=is_live, status=failure.status if failure else 200)


def _how_far(visit: Visit, applied: AppliedList) -> dict[str, Any]:
    progress = visit.app.list_runs.progress(applied.run, viewer=visit.person)
    troubles = Part.of(progress.troubles, visit.incoming.query, "part")
    return {"one": applied, "progress": progress, "troubles": troubles, "is_over": applied.under_way.done()}


HANDLERS = (form, upload, show, apply, discard, retry, watch)
