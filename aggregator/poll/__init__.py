"""When to ask a feed, asking it, and reading its answer safely."""
