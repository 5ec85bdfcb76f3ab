"""What leaves the trail of events: anchors on paper, JSON Lines and syslog for incident teams (003 m.9)."""
