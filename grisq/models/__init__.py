"""The systems of Table 1, one a file, and the parts of Fig. 2 that they are made of."""

from grisq.runtime.torchvision_guard import ensure_torchvision_imports

ensure_torchvision_imports()  # before any module of this package imports timm or transformers
