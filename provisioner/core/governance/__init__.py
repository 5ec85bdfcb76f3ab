"""Decides who may do what: roles, access requests, clearance, incidents."""
