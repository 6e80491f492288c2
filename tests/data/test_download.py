"""The whole data set from a server, with parts of it missing, wrong, or already there."""

import io
import json
import shutil
import zipfile
from dataclasses import replace

import pytest
from PIL import Image

from grisq.data import download as module
from grisq.data import grefcoco
from grisq.data.download import Sources, download, read_sources
from grisq.data.fetch import Source
from grisq.data.layout import IMAGES, INSTANCES, REFS
from grisq.runtime.errors import InputError


@pytest.fixture
def sources(server, mini_root):
    """The mini set on the server, its pictures one by one and as an archive with COCO's inner folder."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (mini_root / IMAGES).iterdir():
            server.files[f"/images/{path.name}"] = path.read_bytes()
            archive.write(path, f"train2014/{path.name}")
    server.files["/refs"] = (mini_root / REFS).read_bytes()
    server.files["/instances"] = (mini_root / INSTANCES).read_bytes()
    server.files["/zip"] = packed.getvalue()
    return Sources(
        refs=Source(server.url + "/refs", "page"),
        instances=Source(server.url + "/instances", "page"),
        images=Source(server.url + "/images/{name}", "page"),
        mean_size=10_000,
        archive=Source(server.url + "/zip", "page", size=len(packed.getvalue())),
    )


def get(root, sources, **options):
    return download(root, sources=sources, progress=False, wait=lambda seconds: None, **options)


def pictures(root):
    return {path.name: path.read_bytes() for path in (root / IMAGES).iterdir()}


@pytest.mark.parametrize("archive", [False, True])
def test_what_arrives_is_the_set_and_a_second_call_asks_for_nothing(server, sources, mini_root, tmp_path, archive):
    root = get(tmp_path / "set", sources, archive=archive)
    assert grefcoco.load(root).content_hash == grefcoco.load(mini_root).content_hash
    needed = {info.file_name for info in module.pictures_of(grefcoco.load(mini_root))}
    assert pictures(root) == {name: whole for name, whole in pictures(mini_root).items() if name in needed}
    asked = len(server.seen)
    get(root, sources, archive=archive)
    assert len(server.seen) == asked


def test_only_pictures_that_are_missing_are_fetched(server, sources, tmp_path):
    root = get(tmp_path / "set", sources)
    lost = sorted((root / IMAGES).iterdir())[:2]
    for path in lost:
        path.unlink()
    server.seen.clear()
    get(root, sources)
    assert sorted(path for path, _ in server.seen) == [f"/images/{path.name}" for path in lost]


def test_annotations_alone(sources, tmp_path):
    root = get(tmp_path / "set", sources, images=False)
    assert not (root / "images").exists()


def test_pictures_that_do_not_come_are_counted_and_the_others_stay(server, sources, tmp_path):
    names = sorted(name for name in server.files if name.startswith("/images/"))
    del server.files[names[0]]
    server.behave[names[1]] = lambda handler, turn: server.send(handler, server.files[names[1]][:-200])  # truncated
    other = io.BytesIO()
    Image.new("RGB", (50, 400)).save(other, "JPEG")
    server.files[names[2]] = other.getvalue()  # of another shape
    with pytest.raises(InputError) as error:
        get(tmp_path / "set", sources)
    assert "3 of" in str(error.value)
    assert "the same command" in str(error.value)
    assert len(pictures(tmp_path / "set")) == len(names) - 3


def test_a_dead_picture_server_is_given_up_soon(server, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GIVE_UP_AFTER", 3)
    for name in [name for name in server.files if name.startswith("/images/")]:
        del server.files[name]
    with pytest.raises(InputError, match="status 404"):
        get(tmp_path / "set", sources, jobs=1)
    asked = [path for path, _ in server.seen if path.startswith("/images/")]
    assert len(asked) == 3  # the thread that fetches counts, so nothing depends on which thread is faster


def test_one_picture_that_arrives_keeps_the_others_from_being_given_up(server, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GIVE_UP_AFTER", 3)
    names = sorted(name for name in server.files if name.startswith("/images/"))
    for name in names[1:]:
        del server.files[name]
    with pytest.raises(InputError, match="did not come"):
        get(tmp_path / "set", sources, jobs=1)
    assert {path for path, _ in server.seen if path.startswith("/images/")} == set(names)


def test_an_interrupt_keeps_what_has_come(server, sources, tmp_path):
    last = sorted(name for name in server.files if name.startswith("/images/"))[5]
    real = module.fault_of_picture

    def interrupted(path, width, height):
        if path.name.startswith(last.rpartition("/")[2]):
            raise KeyboardInterrupt
        return real(path, width, height)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fault_of_picture", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get(tmp_path / "set", sources, jobs=1)
    assert pictures(tmp_path / "set")
    get(tmp_path / "set", sources)


def test_a_full_disk_is_seen_before_anything_is_fetched(sources, tmp_path, monkeypatch):
    root = get(tmp_path / "set", sources, images=False)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=200_000_001))
    with pytest.raises(InputError, match=r"pictures need about .* GB and .* has 0\.2 GB free"):
        get(root, sources)
    with pytest.raises(InputError, match=r"train2014\.zip need"):
        get(root, sources, archive=True)


def test_an_archive_that_lacks_pictures_or_is_none(server, sources, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../outside.jpg", b"no")
    for content, message in ((packed.getvalue(), "lacks"), (b"no zip at all", "not a complete zip")):
        server.files["/zip"] = content
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        with pytest.raises(InputError, match=message):
            get(tmp_path / "set", replace(sources, archive=Source(server.url + "/zip", "page")), archive=True)
    assert not list(tmp_path.rglob("outside*"))


def test_the_addresses_that_come_along_name_the_known_release():
    from grisq.data.statistics import CURRENT

    sources = read_sources()
    assert sources.refs.sha256 == CURRENT.refs_sha256
    assert "{name}" in sources.images.url


def test_addresses_of_ones_own(tmp_path):
    given = json.loads((module.resources.files("grisq.data") / "sources.json").read_text(encoding="utf-8"))
    given["refs"] = {"url": "http://mirror/refs"}
    (tmp_path / "mirror.json").write_text(json.dumps(given), encoding="utf-8")
    assert read_sources(tmp_path / "mirror.json").refs == Source("http://mirror/refs", "http://mirror/refs")
    for name, field, value in (("images", "mean_size", None), ("refs", "url", 5), ("archive", "size", "13 GB")):
        wrong = {**given, name: {**given[name], field: value}, "note": "ours"}
        (tmp_path / "mirror.json").write_text(json.dumps(wrong), encoding="utf-8")
        with pytest.raises(InputError, match=f"'{name}' has no '{field}'"):
            read_sources(tmp_path / "mirror.json")
    for content in ("[]", '{"refs": "x"}'):
        (tmp_path / "mirror.json").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="has no "):
            read_sources(tmp_path / "mirror.json")
