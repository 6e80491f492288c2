"""Convolutional vision trunks by timm, none of which reads the letterbox padding.

timm owns the weights and the formulae. This module cuts the networks into a stem and stages, as Swin is cut, and sets
the padding to zero before every layer that reads its neighbors, as if the canvas ended where the picture ends.
"""

from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg
from timm.models.cspnet import CspModelCfg, CspNet, CspStagesCfg, CspStemCfg
from timm.models.resnet import Bottleneck, ResNet
from torch import Tensor, nn

from grisq.config import ConvNetConfig
from grisq.models.layers.clip_normalization import normalize_for_clip
from grisq.models.layers.convolution import channels_last
from grisq.models.layers.feature_map import FeatureMap
from grisq.models.layers.padding import pool

STRIDES = (4, 8, 16, 32)
_LEAK = 0.1  # slope of Darknet's leaky ReLU; timm's default is 0.01
_PUBLISHED_STEM = 64  # of ResNet, whose width timm fixes
_EXPANSION = Bottleneck.expansion


class ConvolutionalTrunk(nn.Module):
    """A convolutional network without classifier; its last four stages have strides 4, 8, 16 and 32.

    In evaluation, padding changes nothing inside the picture. In training the statistics of batch normalization count
    the positions of the padding too.

    Shapes: image (B, 3, H, W) normalized, H and W multiples of 32; valid (B, H, W) bool or None -> four FeatureMaps
    with channels `self.channels`.
    """

    def __init__(self, config: ConvNetConfig):
        super().__init__()
        self.net = build_convnet(config)
        self.channels = tuple(config.widths)
        self.of_clip = config.family == "clip-resnet"
        self._masks: dict[tuple[int, int], Tensor] = {}  # of this forward pass, by (height, width)
        for module in self.net.modules():
            if isinstance(module, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d) and _reads_neighbors(module):
                module.register_forward_pre_hook(self._without_padding)
        channels_last(self.net)

    def forward(self, image: Tensor, valid: Tensor | None) -> list[FeatureMap]:
        valids = [pool(valid, stride) for stride in STRIDES]
        self._masks = {} if valid is None else _masks(valid)
        image = normalize_for_clip(image) if self.of_clip else image
        features = self.net.forward_intermediates(image, indices=len(STRIDES), intermediates_only=True)
        self._masks = {}
        return [FeatureMap(x.permute(0, 2, 3, 1), where) for x, where in zip(features, valids, strict=True)]

    def _without_padding(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
        if not self._masks:
            return None
        (x,) = inputs
        return (x * self._masks[tuple(x.shape[-2:])],)


def _masks(valid: Tensor) -> dict[tuple[int, int], Tensor]:
    """Where the picture is, 1 or 0, at every stride. (B, H, W) -> (B, 1, H / stride, W / stride) each."""
    pooled = [pool(valid, stride)[:, None].float() for stride in (1, 2, *STRIDES)]
    return {tuple(mask.shape[-2:]): mask for mask in pooled}


def _reads_neighbors(module: nn.Module) -> bool:
    size = module.kernel_size
    return max(size if isinstance(size, tuple) else (size,)) > 1


def build_convnet(config: ConvNetConfig) -> nn.Module:
    """The network of a configuration with random weights, under timm's names."""
    return {"darknet": _darknet, "resnet": _resnet, "clip-resnet": _clip_resnet}[config.family](config)


def _darknet(config: ConvNetConfig) -> nn.Module:
    """DarkNet-53 (Redmon and Farhadi 2018) at the published sizes: a stage at stride 2 before the last four."""
    stages = CspStagesCfg(
        depth=(1, *config.depths),
        out_chs=(2 * config.stem, *config.widths),
        stride=(2,) * 5,
        groups=1,
        block_ratio=1.0,
        bottle_ratio=0.5,
        avg_down=False,
        attn_layer=None,
        attn_kwargs=None,
        stage_type="dark",
        block_type="dark",
    )
    stem = CspStemCfg(out_chs=config.stem, kernel_size=3, stride=1, pool="")
    net = CspNet(CspModelCfg(stem=stem, stages=stages, act_layer="leaky_relu"), num_classes=0, zero_init_last=False)
    for module in net.modules():
        if isinstance(module, nn.LeakyReLU):
            module.negative_slope = _LEAK
    return net


def _resnet(config: ConvNetConfig) -> nn.Module:
    """ResNet-101 (He et al. 2016) at the published sizes; a narrower one has three 3x3 convolutions for a 7x7 one."""
    stem = {} if config.stem == _PUBLISHED_STEM else {"stem_type": "deep", "stem_width": config.stem // 2}
    return ResNet(
        Bottleneck,
        config.depths,
        num_classes=0,
        channels=tuple(width // _EXPANSION for width in config.widths),
        zero_init_last=False,
        **stem,
    )


def _clip_resnet(config: ConvNetConfig) -> nn.Module:
    """CLIP's ResNet-101 (Radford et al. 2021): three convolutions before the stages, means instead of strides."""
    blocks = tuple(
        ByoBlockCfg(type="bottle", d=depth, c=width, s=1 if i == 0 else 2, br=1 / _EXPANSION)
        for i, (width, depth) in enumerate(zip(config.widths, config.depths))
    )
    stem = (config.stem // 2, config.stem // 2, config.stem)
    made = ByoModelCfg(
        blocks=blocks, downsample="avg", stem_type="", stem_pool="avg2", stem_chs=stem, act_layer="relu", aa_layer="avg"
    )
    return ByobNet(made, num_classes=0, zero_init_last=False)
