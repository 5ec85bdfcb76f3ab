"""Requests to the API that are sent again: each takes effect at most once, whatever happens to the process.

Before anything is changed, the key of the request is stored. After the change, the answer is stored. If the process
ends between the two, it is unknown whether the change was made. The request is then not carried out again: the answer
is an error that says so, and the client has to look.

A request that could not be carried out now, and for which nothing was written, is forgotten: its error says that it may
work later. If something was written before the error, it is unknown how far the change came, as after the end of the
process.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

import attrs

from provisioner.core.api.errors import BusyError, InputError, NotReadyError, Problem, ProvisionerError, TargetError
from provisioner.core.model.keyed_requests import KeyedAnswer
from provisioner.core.model.text import Text, marked
from provisioner.services.parts import Clock
from provisioner.store import Store
from provisioner.store.journal.writes import noted_writes

#: For how long a key is known.
KEPT = timedelta(hours=24)

#: Errors after which nothing was changed on a target, whatever was written.
_UNCHANGED = (NotReadyError, TargetError)


class InterruptedRequestError(ProvisionerError):
    """A request with this key was interrupted. It is unknown whether it took effect."""


@attrs.frozen(kw_only=True)
class KeyedRequests:
    """Carries out requests that have a key.

    Args:

        store: The stored data.

        now: The clock.
    """

    store: Store
    now: Clock

    def once(
        self,
        key: str,
        fingerprint: str,
        act: Callable[[], KeyedAnswer],
        refuse: Callable[[Exception], KeyedAnswer],
        *,
        actor: str,
    ) -> KeyedAnswer:
        """Carry a request out, or return the answer to the earlier one with the same key.

        Args:

            actor: In whose name it is sent. Others may use the same key for something else.

            key: Its key.

            fingerprint: The SHA-256 of what is asked for.

            act: Carries it out.

            refuse: Returns the answer for an error.

        Raises:

            InputError: An earlier request with this key asked for something else.

            BusyError: An earlier request with this key has no answer yet.

            InterruptedRequestError: The process that worked on it has ended, or it broke off.

            StoreError: The store failed before the request was begun, or could not store the answer.
        """
        requests = self.store.keyed_requests
        earlier = requests.begin(actor, key, fingerprint, at=self.now(), keep=KEPT)
        if earlier is None:
            try:
                return self._carried_out(actor, key, act, refuse)
            finally:
                requests.end(actor, key)
        if earlier.fingerprint != fingerprint:
            message = Text("another request was sent with this key")
            raise InputError([Problem(field="Idempotency-Key", message=message)])
        if earlier.answer:
            return earlier.answer
        if requests.is_under_way(earlier):
            raise BusyError("the request with this key is being carried out", cure="send it again in a few seconds")
        raise InterruptedRequestError(
            marked("the request with this key was interrupted after {time}, and it is unknown whether it took effect"),
            cure=marked("check whether it took effect; if not, send it with a new key"),
            time=earlier.begun_at,
        )

    def forget_old(self) -> None:
        """Forget the keys that are no longer known, with the answers.

        Raises:

            StoreError: The store failed. They stay.
        """
        self.store.keyed_requests.forget_old(self.now())

    def _carried_out(
        self, actor: str, key: str, act: Callable[[], KeyedAnswer], refuse: Callable[[Exception], KeyedAnswer]
    ) -> KeyedAnswer:
        requests = self.store.keyed_requests
        with noted_writes() as written:
            try:
                answer = act()
            except Exception as error:
                answer = refuse(error)
                if _may_work_later(error, answer):
                    if isinstance(error, _UNCHANGED) or not written.is_set():
                        requests.forget(actor, key)
                    return answer
        requests.answer(actor, key, answer)
        return answer


def _may_work_later(error: Exception, answer: KeyedAnswer) -> bool:
    """Return whether an error doesn't refuse the request itself."""
    return isinstance(error, BusyError) or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
