"""Gives each account of a file a new password in a directory: threads, TLS, and a log-in for each change."""

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

FAMILY, BASE = os.environ["FAMILY"], os.environ["LDAP_BASE"]
#: The private servers have certificates that only they know; the session is encrypted all the same.
TLS = ldap3.Tls(validate=ssl.CERT_NONE)
SERVER = ldap3.Server(
    os.environ["LDAP_HOST"], port=int(os.environ["LDAP_PORT"]), use_ssl=True, tls=TLS, get_info=ldap3.NONE
)
#: What a careful script reads before it changes an entry: whose it is, and how to take the change back.
READ = {
    "openldap": ["objectClass", "structuralObjectClass", "userPassword", "pwdChangedTime", "pwdEndTime"],
    "389ds": ["objectClass", "userPassword", "nsAccountLock", "passwordRetryCount", "pwdUpdateTime"],
    "active-directory": ["objectClass", "userAccountControl", "accountExpires", "lockoutTime", "pwdLastSet"],
}

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


def set_password(service: Any, dn: str, password: str) -> bool:
    """Set a password as this directory wants it."""
    if FAMILY == "openldap":
        request = PasswdModifyRequestValue()
        request["userIdentity"], request["newPasswd"] = dn, password
        return bool(service.extended("1.3.6.1.4.1.4203.1.11.1", request)[0])
    if FAMILY == "389ds":
        return bool(service.modify(dn, {"userPassword": [(ldap3.MODIFY_REPLACE, [password])]})[0])
    # Two requests: after one alone, the former password stays good for an hour.
    quoted = f'"{password}"'.encode("utf-16-le")
    for last_set in ("0", "-1"):
        replaced = {"unicodePwd": quoted, "pwdLastSet": last_set}
        if not service.modify(dn, {name: [(ldap3.MODIFY_REPLACE, [value])] for name, value in replaced.items()})[0]:
            return False
    return True


def rotate(login: str) -> None:
    service, checker = connections()
    rdn = "cn" if FAMILY == "active-directory" else "uid"
    dn, password = f"{rdn}={login},{BASE}", f"aB1-{secrets.token_urlsafe(12)}"
    found = service.search(dn, "(objectClass=*)", ldap3.BASE, attributes=READ[FAMILY])[2]
    if len(found) != 1 or not set_password(service, dn, password):
        sys.exit(f"{login} gets no new password")
    checker.user, checker.password, checker.authentication = dn, password, ldap3.SIMPLE
    if not checker.bind(read_server_info=False)[0]:
        sys.exit(f"{login} does not log in")


if __name__ == "__main__":
    with ThreadPoolExecutor(int(sys.argv[2])) as pool:
        list(pool.map(rotate, Path(sys.argv[1]).read_text().split()))
