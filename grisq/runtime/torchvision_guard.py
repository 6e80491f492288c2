"""Makes torchvision importable next to a torch of another build, as timm and transformers import it.

PyPI's torchvision is built for CUDA. Next to a CPU-only torch its compiled operators do not load, and
`import torchvision` fails with "operator torchvision::nms does not exist", although nothing here calls one.
Declaring the schemas that its Python code expects is enough for the import. Where the builds match, this
module imports torchvision and declares nothing.
"""

import sys

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[torch.library.Library] = []  # a Library that is garbage-collected takes its operators with it


def ensure_torchvision_imports() -> bool:
    """Make `import torchvision` work in this process. Returns True if operators had to be declared for it."""
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
        del sys.modules[name]  # left by the failed import
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)
    _declared.append(library)
    import torchvision  # noqa: F401

    return True
