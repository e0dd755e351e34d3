"""Child processes with limits, for what strangers wrote."""
