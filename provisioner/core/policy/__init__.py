"""Decides what rules require of accounts, and when, and starts it."""
