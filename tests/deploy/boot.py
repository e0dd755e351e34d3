"""A real boot: the service on a minimal Debian, from install.sh to the last process gone, in one command.

    sudo python3 tests/deploy/boot.py [--work DIR] [--lock FILE] [--keep]

A Debian root file system is made (mmdebstrap), booted with systemd-nspawn without a network, and install.sh is run in
it on a wheel of this checkout and the packages of deploy/requirements.lock, downloaded before on the host by pip's own
configuration. Then: ready, polls a loopback feed, kill -9, a stuck daemon, reload, stop, uninstall. Each line says what
was seen; the exit status is 0 if all held, 1 if not, 77 if this machine cannot do it (no root, no mmdebstrap …).

Only the standard library: it runs where the project is not installed. `--work` keeps the root file system and the
packages for the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv"
CANNOT = 77
FEEDS = """\
[aggregator]
contact = "https://example.org/boot-test"

[http]
listen = "127.0.0.1:9191"

[fetch]
timeout = "3s"
allow_private_networks = true
per_host_interval = "10ms"

[defaults]
min_interval = "1s"
max_interval = "2s"
backlog = "all"

[[feed]]
id = "loopback"
url = "http://127.0.0.1:8080/loopback.xml"
categories = ["News", "Loopback", "Boot"]
"""
SECOND_FEED = """
[[feed]]
id = "second"
url = "http://127.0.0.1:8080/second.xml"
"""
FEED_SERVER = '''\
"""Serves /loopback.xml and /second.xml with as many items as the file /run/items says."""
import http.server, pathlib
WORDS = "harbour lantern orchard meadow granite violin compass saddle thimble anchor ribbon kettle".split()
class Feed(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        name = self.path.strip("/").removesuffix(".xml")
        count = int(pathlib.Path("/run/items").read_text())
        items = "".join(
            f"<item><guid isPermaLink='false'>{name}-{n}</guid><link>http://127.0.0.1:8080/{name}/{n}</link>"
            f"<title>{name} {WORDS[n % 12]} {WORDS[n * 5 % 12]} number {n * 7919}</title>"
            f"<description>The {WORDS[n * 7 % 12]} of {n * 104729} and the {WORDS[n * 11 % 12]} of {n * 1299709}.</description></item>"
            for n in range(count, 0, -1)
        )
        body = f"<?xml version='1.0'?><rss version='2.0'><channel><title>{name}</title>{items}</channel></rss>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Feed).serve_forever()
'''
MARKERS = """\
import re, sys
from pip._vendor.packaging.requirements import Requirement
text = open(sys.argv[1]).read().replace("\\\\\\n", " ")
for line in text.splitlines():
    line = line.split(" #")[0].strip()
    if not line or line.startswith(("#", "-")):
        continue
    requirement, *hashes = re.split(r"\\s+(?=--hash=)", line)
    asked = Requirement(requirement)
    if asked.marker is None or asked.marker.evaluate():
        print(requirement.split(";")[0].strip(), *hashes)
"""


OTHER_VERSIONS = """\
import sys, zipfile
source, folder = sys.argv[1:]
for name, line in (("broken", "raise SystemExit(3)"), ("newer", "NEWER = True")):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(f"{folder}/{name}/" + source.rsplit("/", 1)[1], "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "aggregator/daemon/daemon.py":
                data += f"\\n{line}\\n".encode()
            new.writestr(entry, data)
"""
OWN_SERVER = """\
set -e
mkdir -p /srv/redis
cp /srv/aggregator/deploy/redis/users.acl /srv/redis/users.acl
for who in AGGREGATOR CONSUMER OPERATOR; do
  sed -i "s/HASH_OF_${who}_PASSWORD/$(printf %s "$who-password" | sha256sum | cut -c1-64)/" /srv/redis/users.acl
done
cat > /srv/redis/redis.conf <<END
bind 127.0.0.1
port 6379
dir /srv/redis
aclfile /srv/redis/users.acl
include /srv/aggregator/deploy/redis/aggregator.conf
END
server=$(find /opt/aggregator/current/lib -name valkey-server | head -1)
systemd-run -q --unit=own-redis "$server" /srv/redis/redis.conf
"""
REFERENCE = {
    "man/man1/aggregator.1": ".TH AGGREGATOR",
    "aggregator/feeds.schema.json": "json-schema.org",
    "bash-completion/completions/aggregator": "_AGGREGATOR_COMPLETE",
    "zsh/site-functions/_aggregator": "_AGGREGATOR_COMPLETE",
    "fish/vendor_completions.d/aggregator.fish": "_AGGREGATOR_COMPLETE",
}
INSTALL = "/srv/aggregator/deploy/install.sh --source {} --find-links /srv/wheels 2>&1"
WHEEL = "/srv/wheels/feeds_to_events-*.whl"


class Failed(Exception):
    """Something did not hold; the text says what."""


class Cannot(Exception):
    """This machine cannot boot a container; the text says why."""


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())}  {text}", flush=True)


def run(
    *words: str | Path,
    check: bool = True,
    stdin: str | None = None,
    seconds: float = 600,
) -> subprocess.CompletedProcess[str]:
    found = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        input=stdin,
        timeout=seconds,
        check=False,
    )
    if check and found.returncode:
        raise Failed(
            f"{shlex.join(map(str, words))} ended with {found.returncode}:\n{found.stdout[-2000:]}{found.stderr[-4000:]}"
        )
    return found


def until(what: str, condition: Callable[[], object], *, seconds: float) -> float:
    """Waits until the condition holds; answers with the seconds it took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise Failed(f"{what}: not within {seconds:g} s")
        time.sleep(0.1)
    return time.monotonic() - start


# --- before the boot ------------------------------------------------------------------------------------------


def require_machine() -> None:
    if os.geteuid() != 0:
        raise Cannot("must run as root")
    for program in ("mmdebstrap", "systemd-nspawn", "nsenter"):
        if shutil.which(program) is None:
            raise Cannot(
                f"{program} is missing: apt install mmdebstrap systemd-container"
            )


def make_root(work: Path, suite: str) -> Path:
    tar, root = work / f"{suite}.tar", work / "root"
    if not tar.exists():
        say(f"making a root file system: {suite} with {PACKAGES}")
        made = run(
            "mmdebstrap",
            "--variant=minbase",
            f"--include={PACKAGES}",
            suite,
            tar,
            check=False,
            seconds=1200,
        )
        if made.returncode:
            tar.unlink(missing_ok=True)
            raise Cannot(f"mmdebstrap failed: {made.stderr[-600:]}")
    if root.exists():
        shutil.rmtree(root)
    root.mkdir()
    run("tar", "-xpf", tar, "-C", root, "--numeric-owner")
    return root


def gather_packages(work: Path, root: Path, lock: Path) -> Path:
    """A wheel of the checkout and every locked package, as the container's Python needs them."""
    wheels = work / "wheels"
    wheels.mkdir(exist_ok=True)
    for old in wheels.glob("feeds_to_events-*.whl"):
        old.unlink()
    say("building the wheel of the checkout")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, CHECKOUT)
    shutil.copy(lock, root / "root" / "requirements.lock")
    (root / "root" / "markers.py").write_text(MARKERS)
    run("chroot", root, "python3", "-m", "venv", "/root/asked")
    wanted = run(
        "chroot",
        root,
        "/root/asked/bin/python",
        "/root/markers.py",
        "/root/requirements.lock",
    ).stdout
    shutil.rmtree(root / "root" / "asked")
    version = run(
        "chroot",
        root,
        "python3",
        "-c",
        "import sys; print('%d.%d' % sys.version_info[:2])",
    ).stdout.strip()
    asked = work / "wanted.txt"
    asked.write_text(wanted)
    say(f"downloading {len(wanted.splitlines())} locked packages for Python {version}")
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", version,
        "--require-hashes", "-r", asked, "-d", wheels)  # fmt: skip
    return wheels


def fill_root(root: Path, wheels: Path, lock: Path) -> None:
    place = root / "srv" / "aggregator"
    shutil.copytree(CHECKOUT / "deploy", place / "deploy")
    shutil.copy(lock, place / "deploy" / "requirements.lock")
    shutil.copy(CHECKOUT / "feeds.toml", place / "feeds.toml")
    shutil.copytree(wheels, root / "srv" / "wheels")
    (root / "srv" / "feed_server.py").write_text(FEED_SERVER)
    (root / "etc" / "aggregator").mkdir()
    (root / "etc" / "aggregator" / "feeds.toml").write_text(FEEDS)
    # No getty on the pipe, no first-boot questions.
    (root / "etc" / "machine-id").write_text("")
    run(
        "chroot",
        root,
        "systemctl",
        "mask",
        "--quiet",
        "console-getty.service",
        "systemd-networkd-wait-online.service",
    )


# --- the container --------------------------------------------------------------------------------------------


class Container:
    """A booted root file system; commands run inside it as root."""

    def __init__(self, leader: int) -> None:
        self._leader = str(leader)

    def run(
        self,
        *words: str,
        check: bool = True,
        seconds: float = 300,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        inside = ("nsenter", "-t", self._leader, "-m", "-p", "-u", "-i", "-n", "-C", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8")  # fmt: skip
        return run(*inside, *words, check=check, seconds=seconds, stdin=stdin)

    def sh(self, script: str, *, check: bool = True, seconds: float = 300) -> str:
        found = self.run("sh", "-c", script, check=check, seconds=seconds)
        return found.stdout.strip()

    def show(self, name: str, unit: str = "aggregator.service") -> str:
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()


@contextlib.contextmanager
def booted(root: Path) -> Iterator[Container]:
    command = ["systemd-nspawn", "-q", "-D", str(root), "--volatile=overlay", "--boot", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]  # fmt: skip
    with tempfile.TemporaryFile() as console:
        nspawn = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT
        )
        try:
            container = Container(_leader(nspawn, console))
            states = ("running", "degraded")
            until(
                "the boot",
                lambda: (
                    container.run(
                        "systemctl", "is-system-running", check=False
                    ).stdout.strip()
                    in states
                ),
                seconds=120,
            )
            yield container
        finally:
            nspawn.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                nspawn.wait(30)
            nspawn.kill()
            nspawn.wait()


def _leader(nspawn: subprocess.Popen[bytes], console: IO[bytes]) -> int:
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if nspawn.poll() is not None:
            console.seek(0)
            raise Cannot(
                f"systemd-nspawn ended: {console.read()[-600:].decode(errors='replace')}"
            )
        for child in children.read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                    return int(child)
        time.sleep(0.1)
    raise Cannot("systemd does not start in the container")


# --- what must hold -------------------------------------------------------------------------------------------


class Boot:
    """The steps, in order; each raises Failed."""

    def __init__(self, container: Container) -> None:
        self._in = container
        self._items = 0

    def all(self) -> None:
        for step in (self.install, self.readable, self.reference, self.poll, self.journal, self.kill, self.stuck, self.reload, self.notify_reload, self.again, self.closed_configuration, self.cut_off, self.stop, self.restart, self.upgrade, self.workers, self.remove):  # fmt: skip
            step()

    def publish(self, count: int) -> None:
        """The feed now holds so many items more."""
        self._items += count
        self._in.sh(
            f"echo {self._items} > /run/items.new && mv /run/items.new /run/items"
        )

    def told(self, feed_id: str = "loopback") -> list[str]:
        """The guids of the reports published of the feed, oldest first, repeats included."""
        lines = self._in.sh(
            "aggregator tail --reports --json --since 1d", check=False
        ).splitlines()
        messages = [json.loads(line) for line in lines if line.startswith("{")]
        return [
            one["guid"]
            for one in messages
            if one["feed_id"] == feed_id and one["kind"] != "entry.edited"
        ]

    def all_told(self) -> bool:
        return set(self.told()) >= {f"loopback-{n}" for n in range(1, self._items + 1)}

    def once_each(self) -> str:
        told = self.told()
        if len(told) != len(set(told)) or len(told) != self._items:
            raise Failed(
                f"{self._items} items were published as {len(told)} reports, {len(set(told))} different ones"
            )
        return f"{len(told)} items, each published once"

    def pid(self) -> int:
        return int(self._in.show("MainPID"))

    def active(self) -> bool:
        return self._in.show("ActiveState") == "active"

    def healthy(self) -> bool:
        answer = self._in.run(
            "python3",
            "-c",
            "import urllib.request as u; u.urlopen('http://127.0.0.1:9191/readyz')",
            check=False,
        )
        return answer.returncode == 0

    def install(self) -> None:
        self._in.sh("systemd-run -q --unit=feeds python3 /srv/feed_server.py")
        self.publish(20)
        start = time.monotonic()
        # What the service unpacks and root compiles must not need a /tmp that runs programs.
        self._in.sh("mount -t tmpfs -o noexec,nosuid,nodev,mode=1777 tmpfs /tmp")
        out = self.installed(WHEEL, umask="077")
        for line in out.splitlines():
            say(f"  install.sh: {line}")
        if not self.active():
            raise Failed("the service is not active after install.sh")
        say(
            f"READY after {time.monotonic() - start:.0f} s of install.sh; status: {self._in.show('StatusText')}"
        )
        until("/readyz", self.healthy, seconds=30)
        self.measured()
        say(
            f"exposure: {self._in.sh('systemd-analyze security aggregator.service | tail -1')}"
        )

    def installed(
        self,
        wheel: str,
        *,
        umask: str = "022",
        wheels: str = "/srv/wheels",
        check: bool = True,
    ) -> str:
        """What install.sh says of a wheel, run under root's umask."""
        script = INSTALL.format(wheel).replace("/srv/wheels 2", f"{wheels} 2")
        return self._in.sh(f"umask {umask}; {script}", check=check, seconds=900)

    def readable(self) -> None:
        """All that is installed can be read by anybody and written by root alone, and runs for a user without a home."""
        places = "/opt/aggregator /usr/local/bin/aggregator /usr/local/lib/systemd /usr/local/share /etc/aggregator"
        closed = self._in.sh(
            f"find {places} ! -type l '(' ! -perm -o=r -o -type d ! -perm -o=x -o -perm /022 -o ! -user root ')'"
        )
        if closed:
            raise Failed(f"not for everybody to read, or not root's own:\n{closed}")
        nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups env -u HOME"
        for words in ("--version", "check --config /etc/aggregator/feeds.toml"):
            self._in.sh(f"cd /; {nobody} /usr/local/bin/aggregator {words}")
        say("installed under umask 077 with a /tmp of noexec: everybody can read it")

    def cut_off(self) -> None:
        """A package that does not come, or comes damaged, leaves the version in use as it is; the next try succeeds."""
        before = self._in.sh("readlink /opt/aggregator/current")
        pid = self.pid()
        self._in.sh("mkdir -p /srv/newer /srv/broken")
        self._in.run("sh", "-c", f"python3 - {WHEEL} /srv", stdin=OTHER_VERSIONS)
        damages = {
            "missing": "rm /srv/some/structlog-*",
            "damaged": "truncate -s 9000 /srv/some/redis-*",
        }
        for name, damage in damages.items():
            self._in.sh(f"rm -rf /srv/some; cp -r /srv/wheels /srv/some; {damage}")
            wheel = "/srv/newer/feeds_to_events-*.whl"
            out = self.installed(wheel, wheels="/srv/some", check=False)
            now = self._in.sh("readlink /opt/aggregator/current")
            if "could not be installed" not in out or (now, self.pid()) != (
                before,
                pid,
            ):
                raise Failed(f"a {name} package: {before} → {now}\n{out[-3000:]}")
        say("a missing and a damaged package: refused, and the daemon runs on")

    def closed_configuration(self) -> None:
        """feeds.toml that only root can read, as an editor under umask 077 leaves it: said before the service fails."""
        self._in.sh("chmod 600 /etc/aggregator/feeds.toml")
        out = self.installed(WHEEL, check=False)
        self._in.sh("chmod 644 /etc/aggregator/feeds.toml")
        if "cannot be read by the service" not in out:
            raise Failed(f"a feeds.toml of mode 600:\n{out[-3000:]}")
        say("install.sh says that the service cannot read a feeds.toml of mode 600")

    def reference(self) -> None:
        """The man page, completions and schema are there, and those of this program."""
        share = "/usr/local/share"
        for path, word in REFERENCE.items():
            if word not in self._in.sh(f"cat {share}/{path}"):
                raise Failed(f"{share}/{path} says nothing of {word}")
        self._in.sh(
            f"head -1 {share}/zsh/site-functions/_aggregator | grep -q '^#compdef aggregator'"
        )
        say("man page, completions and schema are installed")

    def measured(self) -> None:
        """The hardening leaves the metrics of the process and its children."""
        ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9191/metrics').read().decode())"
        lines = self._in.run("python3", "-c", ask).stdout.splitlines()
        wanted = ("process_resident_memory_bytes ", "aggregator_children_memory_bytes ")
        found = [line for line in lines if line.startswith(wanted)]
        if len(found) != 2 or any(float(line.split()[1]) < 1e6 for line in found):
            raise Failed(f"no memory in /metrics: {found}")
        say(f"metrics: {'; '.join(found)}")

    def poll(self) -> None:
        seconds = until("the first poll", self.all_told, seconds=60)
        say(f"polled the loopback feed within {seconds:.1f} s: {self.once_each()}")
        self.publish(5)
        seconds = until("the next poll", self.all_told, seconds=60)
        say(f"5 new items arrived within {seconds:.1f} s")

    def journal(self) -> None:
        lines = self._in.sh("journalctl -u aggregator -o json --no-pager").splitlines()
        records = [
            record
            for record in map(json.loads, lines)
            if str(record.get("MESSAGE", "")).startswith("{")
        ]
        if not records or any(
            record["PRIORITY"] != "6"
            for record in records
            if '"level":"info"' in record["MESSAGE"]
        ):
            raise Failed("log lines have no priority in the journal")
        say(
            f"{len(records)} JSON lines in the journal, with priorities {sorted({record['PRIORITY'] for record in records})}"
        )

    def kill(self) -> None:
        for round_number in range(1, 4):
            before = self.pid()
            self.publish(10)
            time.sleep(0.4 * round_number)  # another moment of the poll each time
            self._in.sh(f"kill -9 {before}")
            until(
                "the restart after kill -9",
                lambda before=before: self.active() and self.pid() not in (0, before),
                seconds=60,
            )
        until("the items after kill -9", self.all_told, seconds=120)
        say(
            f"3 times kill -9: restarted {self._in.show('NRestarts')} times; {self.once_each()}"
        )

    def stuck(self) -> None:
        self._in.sh(
            "mkdir -p /run/systemd/system/aggregator.service.d; printf '[Service]\\nWatchdogSec=5\\n' > /run/systemd/system/aggregator.service.d/test.conf; systemctl daemon-reload; systemctl restart aggregator"
        )
        before, restarts = self.pid(), int(self._in.show("NRestarts"))
        time.sleep(7)
        if self.pid() != before:
            raise Failed("the watchdog restarted a daemon that was not stuck")
        self._in.sh(f"kill -STOP {before}")
        seconds = until(
            "the watchdog",
            lambda: self.active() and self.pid() not in (0, before),
            seconds=90,
        )
        if int(self._in.show("NRestarts")) <= restarts:
            raise Failed("the restart was not the watchdog's")
        if "Watchdog timeout" not in self._in.sh(
            "journalctl -u aggregator --no-pager -n 200"
        ):
            raise Failed("no watchdog timeout in the journal")
        self.publish(3)
        until("the items after the watchdog", self.all_told, seconds=60)
        say(
            f"stopped by SIGSTOP: restarted by the watchdog (5 s) within {seconds:.0f} s; {self.once_each()}"
        )

    def reload(self) -> None:
        before = self.pid()
        self._in.run("tee", "-a", "/etc/aggregator/feeds.toml", stdin=SECOND_FEED)
        self._in.sh("systemctl reload aggregator")
        until(
            "the second feed",
            lambda: len(self.told("second")) == self._items,
            seconds=60,
        )
        self._in.sh(
            "cp /etc/aggregator/feeds.toml /run/good.toml; echo 'nonsense = [' >> /etc/aggregator/feeds.toml"
        )
        refused = self._in.run("systemctl", "reload", "aggregator", check=False)
        if refused.returncode == 0 or not self.active():
            raise Failed(
                f"a broken feeds.toml: reload ended with {refused.returncode}, active: {self.active()}"
            )
        self._in.sh(
            "cp /run/good.toml /etc/aggregator/feeds.toml; systemctl reload aggregator"
        )
        if self.pid() != before:
            raise Failed("a reload restarted the daemon")
        say(
            "reload: a second feed is polled; a broken file is refused, reload fails, the daemon goes on; mended again"
        )

    def notify_reload(self) -> None:
        """From systemd 253 on: the drop-in, by which systemd itself waits for the daemon's word."""
        if (
            int(
                self._in.sh(
                    "systemctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p'"
                )
            )
            < 253
        ):
            say("notify-reload: this systemd is older than 253")
            return
        place = "/etc/systemd/system/aggregator.service.d/notify-reload.conf"
        self._in.sh(
            f"install -D -m 644 /srv/aggregator/deploy/notify-reload.conf {place}; systemctl daemon-reload; systemctl restart aggregator"
        )
        before = self.pid()
        self._in.run(
            "tee",
            "-a",
            "/etc/aggregator/feeds.toml",
            stdin=SECOND_FEED.replace("second", "third"),
        )
        self._in.sh("systemctl reload aggregator")
        if (
            "third"
            not in self._in.sh(
                "journalctl -u aggregator -o cat -n 50 | grep config_reloaded",
                check=False,
            )
            or self.pid() != before
        ):
            raise Failed(
                "notify-reload: systemctl reload returned before the new configuration was in force"
            )
        self._in.sh(
            "cp /run/good.toml /etc/aggregator/feeds.toml; systemctl reload aggregator; rm -r /etc/systemd/system/aggregator.service.d; systemctl daemon-reload"
        )
        say(
            "notify-reload: systemctl reload returns when the new configuration is in force"
        )

    def again(self) -> None:
        before = self.pid()
        out = self.installed(WHEEL, umask="027")
        if "nothing changed" not in out or self.pid() != before:
            raise Failed(f"install.sh a second time:\n{out}")
        say("install.sh a second time changes nothing, and the daemon runs on")

    def stop(self) -> None:
        start = time.monotonic()
        self._in.sh("systemctl stop aggregator")
        seconds = time.monotonic() - start
        result = self._in.show("Result")
        if seconds >= 10 or result != "success" or self._alive():
            raise Failed(
                f"stop took {seconds:.1f} s, result {result}, left: {self._alive()}"
            )
        say(f"stopped in {seconds:.1f} s, result {result}; no process left")

    def _alive(self) -> str:
        """Processes of the service that still run."""
        script = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -E '^[^ ]*(valkey-server|/opt/aggregator)' ; done"
        return self._in.sh(script, check=False)

    def restart(self) -> None:
        self._in.sh("systemctl start aggregator")
        self.publish(4)
        until("the items after a stop", self.all_told, seconds=60)
        say(f"started again: {self.once_each()}")

    def upgrade(self) -> None:
        """A version that does not become ready is put back; one that does takes over, and everything goes on."""
        before = self._in.sh("readlink /opt/aggregator/current")
        out = self.installed("/srv/broken/feeds_to_events-*.whl", check=False)
        now = self._in.sh("readlink /opt/aggregator/current")
        if "the old one runs again" not in out or now != before or not self.active():
            raise Failed(
                f"a version that does not start: {before} → {now}, active: {self.active()}\n{out[-3000:]}"
            )
        self.installed("/srv/newer/feeds_to_events-*.whl", umask="0")
        now = self._in.sh("readlink /opt/aggregator/current")
        kept = self._in.sh("ls /opt/aggregator/releases").split()
        if now == before or not self.active() or len(kept) != 2:
            raise Failed(
                f"an upgrade: {before} → {now}, active: {self.active()}, releases {kept}"
            )
        self.publish(4)
        until("the items after an upgrade", self.all_told, seconds=120)
        say(
            f"a version that does not start is put back by itself; a good one takes over; {self.once_each()}"
        )

    def workers(self) -> None:
        """Two poll and two event workers on a Redis server of one's own, with the sample settings and users."""
        self._in.sh("systemctl disable -q --now aggregator")
        self._in.run("sh", stdin=OWN_SERVER)
        feeds = FEEDS.replace(
            "[aggregator]",
            '[aggregator]\nredis_url = "redis://aggregator:AGGREGATOR-password@127.0.0.1:6379/0"',
        )
        feeds = feeds.replace('[http]\nlisten = "127.0.0.1:9191"\n', "")
        self._in.run("tee", "/etc/aggregator/feeds.toml", stdin=feeds)
        units = [
            f"aggregator-{role}@{number}.service"
            for role in ("poll", "event")
            for number in (1, 2)
        ]
        self._in.run("systemctl", "start", *units)
        until("the first items by workers", self.all_told, seconds=120)
        for unit in units:
            before = self._in.show("MainPID", unit)
            self.publish(5)
            self._in.sh(f"kill -9 {before}")
            until(
                f"the restart of {unit}",
                lambda unit=unit, before=before: (
                    self._in.show("MainPID", unit) not in ("0", before)
                ),
                seconds=60,
            )
        until("the items by workers", self.all_told, seconds=180)
        say(
            f"two poll and two event workers on a server of one's own, each killed once: {self.once_each()}"
        )
        self._in.run("systemctl", "stop", *units, "own-redis.service")

    def remove(self) -> None:
        self._in.sh("/srv/aggregator/deploy/install.sh --uninstall --purge")
        paths = "/opt/aggregator /usr/local/bin/aggregator /etc/aggregator /var/lib/aggregator /var/lib/private/aggregator /var/log/aggregator /var/log/private/aggregator"
        left = self._in.sh(
            f"ls -d {paths} 2>/dev/null; find /etc/systemd /usr/local/lib/systemd /usr/local/share -name '*aggregator*'",
            check=False,
        )
        if left or self._alive():
            raise Failed(f"left after uninstall --purge: {left} {self._alive()}")
        say("uninstall --purge: no file, unit or process is left")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work",
        type=Path,
        help="where to keep the root file system and packages (default: removed after)",
    )
    parser.add_argument(
        "--suite",
        default="bookworm",
        help="the Debian release to boot (bookworm, trixie)",
    )
    parser.add_argument(
        "--lock", type=Path, default=CHECKOUT / "deploy" / "requirements.lock"
    )
    parser.add_argument(
        "--journal", type=Path, help="write the service's journal here at the end"
    )
    asked = parser.parse_args()
    try:
        require_machine()
        if not asked.lock.exists():
            raise Cannot(f"{asked.lock} is missing")
        with contextlib.ExitStack() as stack:
            work = asked.work or Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="aggregator-boot-")
                )
            )
            work.mkdir(parents=True, exist_ok=True)
            root = make_root(work, asked.suite)
            fill_root(root, gather_packages(work, root, asked.lock), asked.lock)
            container = stack.enter_context(booted(root))
            say("booted")
            try:
                Boot(container).all()
            finally:
                journal = container.run(
                    "journalctl", "--no-pager", "-o", "short-precise", check=False
                ).stdout
                if asked.journal:
                    asked.journal.write_text(journal)
    except Cannot as reason:
        say(f"cannot boot here: {reason}")
        return CANNOT
    except Failed as reason:
        say(f"FAILED: {reason}")
        return 1
    say("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
