"""Export of a trained model for programs without grisq: ONNX or torch.export, its tokenizer, and how to use them."""

import importlib.util
import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from grisq import checkpoint
from grisq.config.answer import THRESHOLD
from grisq.data.sample import IMAGENET_MEAN, IMAGENET_STD
from grisq.data.tokenizer import NO_WORDS, TOKENIZER_FILE
from grisq.evaluation.protocols import PROTOCOLS
from grisq.inference.hub import find_model
from grisq.models.base import System
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError
from grisq.runtime.files import atomic_folder, read_json, refuse_if_taken, write_json
from grisq.runtime.provenance import provenance

ABOUT = "model.json"
FORMS = ("onnx", "pt2")
_INPUTS = ("images", "valid", "tokens", "token_mask")
_RULE = PROTOCOLS["rela"]  # the 50-pixel rule, for systems without presence head
_OPSET = 20  # the first whose GridSample has the modes that torch exports


class Exported(nn.Module):
    """The network of an exported file: pixels and token ids in, probabilities out.

    Shapes: images (B, 3, S, S) uint8 RGB, valid (B, S, S) bool, False in the letterbox's padding, tokens (B, T) long,
    token_mask (B, T) bool -> difference (B, S, S), the logit that a pixel belongs to the target; presence (B,) and
    plurality (B,), probabilities; word_attention (B, T) of the target query (Eq. 3), if `word_attention` is asked for.
    What the system does not have is left out.
    """

    def __init__(self, model: System, *, word_attention: bool = False):
        super().__init__()
        self.model = model
        self.word_attention = word_attention and isinstance(model, GRISQ) and model.target_query is not None
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1))

    def forward(self, images: Tensor, valid: Tensor, tokens: Tensor, token_mask: Tensor) -> dict[str, Tensor]:
        scaled = (images.float() - self.mean) / self.std * valid[:, None]
        more = {"need_weights": True} if self.word_attention else {}
        output = self.model(scaled, valid, tokens, token_mask, **more)
        found = {"difference": output.mask_logits[:, 1] - output.mask_logits[:, 0]}
        for name, logits in (("presence", output.presence_logits), ("plurality", output.plurality_logits)):
            if logits is not None:
                found[name] = logits.softmax(-1)[:, 1]
        if self.word_attention:
            found["word_attention"] = output.attention[0]
        return found


def export(model: Path | None, out: Path, *, form: str = "onnx") -> Path:
    """Write `model.onnx` or `model.pt2`, `tokenizer.json` and `model.json` into a folder.

    Batch size and number of tokens stay free, but for a system with a recurrent text encoder, which takes a fixed
    number; the side of the canvas is the model's.

    Args:
        model: a run or a checkpoint; None for the bundled model.
        out: the folder; an older export in it is replaced.
        form: "onnx" or "pt2".

    Returns:
        out.

    Raises:
        InputError: for an unknown form, a folder that is taken, or if the packages that write ONNX are missing.
    """
    if form not in FORMS:
        raise InputError(f"--format cannot be {form!r}: choose onnx or pt2.")
    if form == "onnx":
        check_packages()
    out = Path(out)
    if not _is_export(out):
        refuse_if_taken(out)
    loaded = checkpoint.load(find_model(model))
    with atomic_folder(out, replace=True) as partial:
        write_network(loaded, partial, form=form)
    return out


def check_packages() -> None:
    """Raise InputError if a package that writes ONNX is missing."""
    if not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript")):
        raise InputError("Writing ONNX needs the packages onnx and onnxscript: pip install 'grisq[export]'.")


def write_network(
    loaded: checkpoint.Checkpoint, folder: Path, *, form: str = "onnx", word_attention: bool = False
) -> None:
    """Write the network, its tokenizer and `model.json`, which explains both, into a folder that is there.

    Args:
        loaded: the trained model.
        folder: where to.
        form: "onnx" or "pt2".
        word_attention: whether the attention of the target query over the words is an output, where there is one.
    """
    exported = Exported(loaded.model.eval(), word_attention=word_attention).eval()
    length = None if loaded.model.free_length else loaded.model.config.text.max_tokens_mosaic
    example = _example(loaded.model.config.image_size, length or 7)
    batch = torch.export.Dim("batch")
    shapes = {name: {0: batch} for name in _INPUTS}
    if length is None:
        for name in _INPUTS[2:]:
            shapes[name][1] = torch.export.Dim("length", max=loaded.model.most_tokens)
    with torch.no_grad():
        outputs = list(exported(*example))
        program = torch.export.export(exported, example, dynamic_shapes=shapes)
        if form == "onnx":
            _write_onnx(program, example, outputs, folder / "model.onnx")
        else:
            torch.export.save(program, folder / "model.pt2")
    loaded.tokenizer.save(folder)
    write_json(folder / ABOUT, _about(loaded, outputs, form, length))


def _is_export(folder: Path) -> bool:
    """Whether a folder holds an export by grisq and nothing else: other programs write a model.json too."""
    if not (folder / ABOUT).is_file():
        return False
    try:
        about = read_json(folder / ABOUT)
    except InputError:
        return False
    files = {path.name for path in folder.iterdir()} - {ABOUT, TOKENIZER_FILE}
    known = isinstance(about, dict) and {"inputs", "outputs", "presence_threshold", "provenance"} <= about.keys()
    return known and files == {about.get("file")} <= {f"model.{form}" for form in FORMS}


def _example(side: int, length: int) -> tuple[Tensor, ...]:
    """Return inputs of two samples: torch.export takes a batch of one for a constant."""
    valid = torch.ones(2, side, side, dtype=torch.bool)
    valid[0, side // 2 :] = False
    tokens = torch.ones(2, length, dtype=torch.long)
    return torch.zeros(2, 3, side, side, dtype=torch.uint8), valid, tokens, tokens > 0


def _write_onnx(program, example: tuple[Tensor, ...], outputs: list[str], path: Path) -> None:
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)  # they report their own conversions
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            program,
            example,
            path,
            input_names=list(_INPUTS),
            output_names=outputs,
            opset_version=_OPSET,
            external_data=False,
            verbose=False,
        )


def _about(loaded: checkpoint.Checkpoint, outputs: list[str], form: str, length: int | None) -> dict:
    fixed = f"; always {length} of them, filled up with pad_id" if length else ""
    config, side = loaded.model.config, loaded.model.config.image_size
    least_share = _RULE.min_pixels / _RULE.square**2
    return {
        "file": f"model.{form}",
        "inputs": {
            "images": f"uint8 (B, 3, {side}, {side}), RGB, the picture letterboxed into the top-left corner",
            "valid": f"bool (B, {side}, {side}), false in the padding",
            "tokens": f"int64 (B, T), of tokenizer.json, with its first and last mark{fixed}",
            "token_mask": "bool (B, T), false in the padding",
        },
        "outputs": outputs,
        "side": side,
        "max_tokens": config.text.max_tokens_mosaic,
        "length": length,
        "pad_id": loaded.tokenizer.pad_id,
        "end_id": loaded.tokenizer.end_id,
        "no_words": sorted(NO_WORDS),
        "presence_threshold": THRESHOLD,
        "least_share": least_share,
        "without_presence": f"a mask of fewer than {least_share:.2%} of the picture is none",
        "trained": loaded.about.get("provenance"),
        "provenance": provenance(),
    }
