"""The mail plug-in: ends sessions and empties caches of Dovecot after an account was changed in the directory."""
