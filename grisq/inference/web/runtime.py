"""The two JavaScript programs of the page: pinned, verified, fetched from the npm registry once or taken locally."""

import base64
import hashlib
import os
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from tqdm import tqdm

from grisq.data.fetch import Source, fetch, open_client
from grisq.runtime.errors import InputError

REGISTRY = "https://registry.npmjs.org"
_REGISTRY_SETTINGS = ("NPM_CONFIG_REGISTRY", "npm_config_registry")  # npm's own, for mirrors


@dataclass(frozen=True)
class File:
    """One file of a package that the page needs."""

    inside: str  # its path in the package
    name: str  # its name on the page; .js, since not every file server knows what .mjs is
    sha256: str


@dataclass(frozen=True)
class Package:
    """A version of a package in the npm registry."""

    name: str
    version: str
    size: int  # of its archive, bytes
    integrity: str  # of its archive, as the registry states it: sha512-BASE64
    files: tuple[File, ...]

    @property
    def archive(self) -> str:
        """The archive's name, as `npm pack` writes it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def spec(self) -> str:
        """What npm calls it."""
        return f"{self.name}@{self.version}"


PACKAGES = (
    Package(
        "onnxruntime-web",
        "1.30.0",
        33_106_585,
        "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        (
            File(
                "dist/ort.wasm.bundle.min.mjs",
                "onnxruntime.js",
                "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
            ),
            File(
                "dist/ort-wasm-simd-threaded.wasm",
                "onnxruntime.wasm",
                "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
            ),
        ),
    ),
    Package(
        "@huggingface/tokenizers",
        "0.2.0",
        87_011,
        "sha512-LidMHe1FpcSYH4vcSjXooda34pC0M8m1gmDOv7SQi6Iv+ib1zX7J3sHBCC9/3FPCkn2k1b55FneVqMRxrr99pg==",
        (
            File(
                "dist/tokenizers.min.mjs",
                "tokenizers.js",
                "258e46332101335ce8d95aed7745b19ac3b46d37f3e159a89cf894c2ea9b1d3a",
            ),
            File(
                "LICENSE",
                "tokenizers-license.txt",
                "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
            ),
        ),
    ),
)


def read_runtime(folder: Path | None = None, *, wait: Callable[[float], None] = time.sleep) -> dict[str, bytes]:
    """Read the files that the page needs, every one verified.

    Args:
        folder: local copies: a folder of npm's with both packages, such as node_modules, or of the archives that
            `npm pack` writes. None: the archives are fetched from the npm registry, or the mirror that the environment
            variable NPM_CONFIG_REGISTRY names, and kept in the user's cache folder.
        wait: called with the seconds to wait before an address is tried again.

    Returns:
        Content by name on the page.

    Raises:
        InputError: the folder lacks a package or holds another version of it; or the registry cannot be reached, or
            gives something else than what is pinned.
    """
    found = {}
    for package in PACKAGES:
        content = _fetched(package, wait) if folder is None else _local(package, Path(folder))
        found |= {file.name: content[file.inside] for file in package.files}
    return found


def cache_folder() -> Path:
    """Where fetched archives are kept."""
    return platformdirs.user_cache_path("grisq") / "npm"


def _local(package: Package, folder: Path) -> dict[str, bytes]:
    """The files of a package by their paths in it, from a folder."""
    advice = f"run `npm install {' '.join(each.spec for each in PACKAGES)}` and name its node_modules by --runtime"
    for root in (folder / package.name, folder / "node_modules" / package.name):
        if root.is_dir():
            return _verified(package, lambda inside, root=root: (root / inside).read_bytes(), root, advice)
    archive = folder / package.archive
    if archive.is_file():
        return _unpacked(package, archive, advice)
    raise InputError(f"{folder} holds neither {package.name} nor {package.archive}: {advice}.")


def _fetched(package: Package, wait: Callable[[float], None]) -> dict[str, bytes]:
    """The files of a package by their paths in it, from the cached archive, which is fetched if it is not there."""
    registry = next((os.environ[name] for name in _REGISTRY_SETTINGS if os.environ.get(name)), REGISTRY).rstrip("/")
    archive = cache_folder() / package.archive
    if not archive.is_file() or _wrong(archive, package):
        source = Source(
            f"{registry}/{package.name}/-/{package.name.split('/')[-1]}-{package.version}.tgz",
            f"`npm pack {package.spec}`",
            package.size,
            then="run this again, or name a node_modules folder with both packages by --runtime",
        )
        bar = tqdm(total=package.size, desc=package.archive, unit="B", unit_scale=True, unit_divisor=1024)
        with bar, open_client() as client:
            fetch(client, source, archive, check=lambda path: _wrong(path, package), received=bar.update, wait=wait)
    return _unpacked(package, archive, "remove it and run this again")


def _wrong(archive: Path, package: Package) -> str | None:
    """What is wrong with an archive, or None."""
    with archive.open("rb") as file:
        found = "sha512-" + base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    return None if found == package.integrity else f"integrity {found[:19]}..., not {package.integrity[:19]}..."


def _unpacked(package: Package, archive: Path, advice: str) -> dict[str, bytes]:
    try:
        with tarfile.open(archive, "r:gz") as opened:
            members = {member.name: member for member in opened.getmembers()}

            def read(inside: str) -> bytes:
                return opened.extractfile(members[f"package/{inside}"]).read()

            return _verified(package, read, archive, advice)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{archive} cannot be unpacked ({error}): {advice}.") from None


def _verified(package: Package, read: Callable[[str], bytes], place: Path, advice: str) -> dict[str, bytes]:
    """Read the files of a package. Raises InputError for one that is missing or not of the pinned version."""
    found = {}
    for file in package.files:
        try:
            found[file.inside] = read(file.inside)
        except (KeyError, FileNotFoundError):
            raise InputError(f"{place} has no {file.inside}, which {package.spec} has: {advice}.") from None
        digest = hashlib.sha256(found[file.inside]).hexdigest()
        if digest != file.sha256:
            raise InputError(
                f"{file.inside} in {place} is not that of {package.spec} (SHA-256 {digest[:12]}..., not "
                f"{file.sha256[:12]}...): {advice}."
            )
    return found
