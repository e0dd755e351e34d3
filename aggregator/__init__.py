"""A feed aggregator daemon that turns many feeds into one stream of events."""
