"""Compares what the journal says of accounts with what is really on the targets. Nothing is changed on a target."""
