"""Where the configuration and the state lie for a user without a home, such as systemd makes for a service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.daemon import files
from aggregator.errors import ConfigError

HOMELESS = """
import json, os, sys
from pathlib import Path
import aggregator.daemon.files as files
from aggregator.errors import ConfigError
import platformdirs.unix

text = '[[feed]]\\nurl = "https://gazette.example/feed.xml"\\n'
file = Path("/nowhere/feeds.toml")
given = {"STATE_DIRECTORY": "/nowhere/state:/nowhere/more"}
files.begun(file, text, environment=given)  # imports what another user may not read
os.setuid(54321)
for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
    os.environ.pop(name, None)
state = files.begun(file, text, environment=given).state_dir
try:
    files.begun(file, text, environment={})
    refusal = ""
except ConfigError as error:
    refusal = str(error)
places = [str(place) for place in files.places({"CONFIGURATION_DIRECTORY": "/etc/a"})]
print(json.dumps([str(state), refusal, places]))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_user_without_a_home_is_asked_for_a_directory_where_none_is_given() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    state, refusal, places = json.loads(done.stdout)
    assert state == "/nowhere/state"
    assert refusal.endswith(
        "aggregator.state_dir: this user has no home to keep the state in: name a directory"
    )
    assert places == ["feeds.toml", "/etc/a/feeds.toml", "/etc/aggregator/feeds.toml"]


@pytest.mark.parametrize("make", [Path.mkdir, lambda at: at.symlink_to("nowhere")])
def test_what_stands_in_place_of_the_file_is_read_and_refused_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "feeds.toml")
    assert files.found_path(environment={}) == Path("feeds.toml")
    with pytest.raises(ConfigError, match=r"feeds\.toml.*(directory|no such file)"):
        files.loaded(None, environment={})
