"""Decides what rules demand of accounts, and when, and starts it."""
