"""The daemon: APScheduler's jobs around the two stages, shutdown and reload.

`polling` and `eventing` run one stage each; `daemon` puts them together and keeps time; `watching` shows what goes on.
"""
