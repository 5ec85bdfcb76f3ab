#!/usr/bin/env bash
# Opens one account for each line of the file $1 with the tools of OpenLDAP.
set -euo pipefail
password=$(mktemp)
trap 'rm -f "$password"' EXIT
while read -r login; do
    head -c 12 /dev/urandom | base64 | tr -d '\n' > "$password"
    ldapadd -H "$LDAP_URL" -x -D "$LDAP_BIND" -y "$LDAP_PASSWORD_FILE" > /dev/null <<LDIF
dn: uid=$login,$LDAP_BASE
objectClass: inetOrgPerson
uid: $login
cn: Unit $login
sn: Unit $login
mail: $login@meb.gov.tr
LDIF
    ldappasswd -H "$LDAP_URL" -x -D "$LDAP_BIND" -y "$LDAP_PASSWORD_FILE" -T "$password" "uid=$login,$LDAP_BASE"
done < "$1"
