"""The mail plug-in: ends sessions and empties caches of Dovecot, and sends notices by mail."""
