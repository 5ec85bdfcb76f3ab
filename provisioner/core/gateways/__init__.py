"""Calls plug-ins, with retries, circuit breakers and traces."""
