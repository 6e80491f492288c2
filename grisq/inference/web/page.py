"""`grisq export --web`: a folder that any file server shows as a page on which a trained model answers."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from grisq import checkpoint
from grisq.inference.export import check_packages, write_network
from grisq.inference.hub import find_model
from grisq.inference.web.examples import Examples, choose_examples
from grisq.inference.web.runtime import read_runtime
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, read_json, refuse_if_taken, write_json

PAGE = "page.json"  # what the page's own program reads
_BUNDLED = "This model knows the drawings that it was trained on. It does not segment photographs."
_ANY = "A model knows what it was trained on: other pictures and words get answers all the same, and those mean little."


def export_web(model: Path | None, out: Path, *, runtime: Path | None = None, data: Path | None = None) -> Path:
    """Write a page on which a model answers in the browser: no server but one for files, no account, no other address.

    Args:
        model: a run or a checkpoint; None for the bundled model.
        out: the folder; an older page in it is replaced.
        runtime: local copies of the JavaScript programs, see `read_runtime`; None fetches them once.
        data: whose pictures stand on the page, see `choose_examples`.

    Returns:
        out.

    Raises:
        InputError: as `read_runtime` and `choose_examples`; for a folder that is taken, or if the packages that write
            ONNX are missing.
    """
    check_packages()
    out = Path(out)
    if not _is_page(out):
        refuse_if_taken(out)
    loaded = checkpoint.load(find_model(model))
    programs = read_runtime(runtime)
    examples = choose_examples(data)
    with atomic_folder(out, replace=True) as partial:
        _copy(resources.files("grisq.inference.web").joinpath("static"), partial)
        for name, content in programs.items():
            (partial / "runtime" / name).write_bytes(content)
        write_network(loaded, partial, word_attention=True)
        shown = _write_examples(examples, partial)
        write_json(partial / PAGE, shown | {"note": _BUNDLED if model is None else _ANY, "files": _sizes(partial)})
    return out


def _copy(source: Traversable, target: Path) -> None:
    """Copy the page's own files, from an installed package or a checkout."""
    target.mkdir(exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())


def _write_examples(examples: Examples, folder: Path) -> dict:
    """Write the pictures without loss, since browsers do not agree on the pixels of a JPEG. -> what names them."""
    (folder / "examples").mkdir()
    listed = []
    for number, example in enumerate(examples.pictures, start=1):
        file = f"examples/{number}.png"
        example.picture.save(folder / file, optimize=True)
        listed.append({"file": file, "name": example.name, "expressions": example.expressions})
    credit = {"text": examples.credit, "file": None}
    if examples.card:
        credit["file"] = "examples/credits.txt"
        (folder / credit["file"]).write_bytes(examples.card.read_bytes())
    return {"examples": listed, "credit": credit}


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of every file by its path in the folder."""
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _is_page(folder: Path) -> bool:
    """Whether a folder holds a page by grisq and nothing else."""
    if not (folder / PAGE).is_file():
        return False
    try:
        about = read_json(folder / PAGE)
    except InputError:
        return False
    known = isinstance(about, dict) and {"examples", "files", "note"} <= about.keys()
    return known and _sizes(folder).keys() - {PAGE} == about["files"].keys()
