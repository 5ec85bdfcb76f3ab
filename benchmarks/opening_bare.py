"""Opens one account for each line of a file, as a careful script on ldap3 would: threads, TLS, a log-in each."""

from __future__ import annotations

import os
import secrets
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ldap3
from ldap3.protocol.rfc3062 import PasswdModifyRequestValue

BASE = os.environ["LDAP_BASE"]
TLS = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=os.environ["LDAPTLS_CACERT"])
SERVER = ldap3.Server("localhost", port=int(os.environ["LDAP_PORT"]), use_ssl=True, tls=TLS, get_info=ldap3.NONE)

local = threading.local()


def connections() -> tuple[Any, Any]:
    """Return this thread's connection of the service account, and its connection for log-ins."""
    if not hasattr(local, "service"):
        password = Path(os.environ["LDAP_PASSWORD_FILE"]).read_text()
        options = {"client_strategy": ldap3.SAFE_SYNC, "receive_timeout": 10, "check_names": False}
        local.service = ldap3.Connection(SERVER, os.environ["LDAP_BIND"], password, auto_bind=True, **options)
        local.login = ldap3.Connection(SERVER, **options)
        local.login.open(read_server_info=False)
    return local.service, local.login


def open_account(login: str) -> None:
    service, checker = connections()
    dn, password = f"uid={login},{BASE}", secrets.token_urlsafe(12)
    attributes = {"cn": f"Unit {login}", "sn": f"Unit {login}", "mail": f"{login}@meb.gov.tr"}
    service.add(dn, "inetOrgPerson", attributes)
    request = PasswdModifyRequestValue()
    request["userIdentity"], request["newPasswd"] = dn, password
    service.extended("1.3.6.1.4.1.4203.1.11.1", request)
    checker.user, checker.password, checker.authentication = dn, password, ldap3.SIMPLE
    if not checker.bind(read_server_info=False)[0]:
        sys.exit(f"{login} does not log in")


if __name__ == "__main__":
    with ThreadPoolExecutor(int(sys.argv[2])) as pool:
        list(pool.map(open_account, Path(sys.argv[1]).read_text().split()))
