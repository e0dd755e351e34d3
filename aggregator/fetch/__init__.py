"""Asking: HTTP, the guard, slots for each host, decoding, WebSub."""
