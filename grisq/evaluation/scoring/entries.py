"""Predictions of any model, read one by one: COCO's results format, JSON lines, a folder of masks, or a list in memory.

A prediction names its expression by `ref_id` and `sent_id`, or by `row`, its place in the data set's table of
expressions (counted from 0). `segmentation` is COCO's: run lengths, compressed or not, or polygons; null or [] is the
empty mask. `score` is the probability of presence.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import msgspec
import numpy as np
from PIL import Image

from grisq.runtime.errors import InputError
from grisq.runtime.files import read_json

PRESENCE = "presence.json"  # of a folder of masks: {"REF_SENT": probability}
_LINES = (".jsonl", ".ndjson")
_READ = (*_LINES, ".png", ".json")  # endings of the files in a folder
_CHUNK = 2**20  # characters that are read at once
_MASK_NAME = re.compile(r"\d+(_\d+)?\.png", re.IGNORECASE | re.ASCII)
_LONGEST = 2**26  # characters of one prediction
_BETWEEN = re.compile(r"[\s,]*")  # the elements of a list
_FORMS = "a JSON list of predictions, JSON lines, or a folder of PNG masks"


class Key(NamedTuple):
    """The expression that a prediction answers: by row, by ids, or by both, which then must agree."""

    row: int | None = None  # of the table of expressions
    ids: tuple[int, int] | None = None  # ref_id, sent_id

    def describe(self) -> str:
        """Return `ref_id 12, sent_id 34` or `row 7`."""
        return f"row {self.row}" if self.ids is None else f"ref_id {self.ids[0]}, sent_id {self.ids[1]}"


class Entry(NamedTuple):
    """One prediction, as it was read."""

    place: str  # where it stands, for messages
    key: Key
    score: float | None  # probability of presence; None where it has none
    segmentation: Any  # COCO's form, the path of a PNG, or an array (H, W); None for the empty mask


class _Record(msgspec.Struct):
    """The fields that are read beside the segmentation; others may be there."""

    row: int | None = None
    ref_id: int | None = None
    sent_id: int | None = None
    score: float | None = None
    present: bool | None = None  # the decision, where there is no probability


@dataclass(frozen=True)
class Predictions:
    """Predictions that can be read more than once; nothing is held in memory.

    Args:
        source: a file, a folder of such files or of masks, or a sequence of dicts, whose segmentation may also be an
            array (H, W).
    """

    source: Path | Sequence[dict]

    @property
    def name(self) -> str:
        """What a report calls them."""
        return self.source.name if isinstance(self.source, Path) else "predictions in memory"

    def digest(self) -> str:
        """SHA-256 of the files, or of the expressions and probabilities in memory, by which shards know each other."""
        found = hashlib.sha256()
        if not isinstance(self.source, Path):
            for entry in self:
                found.update(repr((entry.key, entry.score)).encode())
            return found.hexdigest()
        files = sorted(self.source.iterdir()) if self.source.is_dir() else [self.source]
        for path in files:
            if path == self.source or (path.suffix.lower() in _READ and path.is_file()):
                with path.open("rb") as file:
                    found.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()

    def __iter__(self) -> Iterator[Entry]:
        """Read every prediction. Raises InputError naming the place, the field and what was expected."""
        if not isinstance(self.source, Path):
            for number, record in enumerate(self.source, start=1):
                yield _entry(record, f"prediction {number}")
        elif self.source.is_dir():
            yield from _of_folder(self.source)
        else:
            yield from _of_file(self.source)


def open_predictions(source: str | Path | Iterable[dict]) -> Predictions:
    """Open predictions. Raises InputError if there is no such file or folder."""
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.exists():
            raise InputError(f"{path} is missing: give {_FORMS}.")
        return Predictions(path)
    return Predictions(source if isinstance(source, Sequence) else list(source))


def _of_folder(folder: Path) -> Iterator[Entry]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in _LINES and path.is_file())
    if files:
        for path in files:
            if path.stat().st_size:  # of more shards than batches some are empty
                yield from _of_file(path)
    else:
        yield from _of_masks(folder)


def _of_masks(folder: Path) -> Iterator[Entry]:
    scores = read_json(folder / PRESENCE) if (folder / PRESENCE).is_file() else None
    if scores is not None and not isinstance(scores, dict):
        raise InputError(
            f'{folder / PRESENCE} must be an object such as {{"12_34": 0.98}}: names of masks, without .png.'
        )
    drawn = {path.stem: path for path in sorted(folder.iterdir()) if _MASK_NAME.fullmatch(path.name)}
    for stem, path in drawn.items():
        score = None if scores is None else scores.get(stem)
        if scores is not None and score is None:
            raise InputError(f"{folder / PRESENCE} has no probability of {stem!r}: give one for every mask.")
        yield Entry(str(path), _key_of(stem), _probability(score, str(path)), path)
    for stem in sorted(set(scores or {}) - set(drawn)):  # an empty mask needs no picture
        place = f"{folder / PRESENCE}, {stem!r}"
        if not _MASK_NAME.fullmatch(f"{stem}.png"):
            raise InputError(f"{place} names no expression: write REF_SENT or ROW, as the masks are named.")
        yield Entry(place, _key_of(stem), _probability(scores[stem], place), None)
    if not drawn:
        raise InputError(
            f"{folder} holds no mask named REF_SENT.png or ROW.png (ref_id and sent_id, or the row) and no .jsonl "
            f"file: give {_FORMS}."
        )


def _key_of(stem: str) -> Key:
    ref, _, sent = stem.partition("_")
    return Key(ids=(int(ref), int(sent))) if sent else Key(int(ref))


def _of_file(path: Path) -> Iterator[Entry]:
    if path.suffix.lower() == ".png":
        raise InputError(f"{path} is one mask: give the folder that holds all of them.")
    try:
        with path.open(encoding="utf-8-sig") as file:
            begin = file.read(_CHUNK)
            file.seek(0)
            first = begin.lstrip()[:1]
            if first == "[":
                yield from _of_list(path, file)
            elif first == "{":
                yield from _of_lines(path, file)
            else:
                raise InputError(f"{path} is {'empty' if not first else 'not JSON'}: give {_FORMS}.")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text: give {_FORMS}.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a file that you may read.") from None


def _of_lines(path: Path, file: TextIO) -> Iterator[Entry]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            whole = ": give the list of predictions alone" if number == 1 and line.strip() == "{" else ""
            raise InputError(f"{place} is not one JSON object{whole or f' ({error}): write one a line'}.") from None
        if number == 1 and isinstance(record, dict) and {"annotations", "predictions"} & set(record):
            raise InputError(f"{path} is an object, not a list: give the list of predictions alone.")
        yield _entry(record, place)


def _of_list(path: Path, file: TextIO) -> Iterator[Entry]:
    """The elements of a list, however long: a chunk of the text and one element are in memory."""
    for number, record in enumerate(_elements(path, file), start=1):
        yield _entry(record, f"{path}, prediction {number}")


def _elements(path: Path, file: TextIO) -> Iterator[Any]:
    decoder, text = json.JSONDecoder(), file.read(_CHUNK)
    at = text.index("[") + 1
    while True:
        at = _BETWEEN.match(text, at).end()
        if text[at : at + 1] == "]":
            break
        fault = "the list does not end"
        try:
            record, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            end, fault = len(text), error.msg
        except (RecursionError, ValueError) as error:
            raise InputError(f"{path}: a prediction cannot be read ({error}): give {_FORMS}.") from None
        if end < len(text):
            yield record
            at = end
        elif len(text) - at > _LONGEST:
            near = text[at : at + 40]
            raise InputError(
                f"{path} is damaged ({fault}) in the prediction that begins with {near!r}: write it again."
            )
        elif more := file.read(max(_CHUNK, len(text) - at)):  # what was read last may go on
            text, at = text[at:] + more, 0
        else:
            raise InputError(f"{path} is damaged or cut short ({fault}): write or copy it again.")
    if (text[at + 1 :] + file.read(_CHUNK)).strip():
        raise InputError(f"{path}: something follows the list; write one list alone, or JSON lines.")


def _entry(record: Any, place: str) -> Entry:
    if not isinstance(record, dict):
        raise InputError(f"{place} is not a JSON object: write one with ref_id, sent_id, segmentation and score.")
    fields = {name: value for name in _Record.__struct_fields__ if (value := record.get(name)) is not None}
    try:
        read = msgspec.convert(
            {name: value.item() if isinstance(value, np.generic) else value for name, value in fields.items()},
            _Record,
            strict=False,
        )
    except msgspec.ValidationError as error:
        raise InputError(f"{place}: {error}.") from None
    ids = None if read.ref_id is None or read.sent_id is None else (read.ref_id, read.sent_id)
    key = Key(read.row, ids)
    if key == Key():
        raise InputError(f"{place} does not say which expression it answers: give ref_id and sent_id, or row.")
    if "segmentation" not in record:
        raise InputError(f"{place} has no segmentation: give run lengths or polygons, or null for the empty mask.")
    score = read.score if read.score is not None or read.present is None else float(read.present)
    return Entry(place, key, _probability(score, place), record["segmentation"])


def _probability(score: Any, place: str) -> float | None:
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise InputError(f"{place}: its score is {score!r}; give the probability of presence, from 0 to 1.")
    return float(score)


def read_mask(path: Path) -> np.ndarray:
    """Read a mask from a PNG file: what is not 0 belongs to it. -> (H, W) bool

    Raises:
        InputError: it cannot be read, or it has colors.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            mode, pixels = picture.mode, np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as a mask ({error}): write it again.") from None
    if pixels.ndim != 2:
        raise InputError(f"{path} is a picture in {mode}: write masks in gray, or with a palette, 0 outside.")
    return pixels != 0
