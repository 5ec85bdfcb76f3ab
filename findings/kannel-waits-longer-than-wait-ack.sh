#!/usr/bin/env bash
# Kannel 1.4.5 (Debian kannel 1.4.5-12): a message without an answer waits more than twice as long as wait-ack says.
#
# Setting: an operator that speaks SMPP 3.4 answers each enquire_link, but not the first submit_sm of a link. Each of 15
# links with the same settings gets one message, a second after the other; sms-resend-freq is 1.
#
# Expected: the user's guide says of wait-ack that a message is sent again if the acknowledgement takes more than this
#   time, and of enquire-link-interval only that it is the time between checks of the link.
# Seen: how long Kannel waits depends on the second in which the message was sent. It looks for messages without an
#   answer only when their link wakes up, an idle one each enquire-link-interval, and only if the last look is more than
#   wait-ack seconds ago. A message that is a little too young at one look waits for the next: wait-ack plus the time
#   between two looks, so more than twice wait-ack. With 8 and 4, which are in the ratio of the defaults 60 and 30,
#   these are 8 + 12 seconds. The defaults would be 60 + 90 (not run). A second more is for sending again.
#
# Output seen, in seconds from one submit_sm to the next:
#   wait-ack=3, enquire-link-interval=12: 5 to 16 (at most 3 + 12)
#   wait-ack=10, enquire-link-interval=1: 12 to 22 (at most 10 + 11)
#   wait-ack=8, enquire-link-interval=4: 10 to 21 (at most 8 + 12)
#
# Needs: Debian 12, apt-get, dpkg, Python 3.11 or newer. Installs nothing; all is in a temporary folder.
set -euo pipefail

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null && wait || true; rm -rf "$work"' EXIT
cd "$work"
apt-get --quiet --quiet download kannel=1.4.5-12 libct4=1.3.17+ds-2 libhiredis0.14=0.14.1-3 \
    libmariadb3=1:10.11.18-0+deb12u1 libpcre3=2:8.39-15 libpq5=15.18-0+deb12u1 libxml2=2.9.14+dfsg-1.3~deb12u6 \
    libicu72=72.1-3+deb12u1 libldap-2.5-0=2.5.13+dfsg-5 libsasl2-2=2.1.28+dfsg-10 libgssapi-krb5-2=1.20.1-2+deb12u5 \
    libkrb5-3=1.20.1-2+deb12u5 libk5crypto3=1.20.1-2+deb12u5 libkrb5support0=1.20.1-2+deb12u5 libkeyutils1=1.6.3-2 \
    2>/dev/null
for package in ./*.deb; do dpkg --extract "$package" root; done
libraries=$(find "$work/root" -name '*.so.*' -printf '%h:')
ports=$(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(one.getsockname()[1] for one in sockets))')
read -r admin boxes sendsms operator <<<"$ports"
cat >kannel.conf <<CONFIG
group = core
admin-port = $admin
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = $boxes
smsbox-interface = 127.0.0.1
sms-resend-freq = 1
log-level = 2
log-file = $work/bearerbox.log

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = $boxes
sendsms-port = $sendsms
sendsms-interface = 127.0.0.1
log-level = 2
log-file = $work/smsbox.log

group = sendsms-user
username = user
password = password
CONFIG
# One link for each message: a message wakes its link.
settings=(3,12 10,1 8,4)
for setting in "${settings[@]}"; do
    for second in {0..14}; do
        cat >>kannel.conf <<CONFIG

group = smsc
smsc = smpp
smsc-id = $setting,$second
allowed-smsc-id = $setting,$second
host = 127.0.0.1
port = $operator
transceiver-mode = true
smsc-username = $setting,$second
smsc-password = operator
system-type = ""
reconnect-delay = 1
wait-ack = ${setting%,*}
enquire-link-interval = ${setting#*,}
CONFIG
    done
done
LD_LIBRARY_PATH=$libraries root/usr/sbin/bearerbox -v 4 kannel.conf >log 2>&1 &
for _ in {1..100}; do (: <"/dev/tcp/127.0.0.1/$boxes") 2>/dev/null && break || sleep 0.1; done
LD_LIBRARY_PATH=$libraries root/usr/sbin/smsbox -v 4 kannel.conf >>log 2>&1 &

cat >measure.py <<'PYTHON'
import collections
import socket
import socketserver
import struct
import sys
import threading
import time
import urllib.parse
import urllib.request

SENDSMS, OPERATOR = map(int, sys.argv[1:3])
SETTINGS = sys.argv[3:]
SECONDS = range(15)
SUBMIT_SM, BIND_TRANSCEIVER, ENQUIRE_LINK, ANSWER = 0x04, 0x09, 0x15, 0x80000000
HEADER = struct.Struct(">IIII")
#: The steps of Kannel's clock, and of the wait before a message is sent again.
TOLERANCE = 3

#: When each link submitted its message.
submitted = collections.defaultdict(list)


class Link(socketserver.BaseRequestHandler):
    """A link to the operator. Everything but its first submit_sm is answered."""

    def handle(self):
        name = ""
        while head := self.request.recv(HEADER.size, socket.MSG_WAITALL):
            length, command, _, sequence = HEADER.unpack(head)
            body = self.request.recv(length - HEADER.size, socket.MSG_WAITALL) if length > HEADER.size else b""
            if command == BIND_TRANSCEIVER:
                name = body.split(b"\0")[0].decode()
                submitted[name].clear()
            if command == SUBMIT_SM:
                submitted[name].append(time.monotonic())
            if command != SUBMIT_SM or len(submitted[name]) > 1:
                self.answer(command, sequence)

    def answer(self, command, sequence):
        body = b"" if command == ENQUIRE_LINK else b"1\0"
        self.request.sendall(HEADER.pack(HEADER.size + len(body), command | ANSWER, 0, sequence) + body)


class Operator(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100


def wait_until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    sys.exit(f"waited in vain: {dict(submitted)}")


def is_open():
    """Return whether Kannel takes messages."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", SENDSMS)) == 0


def send(link):
    """Send a message over a link."""
    message = {"to": "+905320000000", "from": "KURUM", "text": "hello", "smsc": link}
    query = urllib.parse.urlencode({"username": "user", "password": "password"} | message)
    urllib.request.urlopen(f"http://127.0.0.1:{SENDSMS}/cgi-bin/sendsms?{query}", timeout=20).read()


def is_as_described(setting):
    """Show how long the messages of a setting waited, and return whether that is as described."""
    wait_ack, interval = map(int, setting.split(","))
    between_looks = (wait_ack // interval + 1) * interval
    delays = [again - first for first, again in (submitted[f"{setting},{second}"] for second in SECONDS)]
    print(f"wait-ack={wait_ack}, enquire-link-interval={interval}: {min(delays):.0f} to {max(delays):.0f}", end=" ")
    print(f"(at most {wait_ack} + {between_looks})", flush=True)
    return wait_ack < min(delays) and abs(max(delays) - wait_ack - between_looks) < TOLERANCE


operator = Operator(("127.0.0.1", OPERATOR), Link)
threading.Thread(target=operator.serve_forever, daemon=True).start()
wait_until(lambda: len(submitted) == len(SETTINGS) * len(SECONDS) and is_open())
for second in SECONDS:
    for setting in SETTINGS:
        send(f"{setting},{second}")
    time.sleep(1)
wait_until(lambda: all(len(times) == 2 for times in submitted.values()))
sys.exit(not all([is_as_described(setting) for setting in SETTINGS]))
PYTHON
if python3 measure.py "$sendsms" "$operator" "${settings[@]}"; then echo "as described"; else
    echo "the behaviour has changed" >&2
    tail -n 5 log ./*.log >&2
    exit 1
fi
