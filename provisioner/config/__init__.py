"""Reads the configuration file."""
