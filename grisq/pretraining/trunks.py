"""The vision trunks of all systems in one form: a picture in, levels of features out."""

from torch import Tensor, nn

from grisq.config import ModelConfig, Preset, SwinConfig, override
from grisq.models.layers.convolutional_trunk import ConvolutionalTrunk
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.llava import LLaVA
from grisq.models.layers.padding import pool
from grisq.models.layers.prompted_mask_decoder import PromptedMaskDecoder
from grisq.models.layers.swin import build_swin, run_stage

# By the name of its file: the system whose settings give its sizes.
TRUNKS = {
    "swin": "grisq",
    "darknet": "lts",
    "resnet": "mattnet",
    "clip-resnet": "cris",
    "clip-vit": "lisa",
    "sam": "lisa",
}


class SwinTrunk(nn.Module):
    """Swin without words."""

    def __init__(self, swin: SwinConfig, side: int):
        super().__init__()
        trunk = build_swin(swin, side)
        self.patch_embed, self.layers = trunk.patch_embed, trunk.layers
        self.channels = tuple(swin.embed_dim * 2**i for i in range(len(swin.depths)))

    def forward(self, image: Tensor, valid: Tensor | None) -> list[FeatureMap]:
        x, valid = self.patch_embed(image), pool(valid, 4)
        levels = []
        for layer in self.layers:
            x, valid = run_stage(layer, x, valid)
            levels.append(FeatureMap(x, valid))
        return levels


class SAMTrunk(nn.Module):
    """SAM's image encoder: one level."""

    def __init__(self, model: ModelConfig):
        super().__init__()
        self.decoder = PromptedMaskDecoder(model.lisa.sam, model.image_size, model.text.hidden)
        self.stride, self.channels = model.lisa.sam.patch, (model.lisa.sam.channels,)

    def forward(self, image: Tensor, valid: Tensor | None) -> list[FeatureMap]:
        return [FeatureMap(self.decoder.embed(image, valid).permute(0, 2, 3, 1), pool(valid, self.stride))]


class CLIPTrunk(nn.Module):
    """CLIP's vision transformer at its own resolution: one level."""

    def __init__(self, model: ModelConfig):
        super().__init__()
        self.llava = LLaVA(model.lisa.vision_tower, model.text, 1)
        self.channels = (model.lisa.vision_tower.hidden,)

    def forward(self, image: Tensor, valid: Tensor | None) -> list[FeatureMap]:
        states, seen = self.llava.patch_features(image, valid)
        side = self.llava.sizes.side // self.llava.sizes.patch
        return [
            FeatureMap(states.unflatten(1, (side, side)), None if valid is None else seen.unflatten(1, (side, side)))
        ]


def build_trunk(name: str, preset: Preset) -> nn.Module:
    """A trunk by the name of its file, with random weights, at the sizes of a preset."""
    system = TRUNKS[name]
    model = override(preset, {"model.system": system}).model
    if name == "swin":
        return SwinTrunk(model.swin, model.image_size)
    if name == "sam":
        return SAMTrunk(model)
    if name == "clip-vit":
        return CLIPTrunk(model)
    return ConvolutionalTrunk(getattr(model, system).trunk)


def weights_of(trunk: nn.Module) -> dict[str, Tensor]:
    """The weights that a model takes over, under the names that timm and transformers give them."""
    match trunk:
        case ConvolutionalTrunk():
            return trunk.net.state_dict()
        case SAMTrunk():
            return trunk.decoder.sam.vision_encoder.state_dict()
        case CLIPTrunk():
            return trunk.llava.vision_tower.state_dict()
    return trunk.state_dict()
