"""What plug-ins import: hooks, the messages they exchange, errors, events and rules."""
