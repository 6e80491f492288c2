"""Pictures a second with the bundled model: one by one, in batches, and exported in onnxruntime.

    python benchmarks/prediction.py [--rounds 7 --pictures 48]

The time runs from the file to the mask at the picture's own size. onnxruntime and torch are also compared on the
network alone, with the same tensors.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from interleaved import medians, options, table

from grisq.config import preset
from grisq.data.catalog import load_dataset
from grisq.inference.export import Exported, export
from grisq.inference.segmenter import Segmenter


def jobs_of(count: int) -> list[tuple[Path, str]]:
    """Choose pictures and expressions of the tiny set's val split, evenly spaced."""
    data = load_dataset(preset("tiny"), progress=False)
    rows = data.rows("val")[np.linspace(0, len(data.rows("val")) - 1, count).astype(int)]
    found = [data.expression(int(row)) for row in rows]
    return [(data.image_path(each.image_id), each.text) for each in found]


def network_alone(segmenter: Segmenter, jobs: list[tuple[Path, str]], folder: Path) -> dict:
    """Return functions that run the same eight samples through torch and through onnxruntime."""
    from grisq.inference.picture_input import read_picture

    batch = segmenter._batch([(read_picture(picture), text) for picture, text in jobs[:8]])
    given = (batch.images, batch.valid, batch.tokens, batch.token_mask)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # or its threads take torch's time too
    session = onnxruntime.InferenceSession(export(None, folder / "exported") / "model.onnx", options)
    feed = {name: tensor.numpy() for name, tensor in zip(("images", "valid", "tokens", "token_mask"), given)}
    network = Exported(segmenter.model).eval()

    def torch_run():
        with torch.inference_mode():
            network(*given)

    return {"network alone, torch": torch_run, "network alone, onnxruntime": lambda: session.run(None, feed)}


def main() -> None:
    parser = options(__doc__, "sixteen pictures, one round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=48)
    arguments = parser.parse_args()
    rounds, count = (1, 16) if arguments.quick else (arguments.rounds, arguments.pictures)
    segmenter, jobs = Segmenter.from_pretrained(device="cpu"), jobs_of(count)
    whole = {"one by one": lambda: [segmenter(picture, text) for picture, text in jobs]}
    whole |= {f"many, batch {size}": lambda size=size: list(segmenter.many(jobs, batch=size)) for size in (8, 16)}
    with tempfile.TemporaryDirectory() as folder:
        times = medians(whole, rounds)
        alone = medians(network_alone(segmenter, jobs, Path(folder)), rounds)
    lines = [[name, f"{len(jobs) / seconds:.0f}"] for name, seconds in times.items()]
    lines += [[name, f"{8 / seconds:.0f}"] for name, seconds in alone.items()]
    print(table(["what", "pictures/s"], lines))


if __name__ == "__main__":
    main()
