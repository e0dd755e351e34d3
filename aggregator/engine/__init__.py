"""The Redis server: ours or yours."""
