#!/usr/bin/env bash
# Kannel 1.4.5 (Debian kannel 1.4.5-12): a report on an expired message has a type that the user's guide doesn't list.
#
# Setting: messages are sent with dlr-mask=31 and a dlr-url that ends with %d, the type of the report. An operator that
# speaks SMPP 3.4 accepts each one, and reports its state.
#
# Expected: a type of the user's guide (chapter 10, table 7-17): 1, 2, 4, 8 or 16. For EXPIRED, 2: delivery failure.
# Seen: for EXPIRED, 34, which is 2 + 32, if the receipt has the parameter message_state, although the mask lacks 32.
#   If the state is only in the text of the receipt, it is 2. For all other states both ways give the same type. So the
#   type depends on how an operator writes its receipts, and a receiver that compares it with the documented values
#   loses the reports on expired messages. One that tests the bit, as type & 2, does not.
#
# Output seen:
#   message_state=2: type 1; only stat:DELIVRD: type 1
#   message_state=3: type 34; only stat:EXPIRED: type 2
#   message_state=4: type 2; only stat:DELETED: type 2
#   message_state=5: type 2; only stat:UNDELIV: type 2
#   message_state=6: type 4; only stat:ACCEPTD: type 4
#   message_state=7: type 2; only stat:UNKNOWN: type 2
#   message_state=8: type 2; only stat:REJECTD: type 2
#
# Needs: Debian 12, apt-get, dpkg, Python 3.11 or newer with venv. Installs nothing; all is in a temporary folder.
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
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'smpp34==1.5.0' 2>/dev/null
ports=$(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
print(*(one.getsockname()[1] for one in sockets))')
read -r admin boxes sendsms operator reports <<<"$ports"
cat >kannel.conf <<CONFIG
group = core
admin-port = $admin
admin-interface = 127.0.0.1
admin-password = admin
smsbox-port = $boxes
smsbox-interface = 127.0.0.1
log-level = 2
log-file = $work/bearerbox.log

group = smsc
smsc = smpp
smsc-id = operator
host = 127.0.0.1
port = $operator
transceiver-mode = true
smsc-username = kannel
smsc-password = operator
system-type = ""
reconnect-delay = 1

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

LD_LIBRARY_PATH=$libraries root/usr/sbin/bearerbox -v 4 kannel.conf >log 2>&1 &
for _ in {1..100}; do (: <"/dev/tcp/127.0.0.1/$boxes") 2>/dev/null && break || sleep 0.1; done
LD_LIBRARY_PATH=$libraries root/usr/sbin/smsbox -v 4 kannel.conf >>log 2>&1 &

cat >measure.py <<'PYTHON'
import asyncio
import http.server
import queue
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import smpp34

SENDSMS, OPERATOR, REPORTS = map(int, sys.argv[1:])
#: The states of a message (SMPP 3.4, 5.2.28), and how the text of a receipt names them.
STATES = {2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD"}
#: The types of the reports, from message_state and from the text only.
SEEN = {2: (1, 1), 3: (34, 2), 4: (2, 2), 5: (2, 2), 6: (4, 4), 7: (2, 2), 8: (2, 2)}
NUMBER, SENDER = "+905320000000", "KURUM"
IS_RECEIPT = 0x04
ACCEPTED_BY_OPERATOR = 8
PATIENCE = 20

types = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    """The receiver of Kannel's reports."""

    def do_GET(self):
        types.put(int(self.path.removeprefix("/")))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def send_message():
    """Send a message as soon as Kannel takes it."""
    message = {"to": NUMBER, "from": SENDER, "text": "hello"}
    reports = {"dlr-mask": 31, "dlr-url": f"http://127.0.0.1:{REPORTS}/%d"}
    query = urllib.parse.urlencode({"username": "user", "password": "password"} | message | reports)
    url = f"http://127.0.0.1:{SENDSMS}/cgi-bin/sendsms?{query}"
    for _ in range(100):
        try:
            return urllib.request.urlopen(url, timeout=PATIENCE).read()
        except urllib.error.URLError:
            time.sleep(0.2)
    sys.exit("Kannel did not start")


async def next_type():
    """Return the type of the next report."""
    return await asyncio.to_thread(types.get, timeout=PATIENCE)


async def next_event(server, kind):
    """Return the next event of a kind at the operator."""
    while not isinstance(event := await asyncio.wait_for(server.next(), PATIENCE), kind):
        pass
    return event


async def type_of(server, link, state, has_parameters):
    """Send a message, report its state, and return the type of Kannel's report."""
    await asyncio.to_thread(send_message)
    identity = f"{state}{int(has_parameters)}"
    (await next_event(server, smpp34.SubmitSmEvent)).accept(identity)
    assert await next_type() == ACCEPTED_BY_OPERATOR
    dates = "submit date:2601010000 done date:2601010001"
    text = f"id:{identity} sub:001 dlvrd:000 {dates} stat:{STATES[state]} err:000 text:"
    parameters = [
        smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, f"{identity}\0".encode()),
        smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, bytes([state])),
    ]
    tlvs = parameters if has_parameters else []
    await link.deliver_sm(SENDER, text.encode(), source_addr=NUMBER, esm_class=IS_RECEIPT, tlvs=tlvs)
    return await next_type()


async def measure():
    """Return the types of the reports on all states."""
    server = smpp34.Server("127.0.0.1", OPERATOR)
    await server.start()
    link = await next_event(server, smpp34.Esme)
    seen = {}
    for state, name in STATES.items():
        seen[state] = in_parameter, in_text = [await type_of(server, link, state, place) for place in (True, False)]
        print(f"message_state={state}: type {in_parameter}; only stat:{name}: type {in_text}", flush=True)
    await server.stop()
    return {state: tuple(found) for state, found in seen.items()}


receiver = http.server.HTTPServer(("127.0.0.1", REPORTS), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
sys.exit(asyncio.run(measure()) != SEEN)
PYTHON
if venv/bin/python measure.py "$sendsms" "$operator" "$reports"; then echo "as described"; else
    echo "the behaviour has changed" >&2
    tail -n 5 log ./*.log >&2
    exit 1
fi
