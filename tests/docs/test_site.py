"""The built site in a browser. ``make test-site`` runs this after ``make docs``."""

import functools
import http.server
import json
import os
import pathlib
import re
import shutil
import threading

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium: make test-site")

SITE = pathlib.Path(os.environ.get("SKSMOOTH_SITE", "no-such-folder"))
BROWSER = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None
)
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(not (SITE / "index.html").exists(), reason="needs the site: make test-site"),
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs Chromium and its chromedriver"),
]

# one page of each kind
PAGES = [
    *("index", "install", "quickstart", "which_method", "limits", "glossary", "troubleshooting"),
    *("performance", "cost", "theory", "comparison", "changelog", "results/speed"),
    *("guide/index", "guide/other_noises", "tutorials/own_table"),
    *("auto_examples/index", "auto_examples/plot_two_dimensions"),
    *("api/index", "api/generated/sksmooth.SmoothedClassifier", "genindex", "search"),
    *("_modules/sksmooth/exceptions", "no/such/page"),
]
ROOT = "/en/latest/"  # notfound_urls_prefix in docs/conf.py


class Pages(http.server.SimpleHTTPRequestHandler):
    """The site below the address that it has on its host, whose page 404 it shows likewise."""

    def translate_path(self, path):
        return super().translate_path(path.removeprefix(ROOT.rstrip("/")))

    def send_error(self, code, message=None, explain=None):
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write((SITE / "404.html").read_bytes())

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def address():
    handler = functools.partial(Pages, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}{ROOT}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(address):
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    options.add_argument("--headless=new")
    if getattr(os, "getuid", int)() == 0:
        options.add_argument("--no-sandbox")
    options.add_argument("--disable-dev-shm-usage")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.implicitly_wait(5)
    rights = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    origin = address.removesuffix(ROOT)
    driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": rights, "origin": origin})
    yield driver
    driver.quit()


def look_at(browser, url, width=1280):
    """Load a page at a width of the window in CSS pixels."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(url)


def requested(browser):
    """Addresses that were asked for since the last call."""
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            yield message["params"]["request"]["url"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_page(browser, address, page, width):
    url = f"{address}{page}.html"
    browser.get_log("browser"), list(requested(browser))
    look_at(browser, url, width)
    browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    asked = list(requested(browser))
    assert url in asked
    assert [a for a in asked if not a.startswith((address, "data:", "blob:"))] == []
    log = browser.get_log("browser")
    complaints = [entry["message"] for entry in log if entry["level"] in ("WARNING", "SEVERE")]
    if page == "no/such/page":
        assert "404" in complaints.pop(0)
    assert complaints == []
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width, "the page can be pushed sideways"
    assert browser.execute_script("return [...document.images].every(i => i.naturalWidth > 0)")


def test_search_finds(browser, address):
    look_at(browser, f"{address}guide/index.html")
    browser.find_element("css selector", "button.search-button__button").click()
    box = browser.find_element("css selector", "dialog[open] input[type=search]")
    box.send_keys("abstain")
    box.submit()
    first = browser.find_element("css selector", "#search-results ul.search a")
    assert "/search.html?q=abstain" in browser.current_url
    first.click()
    assert "abstain" in browser.find_element("css selector", "article").text
    assert "/search.html" not in browser.current_url


@pytest.mark.parametrize("page", ["quickstart", "install", "tutorials/torch"])
def test_copied_without_prompts(browser, address, page):
    look_at(browser, f"{address}{page}.html")
    blocks = browser.find_elements("css selector", "div.highlight")
    assert blocks
    for block in blocks:
        button = block.find_element("css selector", "button.copybtn")
        webdriver.ActionChains(browser).move_to_element(button).click().perform()
        copied = browser.execute_async_script(
            "const done = arguments[0]; setTimeout(() => navigator.clipboard.readText().then(done))"
        )
        shown = block.find_element("css selector", "pre").text.split("\n")
        prompts = [line for line in shown if re.match(r">>> |\.\.\. |\$ ", line)]
        assert copied.split() == " ".join(p.split(" ", 1)[1] for p in prompts or shown).split()
        if ">>> " in block.text:
            compile(copied, page, "exec")


def test_themes(browser, address):
    look_at(browser, f"{address}quickstart.html")
    for mode in ["dark", "light"]:
        switch = ".navbar-header-items .theme-switch-container"
        browser.find_element("css selector", f"{switch} .theme-switch-button").click()
        browser.find_element("css selector", f"{switch} [data-mode={mode}].dropdown-item").click()
        browser.refresh()  # it is remembered
        assert browser.execute_script("return document.documentElement.dataset.theme") == mode
        (paper,) = colours(browser, "body", "backgroundColor")
        assert (brightness(paper) > 0.5) == (mode == "light")
        assert contrast(paper, *colours(browser, "p", "color")) > 4.5
        (block,) = colours(browser, ".highlight pre", "backgroundColor")
        assert contrast(block, *colours(browser, ".highlight pre span", "color")) > 4.5


def colours(browser, elements, what):
    """Which colours there are of a kind in all elements that a selector finds."""
    get = f"[...document.querySelectorAll('{elements}')].map(e => getComputedStyle(e).{what})"
    return set(browser.execute_script(f"return {get}"))


def contrast(paper, *inks):
    """The smallest contrast by WCAG 2.2, which asks for 4.5 at level AA."""
    pairs = [sorted([brightness(paper), brightness(ink)]) for ink in inks]
    return min((light + 0.05) / (dark + 0.05) for dark, light in pairs)


def brightness(colour):
    """Relative luminance of ``rgb(r, g, b)``, by WCAG 2.2."""
    channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip([0.2126, 0.7152, 0.0722], linear, strict=True))


def test_formulas_have_the_font_of_the_site(browser, address):
    look_at(browser, f"{address}theory.html")
    fonts = "return document.fonts.ready.then(f => [...f].filter(f => f.status == 'loaded')"
    assert "STIX Two Math" in browser.execute_script(f"{fonts}.map(f => f.family))")


def test_ways_on(browser, address):
    look_at(browser, f"{address}guide/other_noises.html")
    texts = [link.text for link in browser.find_elements("css selector", ".prev-next-footer a")]
    assert [text.split("\n")[0] for text in texts] == ["Previous", "Next"]
    links = [
        a.get_attribute("href") for a in browser.find_elements("css selector", ".tocsection a")
    ]
    edit, source = [link for link in links if "#" not in link]
    assert edit.endswith("/edit/main/docs/guide/other_noises.rst")
    assert (SITE / source.removeprefix(address)).read_text("utf-8").startswith("Which noise")


def test_ways_on_from_a_class(browser, address):
    look_at(browser, f"{address}api/generated/sksmooth.SmoothedClassifier.html")
    edit = browser.execute_script("return document.querySelector('.editthispage')")
    assert edit is None, "nobody can edit a page that the build makes"
    code = "dt.sig a[href*='_modules/sksmooth/estimators/classifier.html#SmoothedClassifier']"
    assert browser.find_element("css selector", code).text == "[source]"
    assert len(browser.find_elements("css selector", ".sphx-glr-thumbcontainer")) > 5
    assert browser.find_element("css selector", ".versionadded").text == "Added in version 0.2."
