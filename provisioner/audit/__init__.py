"""Exports of the audit log: anchors, JSON Lines and syslog (003 m.9)."""
