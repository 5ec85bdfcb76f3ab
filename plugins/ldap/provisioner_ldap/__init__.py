"""The plug-in ``ldap``: accounts in an LDAP directory."""
