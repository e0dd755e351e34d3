"""Imported by the fork server of the reading children: reads one small feed.

So what reading loads at its first text (a language model of 120 MB, the public suffix list) is loaded once and shared
by all children. Measured by `python -m tests.bench.reading_start`: the first document of a child costs 20 ms of
processor time instead of 630, and on a busy machine does not run into the reading limit for that; a child in a running
daemon has 14 MB of its own instead of 100.
"""

from __future__ import annotations

from datetime import timedelta

from aggregator.model import EPOCH, DocumentSettings, Feed, IdentityRule
from aggregator.pipeline.reading import ReadRequest, read

_SAMPLE = b"""<rss version='2.0'><channel><title>The harbour gazette</title><link>https://gazette.example/</link><item>
<title>A ship runs aground off the coast</title><link>https://gazette.example/ship</link><guid>1</guid>
<pubDate>Sun, 22 Nov 2026 09:30:00 GMT</pubDate>
<description>&lt;p&gt;The crew of the freighter was taken off by helicopter during the night.&lt;/p&gt;</description>
</item></channel></rss>"""

READ = read(
    ReadRequest(
        feed=Feed("sample", "https://gazette.example/feed"),
        url="https://gazette.example/feed",
        body=_SAMPLE,
        content_type="application/xml",
        known={},
        identity=IdentityRule(),
        documents=DocumentSettings(),
        window=timedelta(days=3),
        now=EPOCH,
        first_poll=False,
    )
)
"""What came of it, for the test."""
