"""Documents to events: pure functions and the matching index."""
