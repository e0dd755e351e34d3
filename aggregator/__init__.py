"""A feed aggregator daemon that turns many feeds into one stream of events."""

__version__ = "0.1.0"
