"""The pages in a real browser: headless Chromium by ChromeDriver, axe-core for accessibility."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator.model import Totals
from aggregator.watch.digest import digest
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics

from .sample import (
    NOW,
    REPORTED,
    SampleDay,
    Telling,
    Told,
    event_of_telling,
    messages_of,
)
from .test_page import busy_day

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

pytestmark = pytest.mark.slow

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1200,900",
]
PAGES = (
    "/",
    "/?lang=zh",
    "/feeds",
    "/feeds/quiet-valley",
    "/statistics",
    "/docs",
    "/digest",
    "/digest/2026-03-05",
    "/events/" + event_of_telling(REPORTED[0]).event_id,
    "/nowhere",
)
FRESH: Telling = (
    "zh",
    ("新闻", "晨报", "要闻"),
    (
        Told(0, "chenbao", "刚刚：海底光缆修复完成", "new", 0),
        Told(0, "wanbao", "海底光缆恢复通信", "similar", 0.8),
    ),
)


@dataclass
class Site:
    day: SampleDay
    base: str
    loop: asyncio.AbstractEventLoop

    def publish(self, telling: Telling, index: int) -> None:
        self.loop.call_soon_threadsafe(self.day.publish, messages_of(telling)[index])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The status server in a thread of its own."""
    day, files = SampleDay(), DigestFiles(tmp_path / "digest")
    window = {"window_from_at": NOW - timedelta(hours=18), "window_to_at": NOW}
    files.write(
        digest(
            events=day.events_held,
            totals=Totals(),
            feeds=day.states,
            elapsed={},
            top=20,
            **window,
        )
    )
    server = StatusServer(
        day, metrics=Metrics(), version="1.2", digests=files, now=lambda: NOW
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        host, port = asyncio.run_coroutine_threadsafe(
            server.start("127.0.0.1", 0), loop
        ).result(20)
        yield Site(day, f"http://{host}:{port}", loop)
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


class Browser:
    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def media(
        self,
        *,
        dark: bool = False,
        width: int = 1200,
        height: int = 900,
        mobile: bool = False,
    ) -> None:
        scheme = "dark" if dark else "light"
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": features}
        )
        metrics = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": mobile,
        }
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the last call; the 404 of a page asked for on purpose is none."""
        lines = [entry["message"] for entry in self.driver.get_log("browser")]
        return [line for line in lines if "/nowhere" not in line]

    def until(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.driver, 15, poll_frequency=0.05).until(
            lambda _: condition()
        )

    def titles(self) -> list[str]:
        # By one script: a page that is being replaced leaves no element to ask for its text.
        script = "return [...document.querySelectorAll('#events h2')].map(one => one.innerText)"
        return [str(title) for title in self.driver.execute_script(script)]


@pytest.fixture
def browser(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A fresh Chromium; the parameter `no-javascript` switches scripts off."""
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*CHROMIUM_FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if getattr(request, "param", "") == "no-javascript":
        options.add_experimental_option(
            "prefs", {"profile.managed_default_content_settings.javascript": 2}
        )
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    words = [
        npm,
        "install",
        "--prefix",
        str(folder),
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "axe-core@4",
    ]
    found = subprocess.run(
        words, capture_output=True, text=True, timeout=110, check=False
    )
    if found.returncode:
        pytest.skip(f"axe-core cannot be installed: {found.stderr[-300:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(
        encoding="utf-8"
    )


def test_no_page_has_a_serious_accessibility_fault_or_a_console_error(
    site, browser, axe
):
    for dark, width, mobile in ((False, 1200, False), (True, 390, True)):
        browser.media(dark=dark, width=width, mobile=mobile)
        for path in PAGES:
            browser.driver.get(site.base + path)
            for summary in browser.driver.find_elements(By.TAG_NAME, "summary"):
                if summary.is_displayed():
                    summary.click()
            browser.driver.execute_script(axe)
            found = browser.driver.execute_async_script(
                "const done = arguments[0]; axe.run(document).then(done);"
            )
            faults = [
                (fault["id"], [node["html"] for node in fault["nodes"]][:3])
                for fault in found["violations"]
                if fault["impact"] in ("serious", "critical", "moderate")
            ]
            assert (path, dark, faults) == (path, dark, [])
            assert (path, browser.complaints()) == (path, [])


@pytest.mark.parametrize("width", [320, 390, 768, 1200])
def test_no_page_is_wider_than_the_screen(site, browser, width):
    browser.media(width=width, mobile=width < 700)
    for path in PAGES:
        browser.driver.get(site.base + path)
        wide = browser.driver.execute_script(
            "return document.documentElement.scrollWidth"
        )
        assert wide <= width, path


@pytest.mark.parametrize(
    ("width", "height", "least"), [(1400, 1000, 10), (390, 844, 4), (320, 700, 3)]
)
def test_a_screen_shows_many_headlines_and_the_first_high_up(
    site, browser, width, height, least
):
    site.day.events_held = busy_day(60)
    browser.media(width=width, height=height, mobile=width < 700)
    browser.driver.get(site.base + "/")
    script = "return [...document.querySelectorAll('#events h2')].map(one => one.getBoundingClientRect())"
    boxes = browser.driver.execute_script(script)
    assert boxes[0]["top"] < 250
    assert sum(box["bottom"] <= height for box in boxes) >= least


def test_new_events_wait_behind_a_button_and_a_report_joins_in_place(site, browser):
    browser.driver.get(site.base + "/")
    browser.until(lambda: browser.driver.find_element(By.ID, "live").text == "Live")
    browser.until(lambda: site.day.readers)
    before = browser.titles()
    site.publish(FRESH, 0)
    offer = browser.until(
        lambda: browser.driver.find_elements(By.CSS_SELECTOR, "button.offer")
    )[0]
    assert offer.text == "1 new"
    assert browser.titles() == before, "nothing moves under the reader's eyes"
    offer.click()
    browser.until(lambda: "刚刚：海底光缆修复完成" in browser.titles())
    assert [title for title in browser.titles() if title in before] == before, (
        "the chosen order stays"
    )
    site.publish(FRESH, 1)
    card = messages_of(FRESH)[0].event_id
    browser.until(lambda: "2 sources" in browser.driver.find_element(By.ID, card).text)
    assert len(browser.titles()) == len(before) + 1
    assert browser.complaints() == []


def test_the_filter_is_a_form_that_keeps_what_was_chosen(site, browser):
    browser.driver.get(site.base + "/")
    Select(browser.driver.find_element(By.NAME, "lang")).select_by_value("zh")
    browser.driver.find_element(By.NAME, "words").send_keys("图书馆")
    browser.driver.find_element(By.CSS_SELECTOR, ".filter button").click()
    browser.until(lambda: "lang=zh" in browser.driver.current_url)
    assert browser.titles() == ["老城图书馆延长夜间开放时间至 23:00"]
    assert (
        Select(
            browser.driver.find_element(By.NAME, "lang")
        ).first_selected_option.get_attribute("value")
        == "zh"
    )
    assert (
        browser.driver.find_element(By.NAME, "words").get_attribute("value") == "图书馆"
    )


def test_on_a_phone_the_filter_opens_by_its_summary(site, browser):
    browser.media(width=390, mobile=True)
    browser.driver.get(site.base + "/")
    language = browser.driver.find_element(By.NAME, "lang")
    assert not language.is_displayed()
    browser.driver.find_element(By.CSS_SELECTOR, ".more summary").click()
    Select(language).select_by_value("ja")
    browser.driver.find_element(By.CSS_SELECTOR, ".filter button").click()
    browser.until(lambda: "lang=ja" in browser.driver.current_url)
    assert browser.titles() == ["港町の灯台、百年ぶりに一般公開へ"]
    assert browser.driver.find_element(By.NAME, "lang").is_displayed()


@pytest.mark.parametrize("browser", ["no-javascript"], indirect=True)
def test_everything_works_without_javascript(site, browser):
    browser.driver.get(site.base + "/")
    assert not browser.driver.find_element(By.ID, "live").is_displayed()
    browser.driver.find_element(By.CSS_SELECTOR, "#events summary").click()
    assert browser.driver.find_element(
        By.CSS_SELECTOR, "#events .reports li"
    ).is_displayed()
    browser.driver.find_element(By.CSS_SELECTOR, "#events h2 a").click()
    browser.until(lambda: "/events/e" in browser.driver.current_url)
    assert (
        browser.driver.find_element(By.TAG_NAME, "h1").text == REPORTED[0][2][0].title
    )
    browser.driver.find_element(By.LINK_TEXT, "Feeds").click()
    browser.until(lambda: browser.driver.current_url.endswith("/feeds"))
    browser.driver.find_element(By.LINK_TEXT, "gone 1").click()
    browser.until(
        lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, "tbody tr")) == 1
    )


def test_the_page_is_used_with_the_keyboard_alone(site, browser):
    browser.driver.get(site.base + "/")
    focused = lambda: browser.driver.switch_to.active_element  # noqa: E731
    browser.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert focused().text == "Skip to content"
    focused().send_keys(Keys.ENTER)
    browser.until(lambda: browser.driver.current_url.endswith("#main"))
    seen: list[str] = []
    for _ in range(18):
        focused().send_keys(Keys.TAB)
        held = focused()
        seen.append(held.get_attribute("name") or held.tag_name)
        outline = held.value_of_css_property("outline-style")
        assert outline != "none", f"{seen[-1]} shows no focus"
    assert seen[:8] == [
        "words",
        "lang",
        "category",
        "min_sources",
        "hours",
        "order",
        "button",
        "a",
    ]


def test_chinese_is_set_in_a_chinese_face_and_breaks_by_its_own_rules(site, browser):
    browser.driver.get(site.base + "/?lang=zh")
    title = browser.driver.find_element(By.CSS_SELECTOR, '#events h2 span[lang="zh"]')
    assert "Noto Sans CJK SC" in title.value_of_css_property("font-family")
    assert title.value_of_css_property("line-break") == "strict"
