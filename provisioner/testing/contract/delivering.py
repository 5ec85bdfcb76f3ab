"""How a channel handles messages, including unusual values."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence

import attrs
import pytest

from provisioner.core.api.errors import RefusedError
from provisioner.core.api.messages import CheckChannel, DeliveryState
from provisioner.core.model import Person
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.hostile import SECRETS
from provisioner.testing.contract.lifecycle import expect_declared
from provisioner.testing.contract.postbox import BATCH, TAKEN, Postbox
from provisioner.testing.contract.sandbox import expecting_no_defect
from provisioner.testing.contract.tags import Tag, tagged

#: Ids of messages, by what is special about them.
IDS: Mapping[str, str] = {
    "path": "a/../b",
    "query": "a?b=c&d#e",
    "encoded": "a%2Fb%25",
    "quotes": "a'b\"c",
    "blank": "a b",
    "Turkish": "işlem-1",
}


@tagged(Tag.CORE)
class DeliveryChecks:
    """Checks of each hook of a channel."""

    def test_hooks_are_there_or_left_out_on_purpose(self, postbox: Postbox, cannot: Collection[str]) -> None:
        """Each hook exists or is listed in ``cannot``. The product never reports the work of a missing hook as done."""
        expect_declared(postbox.channel, cannot)

    def test_check_answers(self, postbox: Postbox, patience: float) -> None:
        """``channel_check`` returns in time, before every run. If a password can't be sent, no account is changed."""
        postbox.needs("channel_check")
        began = time.monotonic()

        expecting_no_defect(lambda: postbox.channel.check(CheckChannel()))

        assert time.monotonic() - began < patience, "it took longer than 'patience'"

    def test_check_names_who_cannot_be_reached(self, postbox: Postbox, unreachable_people: Sequence[Person]) -> None:
        """It names exactly the persons who can't be reached, by their IDs."""
        postbox.needs("channel_check")
        recipients = (postbox.recipient(), *unreachable_people)

        report = expecting_no_defect(lambda: postbox.channel.check(CheckChannel(recipients=recipients)))

        expected = {person.id for person in unreachable_people}
        assert set(report.unreachable) == expected, f"it names {sorted(report.unreachable)} and not {sorted(expected)}"
        assert all(map(str, report.unreachable.values())), "it does not say why somebody cannot be reached"

    def test_check_sends_nothing(self, postbox: Postbox) -> None:
        """A check sends no message."""
        postbox.needs("channel_check")
        message = postbox.message()

        expecting_no_defect(lambda: postbox.channel.check(CheckChannel(recipients=(message.recipient,))))

        postbox.expect_nothing(message, "a check")

    def test_a_message_arrives_once_with_its_secret(self, postbox: Postbox) -> None:
        """The channel accepts the message, and it is on the phone once, with the exact password."""
        message = postbox.message()

        postbox.sent(message)

        postbox.expect_arrived(message, "delivering")

    def test_a_message_names_its_account(self, postbox: Postbox) -> None:
        """A person who holds two accounts must know which of them the password is for."""
        postbox.needs_inbox()
        message = postbox.message()

        postbox.sent(message)

        texts = postbox.texts(message, expected=1)
        assert any(message.account.login in text for text in texts), "no message names the account"

    def test_a_message_that_replaces_another_arrives_too(self, postbox: Postbox) -> None:
        """After a message that may be lost, a later one says that the earlier one is void."""
        message = attrs.evolve(postbox.message(), replaces_earlier=True)

        postbox.sent(message)

        postbox.expect_arrived(message, "delivering what replaces another message")

    def test_a_message_reaches_its_recipient_only(self, postbox: Postbox) -> None:
        """A password goes to the registered number of its owner, and to no other (001 ¶5)."""
        message, other = postbox.message(), postbox.message()

        postbox.sent(message)

        postbox.expect_nothing(other, "delivering to somebody else")

    def test_the_same_message_arrives_once(self, postbox: Postbox) -> None:
        """If a gateway supports message IDs, a message that is sent again is delivered once."""
        postbox.needs("delivery_probe")
        message = postbox.message()
        postbox.sent(message)
        if postbox.probe(message.delivery_id) is DeliveryState.UNKNOWN:
            pytest.skip("the gateway cannot be asked about single messages, so it does not know them by their ids")

        postbox.sent(message)

        postbox.expect_arrived(message, "delivering the same message twice")

    def test_who_cannot_be_reached_is_refused(self, postbox: Postbox, unreachable_people: Sequence[Person]) -> None:
        """A message to nobody is rejected. "Accepted" would finish the operation with an undelivered password."""
        for person in unreachable_people:
            message = postbox.message(person)
            assert postbox.is_refused(message), f"a message to {person.mobile!r} is taken"

    def test_probe_of_a_message_does_not_deny_it(self, postbox: Postbox) -> None:
        """An accepted message is accepted or delivered. "Missing" would make the engine send another password."""
        postbox.needs("delivery_probe")
        message = postbox.message()
        postbox.sent(message)

        state = postbox.probe(message.delivery_id)

        assert state in {*TAKEN, DeliveryState.UNKNOWN}, f"a message that was taken is {state}"

    def test_probe_of_what_was_never_sent_finds_nothing(self, postbox: Postbox) -> None:
        """A message that the gateway never received is missing. "Delivered" would leave its owner without a
        password.
        """
        postbox.needs("delivery_probe")

        state = postbox.probe(postbox.message().delivery_id)

        assert state in {DeliveryState.MISSING, DeliveryState.UNKNOWN}, f"a message that was never sent is {state}"

    def test_a_notice_arrives_once_with_its_text(self, postbox: Postbox) -> None:
        """A notice reaches its recipient word for word."""
        postbox.needs("notice_deliver")
        notice = postbox.notice()

        postbox.sent(notice)

        if postbox.inbox is not None:
            texts = postbox.texts(notice, expected=1)
            assert [notice.text in text for text in texts] == [True], "the notice is not on the phone once, as it was"

    def test_a_notice_to_nowhere_is_refused(self, postbox: Postbox, unreachable_people: Sequence[Person]) -> None:
        """A notice to nobody is rejected, so that another person can be notified."""
        postbox.needs("notice_deliver")
        for person in unreachable_people:
            assert postbox.is_refused(postbox.notice(person)), f"a notice to {person.mobile!r} is taken"

    def test_several_notices_arrive_once_each(self, batches: Postbox, unreachable_people: Sequence[Person]) -> None:
        """Several notices in one request reach their recipients word for word, and one to nobody harms no other."""
        nowhere = [batches.notice(person) for person in unreachable_people if not batches.channel.obstacle(person)][:1]
        notices = [batches.notice() for _ in range(BATCH - len(nowhere))]

        receipts = expecting_no_defect(lambda: batches.channel.notify_all([*nowhere, *notices]))

        assert not any(receipts[one.delivery_id].state in TAKEN for one in nowhere), "a notice to nobody is taken"
        for notice in notices:
            receipt = receipts[notice.delivery_id]
            assert receipt.state in TAKEN, f"one of several notices is {receipt.state}: {receipt.detail}"
            if batches.inbox is not None:
                texts = batches.texts(notice, expected=1)
                assert [notice.text in text for text in texts] == [True], "the notice is not on the phone once"


@tagged(Tag.HOSTILE)
class HostileDeliveryChecks:
    """Checks that no value breaks the channel or is changed in transit."""

    @pytest.mark.parametrize("kind", SECRETS)
    def test_hostile_secrets_arrive_as_they_are_or_not_at_all(self, postbox: Postbox, kind: str) -> None:
        """A password that phones can't show is refused. A changed password would not log in."""
        message = postbox.message(secret=Secret(SECRETS[kind]))

        if postbox.is_refused(message):
            postbox.expect_nothing(message, f"refusing a password ({kind})")
        else:
            postbox.expect_arrived(message, f"delivering a hostile password ({kind})")

    @pytest.mark.parametrize("kind", IDS)
    def test_hostile_ids_are_kept_apart(self, postbox: Postbox, kind: str) -> None:
        """Message IDs are part of addresses. The probe finds a message by its own ID, even with special characters."""
        postbox.needs("delivery_probe")
        message = postbox.message()
        message = attrs.evolve(message, delivery_id=f"{message.delivery_id}{IDS[kind]}")
        try:
            postbox.sent(message)
        except RefusedError:
            return

        state = postbox.probe(message.delivery_id)

        assert state in {*TAKEN, DeliveryState.UNKNOWN}, f"a message with a hostile id ({kind}) is {state}"
        postbox.expect_arrived(message, f"delivering with a hostile id ({kind})")
