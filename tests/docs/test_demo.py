"""docs/demo in headless Chromium: real photos get Python's ages, and nothing leaves the machine."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from facelage.data.images import list_images, load_image, save_image
from facelage.infer import AgePredictor

DEMO = Path(__file__).parents[2] / "docs" / "demo"
TIMEOUT = 120_000  # milliseconds: other tests may run beside


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, yunet: Path) -> Iterator[str]:
    """The page's address, served with everything that it needs."""
    folder = tmp_path_factory.mktemp("demo") / "site"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns("vendor", "__pycache__"))
    spec = importlib.util.spec_from_file_location("vendor", DEMO / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    vendor = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vendor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACELAGE_YUNET", str(yunet))
        try:
            vendor.fill(folder / "vendor")
        except (SystemExit, subprocess.CalledProcessError) as error:
            pytest.skip(f"needs onnxruntime-web from npm: {error}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium, whose camera shows a portrait."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if chromium is None:
        pytest.skip("needs Chromium")
    portrait = load_image(list_images(shared / "data" / "frl_london")[0])
    camera = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    [_, jpeg] = cv2.imencode(".jpg", cv2.resize(portrait, (480, 480))[..., ::-1])
    camera.write_bytes(jpeg.tobytes())
    options = ["--no-sandbox", "--use-fake-ui-for-media-stream"]
    options += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    with playwright.sync_playwright() as started:
        chrome = started.chromium.launch(executable_path=chromium, args=options)
        yield chrome
        chrome.close()


@pytest.fixture
def page(browser: Any, site: str) -> Iterator[Any]:
    """The page, ready; anything that it complains about fails the test."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.set_default_timeout(TIMEOUT)
    troubles: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: troubles.append(message.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(site)
    say(tab, "Ready")
    yield tab
    tab.close()
    assert troubles == []
    assert asked
    assert all(url.startswith((site, "data:", "blob:")) for url in asked)


def say(page: Any, text: str | re.Pattern[str]) -> None:
    """Wait until the page's line says `text`."""
    from playwright.sync_api import expect

    expect(page.locator("#status")).to_have_text(text, timeout=TIMEOUT)


def ages(page: Any, photo: Path) -> list[float]:
    page.evaluate("document.getElementById('status').textContent = ''")
    page.set_input_files("#file", photo)
    say(page, re.compile(r" ms$"))
    rows = page.eval_on_selector_all("#faces tbody tr", "rows => rows.map(r => r.dataset.age)")
    return [float(age) for age in rows]


def test_ten_photos_have_pythons_ages(
    page: Any, yunet: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACELAGE_YUNET", str(yunet))
    predictor = AgePredictor.from_pretrained(detector="yunet")
    portraits = list_images(shared / "data" / "frl_london")
    photos = [*portraits[3:6], *list_images(shared / "data" / "appa_real_dev")[5:400:100]]
    turned, large, group = (tmp_path / f"{name}.jpg" for name in ("turned", "large", "group"))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by 90 degrees
    with Image.open(portraits[6]) as picture:
        picture.rotate(90, expand=True).save(turned, exif=exif, quality=95)
    enlarged = cv2.resize(load_image(portraits[11]), (3000, 3000), interpolation=cv2.INTER_CUBIC)
    save_image(large, enlarged, quality=95)
    save_image(group, np.hstack([load_image(photo) for photo in portraits[8:11]]), quality=95)
    compared = 0
    for photo in [*photos, turned, large, group]:
        wanted = [face.age for face in predictor.predict(photo)]
        found = ages(page, photo)
        print(photo.name, [round(age, 2) for age in found], [round(age, 2) for age in wanted])
        assert found == pytest.approx(wanted, abs=0.5), photo.name
        compared += len(found)
    assert compared >= 10


def test_a_picture_without_a_face_and_a_broken_file_are_told(page: Any, tmp_path: Path) -> None:
    save_image(tmp_path / "grey.png", np.full((200, 300, 3), 128, np.uint8))
    assert ages(page, tmp_path / "grey.png") == []
    assert page.inner_text("#status").startswith("No face found")
    (tmp_path / "notes.jpg").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.jpg")
    say(page, re.compile(r"^notes\.jpg can't be shown as a picture"))


def test_the_camera_shows_ages_until_it_is_closed(page: Any) -> None:
    page.click("#live")
    page.wait_for_selector("#faces tbody tr")
    assert page.inner_text("#live") == "Close the camera"
    page.click("#live")
    assert page.inner_text("#live") == "Open the camera"
    assert page.evaluate("document.getElementById('camera').srcObject") is None


def test_the_keyboard_reaches_both_buttons(page: Any) -> None:
    reached = []
    for _ in range(2):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["file", "live"]
