"""Lets timm and transformers import torchvision beside a torch of another build.

PyPI's torchvision is built for CUDA. Next to a CPU-only torch its compiled operators do not load, and
`import torchvision` dies with "operator torchvision::nms does not exist" although nothing here ever calls one.
Declaring the schemas that its Python half expects is enough for the import; where the builds match this
module only imports torchvision and declares nothing.
"""

import sys

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # a Library that is collected takes its operators with it


def ensure_torchvision_imports() -> bool:
    """Make `import torchvision` work in this process; True if operators had to be declared for it."""
    if _declared:
        return True
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    else:
        return False
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left behind
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    _declared.append(library)
    import torchvision  # noqa: F401

    return True
