"""The Hugging Face Hub, played by a server on loopback that speaks as much of its protocol as a model needs."""

import base64
import errno
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import yaml
from huggingface_hub import constants

from grisq import checkpoint
from grisq.data.tokenizer import ExpressionTokenizer
from grisq.inference import hub
from grisq.inference.card_header import eval_results, header
from grisq.inference.segmenter import Segmenter
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError


class FakeHub:
    """Repositories as commits of files; `main` is the last commit, others by branch or tag."""

    def __init__(self):
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}  # repository -> commit -> path -> content
        self.names: dict[tuple[str, str], str] = {}  # (repository, branch or tag) -> commit
        self.requests: list[str] = []
        self.token_wanted = False
        self.private: set[str] = set()

    def commit(self, repository: str, files: dict[str, bytes], branch: str = "main", deleted: tuple = ()) -> str:
        before = self.commits.setdefault(repository, {})
        old = before.get(self.names.get((repository, branch), ""), {})
        whole = {path: content for path, content in (old | files).items() if path not in deleted}
        sha = hashlib.sha1(repr(sorted(whole.items())).encode() + bytes([len(before)])).hexdigest()
        before[sha] = whole
        self.names[repository, branch] = sha
        return sha

    def find(self, repository: str, revision: str) -> str | None:
        found = self.names.get((repository, revision), revision)
        return found if found in self.commits.get(repository, {}) else None


def handler(store: FakeHub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, content, status=200, **headers):
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def fault(self, code, status=404):
            self.answer({"error": code}, status, X_Error_Code=code, X_Error_Message=code)

        def do_GET(self):
            store.requests.append(self.path)
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            if parts == ["api", "whoami-v2"]:
                known = "Authorization" in self.headers or not store.token_wanted
                return self.answer({"name": "me", "type": "user"}) if known else self.answer({"error": "who?"}, 401)
            if parts[:2] == ["api", "models"]:
                repository, rest = "/".join(parts[2:4]), parts[4:]
                revision = rest[1] if rest[:1] in (["revision"], ["tree"]) else "main"
                if repository not in store.commits:
                    return self.fault("RepoNotFound", 401 if store.token_wanted else 404)
                sha = store.find(repository, revision)
                if sha is None:
                    return self.fault("RevisionNotFound")
                files = store.commits[repository][sha]
                if rest[:1] == ["tree"]:
                    return self.answer(
                        [
                            {
                                "type": "file",
                                "path": path,
                                "size": len(content),
                                "oid": hashlib.sha1(content).hexdigest(),
                            }
                            for path, content in files.items()
                        ]
                    )
                siblings = [{"rfilename": path} for path in files]
                return self.answer(
                    {
                        "id": repository,
                        "modelId": repository,
                        "sha": sha,
                        "siblings": siblings,
                        "tags": [],
                        "private": repository in store.private,
                    }
                )
            repository, revision, path = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            sha = store.find(repository, revision)
            if sha is None or path not in store.commits[repository][sha]:
                return self.fault("EntryNotFound")
            content = store.commits[repository][sha][path]
            return self.answer(content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', X_Repo_Commit=sha)

        do_HEAD = do_GET

        def do_POST(self):
            store.requests.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            if store.token_wanted and "Authorization" not in self.headers:
                return self.answer({"error": "log in"}, 401)
            if path == "/api/validate-yaml":
                return self.answer({"errors": [], "warnings": []})
            if path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                if name in store.commits:
                    return self.answer({"error": "exists", "url": f"http://{self.headers['Host']}/{name}"}, 409)
                store.commit(name, {})
                if asked.get("visibility") == "private":
                    store.private.add(name)
                return self.answer({"url": f"http://{self.headers['Host']}/{name}", "name": name})
            repository = "/".join(path.split("/")[3:5])
            if "/preupload/" in path:
                files = json.loads(body)["files"]
                return self.answer(
                    {
                        "files": [
                            {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in files
                        ]
                    }
                )
            lines = [json.loads(line) for line in body.splitlines() if line.strip()]
            files = {
                each["value"]["path"]: base64.b64decode(each["value"]["content"])
                for each in lines
                if each["key"] == "file"
            }
            deleted = tuple(each["value"]["path"] for each in lines if each["key"] == "deletedFile")
            sha = store.commit(repository, files, deleted=deleted)
            url = f"http://{self.headers['Host']}/{repository}/commit/{sha}"
            return self.answer({"success": True, "commitOid": sha, "commitUrl": url, "hookOutput": ""})

    return Handler


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """A hub on loopback, an empty cache, and a network that is on."""
    store = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(store))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    yield store
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(model_config, tmp_path):
    """A model as `pack` leaves it, as far as the hub is concerned."""
    place = tmp_path / "packed"
    place.mkdir()
    tokenizer = ExpressionTokenizer.train(["the red dog", "two cups"], 200)
    checkpoint.write(place, GRISQ(model_config), tokenizer, {"step": 1})
    (place / "README.md").write_text("---\nlibrary_name: grisq\n---\n\n# packed\n", encoding="utf-8")
    (place / ".eval_results").mkdir()
    (place / ".eval_results" / "grefcoco.yaml").write_text("[]", encoding="utf-8")
    return place


def files_of(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_model_comes_back_from_the_hub_as_it_was_pushed(fake, folder):
    address = hub.push(folder, "me/small")
    assert address.startswith(constants.ENDPOINT)
    (sha,) = [sha for sha, files in fake.commits["me/small"].items() if files]
    assert fake.commits["me/small"][sha] == files_of(folder)
    here, there = (Segmenter.from_pretrained(name, device="cpu") for name in (folder, "me/small"))
    first, second = here(PICTURE, "the red dog"), there(PICTURE, "the red dog")
    assert first.presence == second.presence
    assert np.array_equal(first.raw_mask, second.raw_mask)
    assert not any("README" in request for request in fake.requests if "/resolve/" in request)  # only what is needed


def test_what_an_earlier_push_measured_does_not_stay(fake, folder):
    hub.push(folder, "me/small")
    (folder / ".eval_results" / "grefcoco.yaml").unlink()
    (folder / ".eval_results").rmdir()
    hub.push(folder, "me/small")
    assert fake.commits["me/small"][fake.names["me/small", "main"]] == files_of(folder)


def test_a_public_repository_is_not_taken_for_a_private_one(fake, folder):
    hub.push(folder, "me/hidden", private=True)
    hub.push(folder, "me/hidden", private=True)
    fake.commit("me/shown", {"README.md": b"here before"})
    with pytest.raises(InputError, match="me/shown on the hub is public: make it private"):
        hub.push(folder, "me/shown", private=True)
    assert fake.commits["me/shown"][fake.names["me/shown", "main"]] == {"README.md": b"here before"}


def test_a_full_disk_is_not_called_a_lost_connection(fake, folder, monkeypatch):
    fake.commit("me/small", files_of(folder))

    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub, "snapshot_download", full)
    with pytest.raises(InputError, match=r"No space left on device.*: free some space, or set HF_HOME"):
        hub.fetch("me/small")


def test_a_revision_is_a_branch_a_tag_or_a_commit(fake, folder, model_config):
    old = fake.commit("me/small", files_of(folder))
    other = folder.with_name("other")
    other.mkdir()
    checkpoint.write(other, GRISQ(model_config), ExpressionTokenizer.train(["a cat"], 200), {"step": 2})
    new = fake.commit("me/small", files_of(other))
    fake.commit("me/small", files_of(folder), branch="v1")
    assert checkpoint.load(hub.fetch("me/small")).about["step"] == 2
    for revision, step in ((old, 1), (new, 2), ("v1", 1)):
        assert checkpoint.load(hub.fetch("me/small", revision)).about["step"] == step
    with pytest.raises(InputError, match="me/small on the hub has no revision 'v9': give a branch, a tag or a commit"):
        Segmenter.from_pretrained("me/small", revision="v9")


def test_a_cached_model_needs_no_network(fake, folder, monkeypatch):
    fake.commit("me/small", files_of(folder))
    first = Segmenter.from_pretrained("me/small", device="cpu")(PICTURE, "the red dog")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    fake.requests.clear()
    again = Segmenter.from_pretrained("me/small", device="cpu")(PICTURE, "the red dog")
    assert first.presence == again.presence
    assert not fake.requests


def test_without_network_and_cache_the_sentence_says_so(fake, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"me/small.*(HF_HUB_OFFLINE|cannot be reached)"):
        Segmenter.from_pretrained("me/small")


def test_a_hub_that_does_not_answer_is_told(fake, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot be reached"):
        Segmenter.from_pretrained("me/small")


def test_what_is_neither_a_folder_nor_a_model_is_told(fake):
    with pytest.raises(InputError, match="There is no folder me/nothing, and the hub has no model of that name"):
        Segmenter.from_pretrained("me/nothing")


def test_a_repository_of_something_else_is_told(fake):
    fake.commit("me/bert", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    with pytest.raises(
        InputError, match=r"me/bert on the hub has no model\.safetensors and no .*: it is not a model of grisq"
    ):
        Segmenter.from_pretrained("me/bert")


def test_only_those_who_are_logged_in_push(fake, folder, monkeypatch):
    fake.token_wanted = True
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(InputError, match="run `hf auth login`"):
        hub.push(folder, "me/small")
    with pytest.raises(InputError, match="'small' cannot be the name of a repository on the hub: give user/name"):
        hub.push(folder, "small")


def test_a_folder_has_no_revision(folder):
    with pytest.raises(InputError, match=r"^revision is for models of the hub, and .* is not one"):
        Segmenter.from_pretrained(folder, revision="v1")


def test_a_folder_of_the_same_name_comes_first(folder, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    name = f"{folder.parent.name}/{folder.name}"
    assert not hub.is_hub_name(name)
    assert Segmenter.from_pretrained(name, device="cpu")(PICTURE, "the red dog").presence >= 0
    assert hub.is_hub_name("user/name")
    assert not any(map(hub.is_hub_name, ("/user/name", "user", "a/b/c", "../name", "user/na me")))


METRICS = dict.fromkeys(("gIoU", "cIoU", "N-acc", "T-acc", "Pr@0.7", "Pr@0.8", "Pr@0.9", "MCC"), 50.123)
REPORT = {"data": "a" * 64, "results": {"val": {"protocols": {"rela": METRICS | {"N-acc": float("nan")}}}}}


def test_the_header_is_what_the_hub_indexes():
    text = header("small", REPORT, "none that is known", license_name="apache-2.0")
    assert text.startswith("---\n")
    assert text.endswith("\n---\n\n")
    found = yaml.safe_load(text.strip().strip("-"))
    assert (found["library_name"], found["pipeline_tag"], found["license"]) == (
        "grisq",
        "image-segmentation",
        "apache-2.0",
    )
    (model,) = found["model-index"]
    values = {each["name"]: each["value"] for each in model["results"][0]["metrics"]}
    assert values["gIoU (rela)"] == 50.12
    assert "N-acc (rela)" not in values  # nan has no place there
    assert "datasets" not in found
    assert eval_results(REPORT, "none that is known") is None


def test_numbers_on_grefcoco_are_entries_of_a_leaderboard():
    from grisq.data.statistics import CURRENT

    entries = eval_results(REPORT, CURRENT.name)
    assert [(each["dataset"]["id"], each["dataset"]["task_id"], each["value"]) for each in entries] == [
        ("FudanCVL/gRefCOCO", f"val_{name}", 50.12) for name in ("giou", "ciou", "t_acc")
    ]
    assert yaml.safe_load(header("small", REPORT, CURRENT.name).strip().strip("-"))["datasets"] == ["FudanCVL/gRefCOCO"]
