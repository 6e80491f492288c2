"""Pretrained weights for backbones: Swin and the convolutional trunks from timm, transformers' text and vision models.

Weights that do not fill every tensor of the backbone are refused: a backbone that is half random trains without an
error and never becomes good.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import timm
import torch
from timm.models import load_state_dict
from timm.models.swin_transformer import checkpoint_filter_fn
from torch import Tensor, nn
from transformers import AutoConfig, BertModel
from transformers.utils import logging

from grisq.config import ConvNetConfig, ModelConfig, TextConfig
from grisq.models.layers.convolutional_trunk import ConvolutionalTrunk
from grisq.models.layers.swin import build_swin
from grisq.models.packaged_weights import local_copy
from grisq.runtime.errors import InputError

_SWIN_SETTING, _BERT_SETTING = "model.swin.pretrained", "model.text.pretrained"
_FIRST_OF_SWIN = "patch_embed.proj.weight"  # in timm's and in Microsoft's files
# What training code puts before BERT's own names: "module.bert.", "text_encoder.bert.", "module.", ...
_WRAPPERS = {r"^(?:.+\.)?bert\.": "", r"^(?:(?:module|model|backbone)\.)+": ""}


def load_swin(patch_embed: nn.Module, stages: nn.Module, config: ModelConfig) -> None:
    """Fill a Swin trunk with the weights that `config.swin.pretrained` names: a file or the name of a timm model.

    Args:
        patch_embed: the trunk's patch embedding.
        stages: its four stages.
        config: the model's configuration.

    Raises:
        InputError: the weights cannot be read or do not fit.
    """
    name = local_copy(config.swin.pretrained)
    trunk = build_swin(config.swin, config.image_size)
    try:
        weights = (
            load_state_dict(name) if Path(name).exists() else timm.create_model(name, pretrained=True).state_dict()
        )
    except Exception as error:  # errors of hub, network and file from three libraries
        raise _unavailable("Swin", _SWIN_SETTING, name, error) from None
    weights, prefix = _without_prefix(weights, _FIRST_OF_SWIN)
    try:
        weights = checkpoint_filter_fn(weights, trunk)
    except Exception as error:  # it resizes tables of positions, and fails on shapes that it does not know
        raise _unavailable("Swin", _SWIN_SETTING, name, error) from None
    _check_fit("Swin", name, trunk.state_dict(), weights, prefix)
    trunk.load_state_dict(weights, strict=False)
    patch_embed.load_state_dict(trunk.patch_embed.state_dict())
    stages.load_state_dict(trunk.layers.state_dict())


def load_trunk(trunk: ConvolutionalTrunk, config: ConvNetConfig, setting: str) -> str:
    """Fill a convolutional trunk with the weights that its configuration names: a file or the name of a timm model.

    Returns: a line that says so.
    Raises: InputError if they cannot be read or do not fit.
    """
    load_weights(
        trunk.net,
        config.family,
        f"{setting}.pretrained",
        config.pretrained,
        lambda name: timm.create_model(name, pretrained=True, num_classes=0),
    )
    return f"{config.family}: weights of {config.pretrained}"


def load_bert(bert: BertModel, config: TextConfig) -> None:
    """Fill a BERT with the weights that `config.pretrained` names: a folder, a hub name or package:NAME/FOLDER.

    Raises: InputError if the weights cannot be read, do not fit, or are not those of a BERT.
    """
    name = local_copy(config.pretrained)
    try:
        family = AutoConfig.from_pretrained(name).model_type
        if family != "bert":
            raise InputError(f"{name} is a {family} model and the text encoder is a BERT: set {_BERT_SETTING} to one.")
        with _quiet(name):
            found, report = BertModel.from_pretrained(
                name,
                add_pooling_layer=False,
                key_mapping=_WRAPPERS,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except InputError:
        raise
    except Exception as error:  # errors of hub, network and file from three libraries
        raise _unavailable("BERT", _BERT_SETTING, name, error) from None
    weights = {key: value for key, value in found.state_dict().items() if key not in report["missing_keys"]}
    # Tensors of another shape than config.json says; transformers left random ones in their place.
    weights |= {key: torch.empty(shape, device="meta") for key, shape, _ in report["mismatched_keys"]}
    _check_fit("BERT", name, bert.state_dict(), weights, other_names=sorted(report["unexpected_keys"]))
    bert.load_state_dict(weights)


def load_weights(
    module: nn.Module,
    what: str,
    setting: str,
    name: str,
    from_hub: Callable[[str], nn.Module],
    *,
    new_rows: int = 0,
    new_tensors: tuple[str, ...] = (),
) -> None:
    """Fill a module with weights: those of a file, or of a model that another library opens by its name or folder.

    Args:
        module: to fill.
        what: it is, for messages.
        setting: that names the weights.
        name: its value.
        from_hub: opens a name or a folder.
        new_rows: entries of the vocabulary that the weights do not have; they stay as they are.
        new_tensors: endings of the names of tensors that the weights do not have either.

    Raises:
        InputError: the weights cannot be read or do not fit.
    """
    fill(module, what, name, read_weights(what, setting, name, from_hub), new_rows=new_rows, new_tensors=new_tensors)


def read_weights(what: str, setting: str, name: str, from_hub: Callable[[str], nn.Module]) -> dict[str, Tensor]:
    """The tensors of a file, or of a model that another library opens by its name or folder; see `load_weights`.

    Raises: InputError if they cannot be read.
    """
    name = local_copy(name)
    try:
        with _quiet(name):
            return load_state_dict(name) if Path(name).is_file() else from_hub(name).state_dict()
    except Exception as error:  # errors of hub, network and file from three libraries
        raise _unavailable(what, setting, name, error) from None


def fill(
    module: nn.Module,
    what: str,
    name: str,
    found: dict[str, Tensor],
    *,
    new_rows: int = 0,
    new_tensors: tuple[str, ...] = (),
) -> None:
    """Put tensors into a module; those that it does not have are left out. Arguments as of `load_weights`.

    Raises: InputError if one is missing or has another shape.
    """
    wanted, found = module.state_dict(), dict(found)
    for key, value in found.items() if new_rows else ():
        rows, *rest = value.shape or (0,)
        if key in wanted and wanted[key].shape == (rows + new_rows, *rest):
            found[key] = torch.cat([value.to(wanted[key].dtype), wanted[key][-new_rows:]])
    if new_tensors:
        found = {key: value for key, value in wanted.items() if key.endswith(new_tensors)} | found
    _check_fit(what, local_copy(name), wanted, found)
    module.load_state_dict({key: found[key] for key in wanted})


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Without transformers' report on missing tensors, which `_check_fit` turns into one sentence.

    Where nothing is downloaded, without its bar either, which is over at once.
    """
    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    if Path(name).exists():
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()


def _without_prefix(weights: dict[str, Tensor], first: str) -> tuple[dict[str, Tensor], str]:
    """Weights whose names begin as ours do, and what stood before them in the file ("backbone.", "module.", ...)."""
    prefixes = [name.removesuffix(first) for name in weights if name.endswith(first)]
    prefix = min(prefixes, key=len, default="")
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}, prefix


def _check_fit(
    backbone: str,
    name: str,
    wanted: dict[str, Tensor],
    found: dict[str, Tensor],
    prefix: str = "",
    other_names: Sequence[str] = (),
) -> None:
    """Raise InputError that names the first tensor which is missing or has another shape.

    Args:
        backbone: in the sentence, as `name` is.
        name: of the weights.
        wanted: the backbone's tensors.
        found: the file's tensors under the backbone's names.
        prefix: what stood before these names in the file.
        other_names: names in the file that the backbone does not have.
    """
    for key, tensor in wanted.items():
        if key not in found:
            names = [*found, *other_names] or ["no tensor at all"]
            raise InputError(
                f"The {backbone} weights {name!r} lack {prefix}{key} (they have {prefix}{names[0]}): they are "
                "incomplete or belong to another architecture."
            )
        if found[key].shape != tensor.shape:
            raise InputError(
                f"The {backbone} weights {name!r} do not fit: {prefix}{key} has shape {tuple(found[key].shape)} and "
                f"the model needs {tuple(tensor.shape)}; set the sizes of the model to those of the weights."
            )


def _unavailable(backbone: str, setting: str, name: str, error: Exception) -> InputError:
    """The first line of a library's error, and what to do."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return InputError(
        f"The {backbone} weights {name!r} cannot be loaded ({reason}): give a local copy with {setting}=PATH, "
        f"or {setting}=none to start from random weights."
    )
