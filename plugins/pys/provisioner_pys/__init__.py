"""The PYS plug-in: sets log-ins in the personnel system and asks it who people are (001 ¶5, ¶6)."""
