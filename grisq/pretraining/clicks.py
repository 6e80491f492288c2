"""SAM's mask decoder learns to draw the object under a click, as SAM's had before LISA prompts it with a word."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from grisq.config import ModelConfig
from grisq.data.grefcoco import GRefCOCO
from grisq.data.instances import STRIDE, InstanceReader
from grisq.data.letterbox import Letterbox
from grisq.data.loader import evenly
from grisq.data.sample import empty_canvas, normalize, open_annotated, place
from grisq.models.layers.prompted_mask_decoder import PromptedMaskDecoder, dice_loss
from grisq.pretraining.schedule import PretrainConfig, hash_of, key_of, train
from grisq.runtime.device import resolve_device
from grisq.runtime.seed import generator, seed_everything

CLICKS = 4  # in a picture and step; its embedding is read once for all of them
HELD_OUT = 500  # pictures of val at most
_DICE = 0.25  # as a share of the pixel loss: what LISA trains the decoder with
_POSITIVE = 1  # SAM's number of a click on the object


class EmbeddedPictures(NamedTuple):
    """The features of pictures from a frozen encoder, and their objects. S is the side of the canvas."""

    embedded: Tensor  # (N, C, h, w), half precision
    masks: list[np.ndarray]  # of each picture: (objects, S/4, S/4) bool, none of them empty


def pretrain_clicks(
    config: ModelConfig,
    encoder: dict[str, Tensor],
    data: GRefCOCO,
    schedule: PretrainConfig,
    state: Path,
    *,
    device: str = "cpu",
    progress: bool = True,
) -> tuple[dict[str, Tensor], float]:
    """Train the mask decoder on clicks, over an image encoder that stays as it is.

    A stopped training of the same schedule, sizes, data and encoder resumes from the file `state`.

    Args:
        config: of LISA.
        encoder: weights of SAM's image encoder.
        data: the set to learn from.
        schedule: length and rates; a step takes `batch` pictures with `CLICKS` clicks each.
        state: file from which a stopped training resumes.
        device: auto, cpu, cuda, cuda:1, mps.
        progress: whether to draw bars.

    Returns:
        The weights of the whole SAM on the CPU, and the mean IoU of held-out clicks.
    """
    seed_everything(schedule.seed)
    where = resolve_device(device)
    decoder = PromptedMaskDecoder(config.lisa.sam, config.image_size, config.text.hidden)
    decoder.sam.vision_encoder.load_state_dict(encoder)
    decoder.requires_grad_(False)
    for learned in (decoder.sam.mask_decoder, decoder.sam.prompt_encoder.no_mask_embed, _click(decoder)):
        learned.requires_grad_(True)
    decoder.sam.mask_decoder.iou_prediction_head.requires_grad_(False)
    decoder.to(where)
    pictures, held_out = (
        embed_pictures(decoder, data, ids, config.image_size, progress)
        for ids in (_pictures(data, "train"), evenly(_pictures(data, "val"), HELD_OUT))
    )

    def losses(done: int) -> Iterator[Tensor]:
        for step in range(done, schedule.steps):
            rng = generator(schedule.seed, step)
            yield ask(decoder, pictures, rng.integers(len(pictures.masks), size=schedule.batch), rng)[0]

    key = key_of(schedule, config.lisa.sam, config.image_size, data.content_hash, hash_of(encoder))
    train(decoder, schedule, state, key, losses, what="clicks", progress=progress)
    decoder.eval()
    rng = generator(schedule.seed, schedule.steps)
    with torch.no_grad():
        found = [ask(decoder, held_out, np.array([number]), rng)[1] for number in range(len(held_out.masks))]
    return decoder.cpu().sam.state_dict(), float(torch.cat(found).mean())


@torch.no_grad()
def embed_pictures(
    decoder: PromptedMaskDecoder, data: GRefCOCO, image_ids: np.ndarray, side: int, progress: bool = True
) -> EmbeddedPictures:
    """Encode each picture once; those without an object on the canvas are left out.

    Args:
        decoder: has the encoder.
        data: has the pictures.
        image_ids: which of them.
        side: of the canvas.
        progress: whether to draw a bar.
    """
    reader, device = InstanceReader(data), next(decoder.parameters()).device
    embedded, masks = [], []
    for image_id in tqdm(image_ids.tolist(), unit="picture", desc="embedded", disable=not progress):
        info = data.image(image_id)
        box = Letterbox(info.width, info.height, side)
        objects = reader.read(image_id, (), box, side).masks
        objects = objects[objects.any((1, 2))]
        if not len(objects):
            continue
        canvas, valid = empty_canvas(side)
        place(canvas, valid, open_annotated(data, image_id, near=side), box, 0, 0)
        inside = torch.from_numpy(valid)[None].to(device)
        pixels = normalize(torch.from_numpy(canvas).permute(2, 0, 1)[None].to(device), inside)
        embedded.append(decoder.embed(pixels, inside).half())
        masks.append(objects)
    return EmbeddedPictures(torch.cat(embedded), masks)


def ask(
    decoder: PromptedMaskDecoder, pictures: EmbeddedPictures, chosen: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Click on random pixels of random objects, and compare what is drawn.

    Args:
        decoder: to ask.
        pictures: to click in.
        chosen: (B,) numbers of pictures.
        rng: chooses objects and pixels.

    Returns:
        The loss, and the IoU of every click, (B, CLICKS).
    """
    picked = [_random_clicks(pictures.masks[number], rng) for number in chosen]
    device = pictures.embedded.device
    places, masks = (torch.from_numpy(np.stack(each)).to(device) for each in zip(*picked))
    logits = draw(decoder, pictures.embedded[torch.from_numpy(chosen)].float(), places)
    logits = F.interpolate(logits, size=masks.shape[-2:], mode="bilinear")
    pixel = F.binary_cross_entropy_with_logits(logits, masks.float())
    dice = dice_loss(logits.flatten(0, 1), masks.flatten(0, 1)).mean()
    drawn = logits > 0
    iou = (drawn & masks).sum((2, 3)) / (drawn | masks).sum((2, 3))  # no mask is empty
    return pixel + _DICE * dice, iou.detach()


def draw(decoder: PromptedMaskDecoder, embedded: Tensor, places: Tensor) -> Tensor:
    """Mask logits for clicks. embedded (B, C, h, w), places (B, K, 2), x and y in pixels, -> (B, K, H, W)."""
    side = decoder.sam.config.vision_config.image_size
    at = decoder.sam.shared_image_embedding(places[:, :, None].clone(), (side, side))  # it changes its argument
    return decoder.decode(embedded, at + _click(decoder).weight)


def _click(decoder: PromptedMaskDecoder) -> torch.nn.Embedding:
    """SAM's embedding of a click on the object."""
    return decoder.sam.prompt_encoder.point_embed[_POSITIVE]


def _random_clicks(objects: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels of random objects, (CLICKS, 2) in pixels of the canvas, and the masks of these objects."""
    wanted = objects[rng.integers(len(objects), size=CLICKS)]
    pixels = [rng.choice(np.argwhere(mask)) for mask in wanted]  # row, column
    return (np.array(pixels, dtype=np.float32)[:, ::-1] + 0.5) * STRIDE, wanted


def _pictures(data: GRefCOCO, split: str) -> np.ndarray:
    return np.unique(data.image_ids[data.rows(split)])
