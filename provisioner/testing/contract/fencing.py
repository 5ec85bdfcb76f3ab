"""What a process does that was suspended for longer than its lease, immediately before it sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioner.core.api.errors import LeaseLostError
from provisioner.core.api.fencing import Lease, fenced
from provisioner.testing.contract.cases import PLAIN, prepared
from provisioner.testing.contract.postbox import BATCH, Postbox
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged


@tagged(Tag.WIRE)
class FenceChecks:
    """Checks that a target calls ``provisioner.require_lease()`` immediately before it sends."""

    @pytest.mark.parametrize("change", PLAIN)
    def test_nothing_is_changed_after_the_lease(self, sandbox: Sandbox, change: str) -> None:
        """A process that was suspended for longer than its lease raises LeaseLostError, and sends nothing more."""
        case = prepared(change, sandbox)

        with stopped(case.account.login):
            sandbox.do(case.request)

        sandbox.expect(case.account, case.before, f"{change} after the lease")

    @pytest.mark.parametrize("change", PLAIN)
    def test_nothing_is_taken_back_after_the_lease(self, sandbox: Sandbox, change: str) -> None:
        """An undo is a change as well: it must not undo what another process has set by then."""
        case = prepared(change, sandbox)
        receipt = sandbox.do(case.request)
        if receipt.undo is None:
            pytest.skip(f"the target does not undo {case.hook}")

        with stopped(case.account.login):
            sandbox.undo(receipt, case.request)

        sandbox.expect(case.account, case.after, f"an undo of {change} after the lease")


@tagged(Tag.WIRE)
class DeliveryFenceChecks:
    """The same for channels."""

    def test_nothing_is_sent_after_the_lease(self, postbox: Postbox) -> None:
        """A process that was suspended for longer than its lease raises LeaseLostError, and sends nothing more."""
        message = postbox.message()

        with stopped(message.account.login):
            postbox.send(message)

        postbox.expect_nothing(message, "delivering after the lease")

    def test_no_notice_is_sent_after_the_lease(self, postbox: Postbox) -> None:
        """A suspended process sends no notice afterwards, because the notice may be outdated."""
        postbox.needs("notice_deliver")
        notice = postbox.notice()

        with stopped(notice.recipient.id):
            postbox.send(notice)

        postbox.expect_nothing(notice, "sending a notice after the lease")

    def test_no_notices_are_sent_together_after_the_lease(self, batches: Postbox) -> None:
        """The same for several notices in one request."""
        notices = [batches.notice() for _ in range(BATCH)]

        with stopped(notices[0].recipient.id):
            batches.channel.notify_all(notices)

        for notice in notices:
            batches.expect_nothing(notice, "sending notices after the lease")


@contextmanager
def stopped(subject: str) -> Iterator[None]:
    """Let the lease run out when the core has compared it and called the plug-in, which then has to notice.

    Args:

        subject: What the lease is on, for the message.
    """
    __tracebackhide__ = True
    left = [1.0]
    with fenced(subject, Lease(left=lambda: left.pop() if left else 0.0)):
        try:
            yield
        except LeaseLostError:
            return
    pytest.fail("it goes on after its lease: call provisioner.require_lease() right before the bytes leave")
