"""The model of Fig. 2, one noun of the paper per module; `network.GRISQ` puts them together."""

from grisq.torchvision_guard import ensure_torchvision_imports

ensure_torchvision_imports()  # before any module of this package imports timm or transformers
