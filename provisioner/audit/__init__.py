"""What leaves the audit log: anchors on paper, JSON Lines and syslog for incident teams (003 m.9)."""
