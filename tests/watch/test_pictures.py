"""Pictures: what is shown was made by us, of what an event names, once for all who look."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from aggregator.children.sandbox import Killed, Sandbox
from aggregator.daemon import assembly
from aggregator.daemon.files import loaded_from
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from aggregator.watch.pictures import AGAIN, Missing, Pictures
from aggregator.watch.reencode import WIDTHS, reencoded
from tests.origin import Answer, Origin

from .sample import NOW, SampleDay

URL = "https://orbit.example/moon.jpg"


def photograph(
    form: str = "JPEG", size: tuple[int, int] = (900, 600), **options: object
) -> bytes:
    written = io.BytesIO()
    mode = "RGBA" if form in ("PNG", "WEBP") else "RGB"
    Image.linear_gradient("L").resize(size).convert(mode).save(written, form, **options)
    return written.getvalue()


class Publisher:
    """Counts what is asked of it; `answer` is what it gives."""

    def __init__(self, answer: bytes | Missing) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def fetch(self, url: str) -> bytes | Missing:
        self.asked.append(url)
        await asyncio.sleep(0)
        return self.answer


async def made(body: bytes) -> Mapping[str, bytes] | None:
    return reencoded(body)


# --- made anew ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_format_becomes_webp_of_our_sizes(form):
    forms = reencoded(photograph(form))
    assert forms is not None
    for name, side in WIDTHS.items():
        with Image.open(io.BytesIO(forms[name])) as picture:
            assert picture.format == "WEBP"
            assert max(picture.size) == min(side, 900)
            assert picture.width / picture.height == pytest.approx(1.5, abs=0.02)


def test_what_the_camera_wrote_beside_the_picture_is_gone():
    exif = Image.Exif()
    exif[0x010F] = "secret camera"
    exif[0x0112] = 6  # lies on its side
    body = photograph(exif=exif)
    assert b"secret camera" in body
    forms = reencoded(body)
    assert forms is not None
    assert b"secret camera" not in forms["page"]
    with Image.open(io.BytesIO(forms["page"])) as picture:
        assert picture.height > picture.width, "it stands upright"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>not found</html>",
        photograph()[:400],
        photograph("PNG")[:-60],
        photograph(size=(40, 40)),
        photograph(size=(1200, 3)),
        photograph("PNG", size=(9000, 9000)),
    ],
    ids=[
        "empty",
        "svg",
        "html",
        "cut jpeg",
        "cut png",
        "icon",
        "line",
        "81 megapixels",
    ],
)
def test_what_is_no_picture_to_show_is_refused(body):
    assert reencoded(body) is None


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF"]
    ),
)
def test_any_bytes_are_a_picture_or_none(body, head):
    assert reencoded(head + body) is None


@pytest.mark.usefixtures("fresh_fork_server")
async def test_a_child_that_goes_over_its_limit_is_killed_not_the_daemon():
    limits = {"wall": timedelta(seconds=20), "cpu": timedelta(seconds=10)}
    async with Sandbox(
        reencoded, processes=1, memory_bytes=150 << 20, **limits
    ) as children:
        answer = await children.run(photograph("PNG", size=(7000, 7000)))
        assert answer is None or isinstance(answer, Killed)
        assert isinstance(await children.run(photograph()), dict), (
            "the next one is made"
        )


# --- kept -----------------------------------------------------------------------------------------------------


async def test_a_picture_is_fetched_once_for_all_and_after_a_restart(tmp_path):
    publisher = Publisher(photograph())
    pictures = Pictures(tmp_path, fetch=publisher.fetch, reencode=made)
    found = await asyncio.gather(
        *(pictures.get(URL, form) for form in ("card", "page", "card", "page"))
    )
    assert all(found)
    assert publisher.asked == [URL]
    again = await Pictures(tmp_path, fetch=publisher.fetch, reencode=made).get(
        URL, "card"
    )
    assert again == found[0]
    assert publisher.asked == [URL]
    assert found[0].tag != found[1].tag


async def test_a_picture_that_failed_is_not_shown_and_not_asked_for_until_later(
    tmp_path,
):
    now = [0.0]
    publisher = Publisher(Missing.FOR_LONG)
    pictures = Pictures(
        tmp_path, fetch=publisher.fetch, reencode=made, clock=lambda: now[0]
    )
    assert pictures.is_shown(URL)
    assert await pictures.get(URL, "card") is None
    assert not pictures.is_shown(URL)
    assert await pictures.get(URL, "card") is None
    assert len(publisher.asked) == 1
    now[0] = AGAIN.total_seconds()
    publisher.answer = photograph()
    assert pictures.is_shown(URL)
    assert await pictures.get(URL, "card") is not None


async def test_a_fault_of_the_moment_is_not_remembered(tmp_path):
    publisher = Publisher(Missing.FOR_NOW)
    pictures = Pictures(tmp_path, fetch=publisher.fetch, reencode=made)
    assert await pictures.get(URL, "card") is None
    assert pictures.is_shown(URL)
    publisher.answer = photograph()
    assert await pictures.get(URL, "card") is not None


@pytest.mark.parametrize(
    "url", ["", "file:///etc/passwd", "data:image/png;base64,x", "javascript:alert(1)"]
)
async def test_only_web_addresses_are_fetched(tmp_path, url):
    publisher = Publisher(photograph())
    pictures = Pictures(tmp_path, fetch=publisher.fetch, reencode=made)
    assert not pictures.is_shown(url)
    assert await pictures.get(url, "card") is None
    assert publisher.asked == []


async def test_the_cache_stays_within_its_bound(tmp_path):
    publisher = Publisher(photograph())
    bound = 6 * sum(len(body) for body in (reencoded(photograph()) or {}).values())
    pictures = Pictures(
        tmp_path, fetch=publisher.fetch, reencode=made, most_bytes=bound
    )
    for number in range(16):
        assert await pictures.get(f"{URL}?{number}", "card") is not None
        total = sum(file.stat().st_size for file in tmp_path.rglob("*.webp"))
        assert total <= bound
    assert await pictures.get(f"{URL}?15", "card") is not None
    assert len(publisher.asked) == 16, "the newest ones are still there"


# --- through the port -----------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def proxied(tmp_path: Path):
    """The port with the real proxy over a publisher on loopback; the guard lets loopback through only where told."""

    class Site:
        day = SampleDay()

        async def opened(self, toml: str) -> str:
            file = tmp_path / "feeds.toml"
            file.write_text(f'[aggregator]\nstate_dir = "{tmp_path / "state"}"\n{toml}')
            metrics = Metrics()
            self.pictures = assembly.pictures(loaded_from(file, {}), metrics)
            proxy = await self.pictures.__aenter__()
            self.server = StatusServer(
                self.day, metrics=metrics, now=lambda: NOW, pictures=proxy
            )
            host, port = await self.server.start("127.0.0.1", 0)
            return f"http://{host}:{port}"

    site = Site()
    yield site
    await site.server.stop()
    await site.pictures.__aexit__(None, None, None)


async def test_the_page_shows_a_picture_through_the_port(proxied):
    async with Origin() as origin, aiohttp.ClientSession() as client:
        origin.script("/moon.jpg", Answer(body=photograph(), content_type="image/jpeg"))
        event = replace(proxied.day.events_held[0], image=origin.url("/moon.jpg"))
        proxied.day.events_held[0] = event
        base = await proxied.opened("[fetch]\nallow_private_networks = true\n")
        page = await (await client.get(base + "/")).text()
        path = f"/pictures/{event.event_id}/card.webp"
        assert f'src="{path}?v=' in page
        assert "/moon.jpg" not in page, "the reader's browser asks nobody else"
        async with client.get(base + path) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "image/webp"
            assert "max-age" in response.headers["Cache-Control"]
            assert (await response.read())[8:12] == b"WEBP"
        async with client.get(
            f"{base}/pictures/{proxied.day.events_held[1].event_id}/card.webp"
        ) as response:
            assert response.status == 404


async def test_a_private_address_is_refused_as_for_feeds(proxied):
    async with Origin() as origin, aiohttp.ClientSession() as client:
        origin.script("/moon.jpg", Answer(body=photograph(), content_type="image/jpeg"))
        event = replace(proxied.day.events_held[0], image=origin.url("/moon.jpg"))
        proxied.day.events_held[0] = event
        base = await proxied.opened("")
        async with client.get(
            f"{base}/pictures/{event.event_id}/card.webp"
        ) as response:
            assert response.status == 404
        assert not origin.seen("/moon.jpg")
        assert "/pictures/" not in await (await client.get(base + "/")).text(), (
            "no hole on the page"
        )
