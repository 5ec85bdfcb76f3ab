"""What plug-ins need to talk over a network."""
