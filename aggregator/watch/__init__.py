"""For the people who watch the daemon: logs, metrics, pages, digests."""
