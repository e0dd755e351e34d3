"""A feed aggregator daemon that turns many feeds into one stream of events."""

from importlib.metadata import version

__version__ = version("aggregator")
