"""A simulated phone network: it receives messages over HTTP and stores them for tests."""

from provisioner_sms.simulator.faults import SmsFault
from provisioner_sms.simulator.inbox import Inbox, ReceivedMessage
from provisioner_sms.simulator.simulator import SmsSimulator

__all__ = ["Inbox", "ReceivedMessage", "SmsFault", "SmsSimulator"]
