"""A phone network that is not one: it takes messages over HTTP and keeps them for whoever looks."""

from provisioner_sms.simulator.faults import SmsFault
from provisioner_sms.simulator.inbox import Inbox, ReceivedMessage
from provisioner_sms.simulator.simulator import SmsSimulator

__all__ = ["Inbox", "ReceivedMessage", "SmsFault", "SmsSimulator"]
