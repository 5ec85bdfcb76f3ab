"""The target plug-in ``dovecot``: accounts in a Dovecot passwd-file."""
