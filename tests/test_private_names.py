"""Private names of libraries that there is no public way around: each behaves as we rely on it."""

from __future__ import annotations

import inspect
from multiprocessing import forkserver
from pathlib import Path

import aiohttp
import py3langid.langid


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
