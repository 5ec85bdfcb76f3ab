"""Writes events, and the state that follows from them."""
