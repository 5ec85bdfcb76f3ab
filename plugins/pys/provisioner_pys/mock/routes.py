"""Every endpoint of the service, once. What is served, what is documented and what can misbehave are read from here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from provisioner.testing.fault_orders import FaultOrders
from provisioner_pys.mock.documents import (
    AccountData,
    AccountDocument,
    AccountList,
    Change,
    HolderData,
    ListData,
    LoginAnswer,
    LoginData,
    MockStatus,
    OperationData,
    PasswordData,
    PersonDocument,
    UndoData,
    UnitDocument,
    UpdateData,
)
from provisioner_pys.mock.faults import PysFaultOrder
from provisioner_pys.mock.problems import MockProblem
from provisioner_pys.mock.service import MockService


@attrs.frozen(kw_only=True)
class Route:
    """One endpoint."""

    #: What it is called where calls are counted and faults are ordered.
    name: str
    method: str
    #: Its path, with one ``{parameter}`` at most.
    path: str
    summary: str
    #: Does it, given the service, or the faults for a control, and then the path's parameter and the body, if any.
    run: Callable[..., object]
    #: The class of the document it takes.
    body: type | None = None
    #: The type of the document it answers with.
    answer: Any
    #: The codes of the problems of its own; those of every endpoint come on top.
    problems: tuple[str, ...] = ()
    #: Whether it controls the mock, and so is neither counted nor misbehaves.
    control: bool = False
    _pattern: re.Pattern[str] = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_pattern", re.compile(re.sub(r"\{\w+\}", "([^/]+)", self.path)))

    def match(self, path: str) -> tuple[str, ...] | None:
        """Return the parameters in *path*, still percent-encoded, or ``None`` if it is not one of this endpoint's."""
        found = self._pattern.fullmatch(path)
        return found.groups() if found else None


def _order(faults: FaultOrders[PysFaultOrder], fault: PysFaultOrder) -> Mapping[str, object]:
    try:
        faults.order(fault)
    except ValueError as error:
        raise MockProblem("body_invalid", str(error)) from None
    return attrs.asdict(fault, filter=lambda _, value: value is not None)


def _clear(faults: FaultOrders[PysFaultOrder]) -> Mapping[str, int]:
    faults.clear()
    return faults.counts()


_MISSING, _BAD_PASSWORD = "account_missing", "password_refused"

ROUTES = (
    Route(
        name="status",
        method="GET",
        path="/status",
        summary="Tell how the service is. It also shows whether the caller's key is good.",
        run=MockService.status,
        answer=MockStatus,
    ),
    Route(
        name="person.get",
        method="GET",
        path="/persons/{id}",
        summary="Tell who a person is, which unit they work in and which mobile number is registered.",
        run=MockService.person,
        answer=PersonDocument,
        problems=("person_missing",),
    ),
    Route(
        name="unit.get",
        method="GET",
        path="/units/{code}",
        summary="Tell what a unit is called and which unit is above it.",
        run=MockService.unit,
        answer=UnitDocument,
        problems=("unit_missing",),
    ),
    Route(
        name="account.get",
        method="GET",
        path="/accounts/{login}",
        summary="Tell what is known of an account.",
        run=MockService.account,
        answer=AccountDocument,
        problems=(_MISSING,),
    ),
    Route(
        name="account.list",
        method="POST",
        path="/accounts",
        summary="Tell what is known of many accounts, a part at a time.",
        run=MockService.accounts,
        body=ListData,
        answer=AccountList,
    ),
    Route(
        name="account.put",
        method="PUT",
        path="/accounts/{login}",
        summary="Make or update an account, set its password and enable it. It may be repeated.",
        run=MockService.put_account,
        body=AccountData,
        answer=Change,
        problems=(_BAD_PASSWORD,),
    ),
    Route(
        name="account.password",
        method="PUT",
        path="/accounts/{login}/password",
        summary="Set a password and nothing else. A disabled account stays disabled.",
        run=MockService.set_password,
        body=PasswordData,
        answer=Change,
        problems=(_MISSING, _BAD_PASSWORD),
    ),
    Route(
        name="account.holder",
        method="PUT",
        path="/accounts/{login}/holder",
        summary="Set a holder and a password, both or neither. A disabled account stays disabled.",
        run=MockService.set_holder,
        body=HolderData,
        answer=Change,
        problems=(_MISSING, _BAD_PASSWORD),
    ),
    Route(
        name="account.update",
        method="PATCH",
        path="/accounts/{login}",
        summary="Set the unit, and the holder if one is given. The password stays, and so does a disabled account.",
        run=MockService.update,
        body=UpdateData,
        answer=Change,
        problems=(_MISSING,),
    ),
    Route(
        name="account.disable",
        method="POST",
        path="/accounts/{login}/disable",
        summary="Let nobody log in to an account. It is kept.",
        run=MockService.disable,
        body=OperationData,
        answer=Change,
        problems=(_MISSING,),
    ),
    Route(
        name="account.delete",
        method="DELETE",
        path="/accounts/{login}",
        summary="Forget an account and its password, for good. Its holder remains known as a person.",
        run=MockService.delete,
        answer=Change,
        problems=(_MISSING,),
    ),
    Route(
        name="account.undo",
        method="POST",
        path="/accounts/{login}/undo",
        summary="Put an account back to where it was before the change that gave out the token, password included.",
        run=MockService.undo,
        body=UndoData,
        answer=Change,
        problems=("undo_gone",),
    ),
    Route(
        name="login",
        method="POST",
        path="/login",
        summary="Try to log in, as on the log-in page.",
        run=MockService.log_in,
        body=LoginData,
        answer=LoginAnswer,
    ),
    Route(
        name="misbehave",
        method="PUT",
        path="/_misbehave",
        summary="Misbehave from now on. An order for the same endpoint and call replaces the one before.",
        run=_order,
        body=PysFaultOrder,
        answer=PysFaultOrder,
        problems=("body_invalid",),
        control=True,
    ),
    Route(
        name="behave",
        method="DELETE",
        path="/_misbehave",
        summary="Behave from now on, and return the number of calls by endpoint.",
        run=_clear,
        answer=dict[str, int],
        control=True,
    ),
    Route(
        name="counters",
        method="GET",
        path="/_counters",
        summary="Return the number of calls by endpoint.",
        run=FaultOrders.counts,
        answer=dict[str, int],
        control=True,
    ),
)

#: The endpoints that are counted and can misbehave.
ENDPOINTS = tuple(route.name for route in ROUTES if not route.control)
