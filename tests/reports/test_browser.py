"""The page in a real browser: no error on the console, nothing too wide for a phone, clips that play in step."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from reports.report import write_report

pytestmark = pytest.mark.full

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """Chromium through its debugging pipe: JSON messages that end in a zero byte on descriptors 3 (in) and 4 (out)."""

    def __init__(self, program: str) -> None:
        self.profile = tempfile.TemporaryDirectory(prefix="diptych-chromium-", ignore_cleanup_errors=True)
        to_read, self.to = os.pipe()
        self.frm, to_write = os.pipe()
        command = f'exec 3<&{to_read} 4>&{to_write}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, *FLAGS, f"--user-data-dir={self.profile.name}", "about:blank"],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self.buffer = b""
        self.number = 0
        self.session: str | None = None
        self.events: list[dict] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)
        os.close(self.to)
        os.close(self.frm)
        self.profile.cleanup()

    def _receive(self) -> dict:
        while b"\0" not in self.buffer:
            chunk = os.read(self.frm, 1 << 16)
            if not chunk:
                raise RuntimeError("the browser ended")
            self.buffer += chunk
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method: str, **params: object) -> dict:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, page: Path, width: int, *, height: int = 900, theme: str = "light", motion: str = "") -> None:
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.events.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [
            {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": motion}
        ]  # fmt: skip
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.wait("document.readyState === 'complete'")

    def value(self, expression: str) -> object:
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, f"not within {seconds} s: {expression}"
            time.sleep(0.05)

    def errors(self) -> list[str]:
        found = []
        for event in self.events:
            params = event.get("params", {})
            entry = params.get("entry", {})
            if event.get("method") == "Runtime.exceptionThrown" or entry.get("level") in ("error", "warning"):
                found.append(json.dumps(params)[:400])
            if event.get("method") == "Runtime.consoleAPICalled" and params.get("type") in ("error", "warning"):
                found.append(json.dumps(params)[:400])
        return found

    def addresses(self) -> list[str]:
        sent = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [u for u in sent if not u.startswith(("data:", "blob:"))]

    def picture(self, file: Path, *, full: bool = True) -> None:
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=full, format="png")
        file.write_bytes(base64.b64decode(shot["data"]))


@pytest.fixture(scope="module")
def browser():
    program = chromium()
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with Browser(program) as started:
        yield started


@pytest.fixture(scope="module")
def page(run_path, metrics, tmp_path_factory):
    target = tmp_path_factory.mktemp("page") / "report.html"
    write_report([run_path], target, metrics=metrics)
    return target


OVERFLOWING = """
[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, svg') && e.checkVisibility()
  && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.tagName + '.' + e.className)
"""


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(browser, page, width, theme):
    browser.open(page, width, theme=theme)
    browser.value("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(OVERFLOWING) == []


def test_no_error_and_no_request(browser, page):
    browser.open(page, 1280)
    browser.value("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    browser.wait("[...document.querySelectorAll('video')].every(v => v.readyState >= 2 && v.videoWidth > 0)")
    assert browser.errors() == []
    assert browser.addresses() == [page.resolve().as_uri()]


def test_clips_of_a_row_play_in_step_and_arms_can_be_chosen(browser, page):
    browser.open(page, 1280)
    browser.value("document.querySelector('.diptychs').scrollIntoView()")
    browser.wait("document.querySelector('.play').textContent === 'Pause'")
    browser.value("document.querySelector('.play').click()")
    times = "[...document.querySelectorAll('.row')[0].querySelectorAll('.stage video')].map(v => v.currentTime)"
    browser.wait(f"new Set({times}).size === 1 && {times}.length === 4")
    browser.value(
        "(() => { const s = document.querySelector('.pick-right'); s.value = 'diagonal-k4';"
        " s.dispatchEvent(new Event('change')); })()"
    )
    shown = "[...document.querySelector('.row .leaves').querySelectorAll('.panel')].map(p => p.dataset.arm)"
    assert browser.value(shown) == ["sequential", "diagonal-k4"]


def test_the_two_leaves_are_never_the_same_arm(browser, page):
    browser.open(page, 1280)
    browser.value(
        "(() => { const s = document.querySelector('.pick-right'); s.value = 'sequential';"
        " s.dispatchEvent(new Event('change')); })()"
    )
    chosen = browser.value("['left', 'right'].map(s => document.querySelector('.pick-' + s).value)")
    assert chosen[1] == "sequential"
    assert chosen[0] != "sequential"
    shown = "[...document.querySelector('.row .leaves').querySelectorAll('.panel')].map(p => p.dataset.arm)"
    assert browser.value(shown) == chosen


def test_reduced_motion_is_respected(browser, page):
    browser.open(page, 1280, motion="reduce")
    browser.value("document.querySelector('.diptychs').scrollIntoView()")
    time.sleep(0.6)
    assert browser.value("document.querySelector('.play').textContent") == "Play"
    assert browser.value("document.querySelector('.scrub').value") == "1"  # rests on the first generated frame


def test_figures_take_the_colours_of_the_page(browser, page):
    colours = []
    for theme in ("light", "dark"):
        browser.open(page, 1280, theme=theme)
        colours.append(browser.value("getComputedStyle(document.querySelector('svg.figure text')).fill"))
    assert colours[0] != colours[1]
