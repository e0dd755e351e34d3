"""Bytes of a feed to documents: pure functions."""
