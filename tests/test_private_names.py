"""Private names of libraries that there is no public way around: each behaves as we rely on it."""

from __future__ import annotations

import inspect
from multiprocessing import forkserver
from pathlib import Path

import aiohttp
import feedparser.mixin
import feedparser.urls
import py3langid.langid

from aggregator.entry import xml_feed


async def test_aiohttp_repeats_requests_by_a_switch_of_its_session():
    async with aiohttp.ClientSession() as session:
        assert session._retry_connection is True
    assert "self._retry_connection" in inspect.getsource(aiohttp.ClientSession._request)


def test_the_fork_server_is_kept_alive_by_one_descriptor():
    alive_fd = vars(forkserver._forkserver)["_forkserver_alive_fd"]
    assert alive_fd is None or alive_fd >= 0
    assert "_forkserver_alive_fd" in inspect.getsource(
        forkserver.ForkServer.ensure_running
    )


def test_the_model_of_py3langid_is_a_file_of_its_package():
    assert (
        Path(py3langid.langid.__file__).parent / py3langid.langid.MODEL_FILE
    ).is_file()


def test_feedparser_joins_base_addresses_by_a_name_of_its_parsers_module():
    joined = feedparser.urls.make_safe_absolute_uri
    kept = xml_feed.mixin.make_safe_absolute_uri
    assert kept is not joined
    for base in ("https://a.example/feed", "", "javascript:x", "https:///b"):
        for address in ("", base, "c?d#e", "//f", "javascript:x"):
            assert kept(base, address) == joined(base, address)
    source = inspect.getsource(feedparser.mixin._FeedParserMixin.unknown_starttag)
    assert "make_safe_absolute_uri(self.baseuri, baseuri)" in source
