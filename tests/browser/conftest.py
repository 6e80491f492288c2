"""A JupyterLab for every test that asks for one, a headless Chromium, and what they showed when a test fails."""

import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from grisq.runtime import paths

FAILURES = Path(__file__).parent / "failures"
_OPEN: dict[str, object] = {}  # the browser and the server that are up, for a failure while a test is set up
START_SECONDS, STOP_SECONDS = 180, 30
SETTINGS = {
    # Cells outside the window would otherwise not be on the page.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}

AXE = """
const [within, done] = arguments;
axe.run(within, {resultTypes: ['violations']}).then(result => done(result.violations
    .filter(violation => ['serious', 'critical'].includes(violation.impact))
    .map(({id, impact, help, nodes}) => {
        return {id, impact, help, where: nodes.map(node => node.html).slice(0, 5).join('\\n  ')};
    })
));
"""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, its token, the folder that it shows, and its log."""

    address: str
    token: str
    folder: Path
    log: Path

    def page(self, notebook: str) -> str:
        """The address at which a notebook opens."""
        assert (self.folder / notebook).is_file(), f"there is no notebooks/{notebook}"
        return f"{self.address}/lab/tree/{notebook}?token={self.token}"


@pytest.fixture
def lab(tmp_path):
    """JupyterLab from the environment that runs the tests, on a copy of the notebooks, with settings of its own."""
    folder = tmp_path / "notebooks"
    shutil.copytree(paths.NOTEBOOKS, folder, ignore=shutil.ignore_patterns("executed", ".ipynb_checkpoints"))
    port = free_port()
    lab = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(16), folder, tmp_path / "jupyterlab.log")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={lab.token}"]
    command += ["--LabApp.extension_manager=readonly"]  # the other one asks PyPI
    with lab.log.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment(tmp_path), cwd=folder, stdout=log, stderr=log)
    try:
        wait_until_it_answers(lab, process)
        _OPEN["lab"] = lab
        yield lab
    finally:
        _OPEN.pop("lab", None)
        stop(process)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder: Path) -> dict[str, str]:
    """Variables that keep JupyterLab away from the user's own settings; kernels still come from sys.prefix."""
    settings = folder / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(SETTINGS), encoding="utf-8")
    own = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
    own = {f"JUPYTER_{name}": str(folder / place) for name, place in own.items()}
    return {**os.environ, **own, "IPYTHONDIR": str(folder / "ipython")}


def wait_until_it_answers(lab: Lab, process: subprocess.Popen) -> None:
    """Ask for the server's status until it comes; a server that ended or hangs fails the test with its log."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot see this machine's ports
    limit = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < limit:
        try:
            direct.open(f"{lab.address}/api/status?token={lab.token}", timeout=10).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{lab.log.read_text(encoding='utf-8')}", pytrace=False)


def stop(process: subprocess.Popen) -> None:
    """Let the server end its kernels and then itself."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """A function that puts a folder on a file server on loopback and returns its address, which has no slash behind."""
    with ExitStack() as servers:

        def start(folder: Path) -> str:
            handler = functools.partial(Quiet, directory=folder)
            server = servers.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            servers.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            return f"http://127.0.0.1:{server.server_port}"

        yield start


@pytest.fixture
def options():
    """What Chromium is started with; a test module may add to it."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(argument)
    return options


@pytest.fixture
def browser(options):
    """A headless Chromium with an empty profile."""
    # With a path, selenium does not try to download a driver.
    driver = webdriver.Chrome(options, webdriver.ChromeService(program("chromedriver")))
    _OPEN["browser"] = driver
    yield driver
    del _OPEN["browser"]
    driver.quit()


@pytest.fixture(scope="session")
def axe() -> Callable[..., list[str]]:
    """A function that runs axe-core on the page of a browser and lists what is a serious barrier, or a critical one."""
    path = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
    if not path.is_file():
        pytest.fail(f"{path} is missing: `make test-browser` installs it with npm.", pytrace=False)
    script = path.read_text(encoding="utf-8")

    def check(browser: webdriver.Chrome, within: str = "html") -> list[str]:
        """Check the elements under a CSS selector."""
        browser.execute_script(script)
        found = browser.execute_async_script(AXE, within)
        return [f"{each['id']} ({each['impact']}): {each['help']}\n  {each['where']}" for each in found]

    return check


def program(name: str) -> str:
    """The path of a program; its absence fails the test."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing: `make test-browser` installs it on Debian.", pytrace=False)
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep what the page and JupyterLab showed when a test failed, and say where."""
    report = yield
    if report.failed and report.when != "teardown" and "browser" in _OPEN:
        kept = keep(item.name, _OPEN["browser"], _OPEN.get("lab"))
        report.sections.append(("What the browser showed", kept))
    return report


def keep(name: str, browser: webdriver.Chrome, lab: Lab | None) -> str:
    """Write the screenshot, and the page's text with JupyterLab's log if it runs, to the folder of failures."""
    FAILURES.mkdir(exist_ok=True)
    picture, text = FAILURES / f"{name}.png", FAILURES / f"{name}.txt"
    try:
        browser.save_screenshot(str(picture))
        visible = browser.execute_script("return document.body.innerText")
    except WebDriverException as error:
        return f"nothing: the browser no longer answers ({error.msg})"
    log = f"\n\n--- the log of JupyterLab ---\n{lab.log.read_text(encoding='utf-8')}" if lab else ""
    text.write_text(visible + log, encoding="utf-8")
    return f"screenshot: {picture}\ntext of the page{', log of JupyterLab' if lab else ''}: {text}"
