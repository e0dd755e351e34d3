"""Benches: what is measured, learned and compared, beside the tests."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
"""Where the labelled sets and the corpus are."""
