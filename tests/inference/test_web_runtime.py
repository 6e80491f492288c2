"""The page's JavaScript programs: from a folder or a registry, and never another file than the pinned one."""

import base64
import hashlib
import io
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from grisq.inference.web import runtime
from grisq.inference.web.runtime import File, Package, read_runtime
from grisq.runtime.errors import InputError

PINNED = runtime.PACKAGES
CONTENT = {"dist/run.mjs": b"export const run = 1;\n", "dist/run.wasm": bytes(range(256)) * 40}


def packed(content):
    """An archive as `npm pack` writes it."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, body in content.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return stream.getvalue()


ARCHIVE = packed(CONTENT)
PACKAGE = Package(
    "@someone/program",
    "1.2.3",
    len(ARCHIVE),
    "sha512-" + base64.b64encode(hashlib.sha512(ARCHIVE).digest()).decode(),
    tuple(File(name, f"{name[5:]}.js", hashlib.sha256(body).hexdigest()) for name, body in CONTENT.items()),
)
EXPECTED = {"run.mjs.js": CONTENT["dist/run.mjs"], "run.wasm.js": CONTENT["dist/run.wasm"]}


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The folder where fetched archives are kept; no test knows the real one, or the real registry."""
    monkeypatch.setattr(runtime, "PACKAGES", (PACKAGE,))
    monkeypatch.setattr(runtime, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")  # nothing listens there
    return tmp_path / "cache"


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """A folder served as a registry on loopback; `asked` is appended to for each request."""
    folder, asked = tmp_path / "registry", []
    place = folder / "@someone/program/-"
    place.mkdir(parents=True)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}/")
        yield place / "program-1.2.3.tgz", asked
        server.shutdown()


def installed(folder):
    """Write the package as npm installs it."""
    for name, body in CONTENT.items():
        target = folder / PACKAGE.name / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    return folder


def test_from_a_folder_that_npm_made(tmp_path, cache):
    modules = installed(tmp_path / "node_modules")
    assert read_runtime(modules) == EXPECTED
    assert read_runtime(tmp_path) == EXPECTED  # the folder around it
    assert not cache.exists()


def test_from_a_folder_of_archives(tmp_path):
    (tmp_path / "someone-program-1.2.3.tgz").write_bytes(ARCHIVE)
    assert read_runtime(tmp_path) == EXPECTED


def test_another_version_in_a_folder_is_refused(tmp_path):
    modules = installed(tmp_path / "node_modules")
    (modules / PACKAGE.name / "dist/run.mjs").write_bytes(b"export const run = 2;\n")
    with pytest.raises(
        InputError, match=r"not that of @someone/program@1\.2\.3 .*npm install @someone/program@1\.2\.3"
    ):
        read_runtime(modules)
    (modules / PACKAGE.name / "dist/run.mjs").unlink()
    with pytest.raises(InputError, match=r"has no dist/run\.mjs"):
        read_runtime(modules)


@pytest.mark.parametrize("content", [ARCHIVE[:200], b"not an archive"], ids=["half", "something else"])
def test_a_broken_archive_in_a_folder_is_refused(tmp_path, content):
    (tmp_path / "someone-program-1.2.3.tgz").write_bytes(content)
    with pytest.raises(InputError, match=r"program-1\.2\.3\.tgz cannot be unpacked"):
        read_runtime(tmp_path)


def test_a_folder_without_the_package_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds neither @someone/program nor someone-program-1\.2\.3\.tgz"):
        read_runtime(tmp_path)


def test_fetched_once_and_kept(registry, cache):
    address, asked = registry
    address.write_bytes(ARCHIVE)
    assert read_runtime() == EXPECTED
    assert read_runtime() == EXPECTED
    assert asked == ["/@someone/program/-/program-1.2.3.tgz"]
    (cache / PACKAGE.archive).write_bytes(ARCHIVE[:-1])  # a disk that forgets
    assert read_runtime() == EXPECTED
    assert len(asked) == 2


def test_an_archive_of_another_integrity_is_refused_and_not_kept(registry, cache):
    address, _ = registry
    swapped = bytearray(ARCHIVE)
    swapped[-1] ^= 1  # the same size
    address.write_bytes(swapped)
    with pytest.raises(InputError, match=r"gave something else \(integrity sha512-"):
        read_runtime()
    assert list(cache.iterdir()) == []


def test_offline_the_sentence_tells_both_ways_out(cache):
    waits = []
    with pytest.raises(InputError) as raised:
        read_runtime(wait=waits.append)
    assert waits
    said = str(raised.value)
    for part in ("could not be reached", "npm pack @someone/program@1.2.3", str(cache / PACKAGE.archive), "--runtime"):
        assert part in said
    (cache / PACKAGE.archive).write_bytes(ARCHIVE)  # as the sentence says
    assert read_runtime() == EXPECTED


def test_what_is_pinned_is_written_as_the_registry_states_it():
    for package in PINNED:
        kind, digest = package.integrity.split("-", 1)
        assert (kind, len(base64.b64decode(digest, validate=True))) == ("sha512", 64)
