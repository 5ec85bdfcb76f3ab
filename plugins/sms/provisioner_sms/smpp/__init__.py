"""The gateway ``smpp``: an operator that is reached directly, over SMPP 3.4."""
