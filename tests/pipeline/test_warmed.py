"""What reading children share is loaded by reading a feed of ours."""

from __future__ import annotations

from aggregator.entry import language
from aggregator.model import FeedRead
from aggregator.pipeline import warmed


def test_the_sample_is_read_whole_and_loads_the_language_model():
    assert isinstance(warmed.READ, FeedRead)
    assert sum(warmed.READ.outcomes.values()) == 1
    assert warmed.READ.language == "en"
    assert language._identifier.cache_info().currsize == 1
