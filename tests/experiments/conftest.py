"""Results that are made up so that one system is better than another by a known amount."""

import zlib

import numpy as np
import pytest

from grisq.config import preset, to_dict
from grisq.evaluation.outcomes import Samples
from grisq.experiments.results import SCHEMA, Cost, Result


@pytest.fixture(scope="session")
def make_result():
    """A function that makes up a result: 200 pictures with two expressions each, one of them without target."""

    def make(name, seed, *, iou, denied=0.0, noticed=0.5, has_head=True, accuracy=95.0):
        """Each target has the IoU `iou` (0 or 1 with that probability), is denied or noticed with these shares."""
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        count = np.tile([0, 1], 200)
        inside = np.where((rng.random(400) < iou) & (count == 1), 1000, 0)
        absent = rng.random(400) < np.where(count == 1, denied, noticed)
        samples = Samples(
            row=list(range(400)),
            image=np.repeat(np.arange(200), 2).tolist(),
            target_count=count.tolist(),
            predicted=[1000] * 400,
            annotated=(1000 * count).tolist(),
            intersection=inside.tolist(),
            presence=np.where(absent, 0.1, 0.9).tolist() if has_head else None,
            plurality=None,
        )
        return Result(
            schema=SCHEMA,
            experiment=name,
            preset="test",
            seed=seed,
            step=1,
            settings=to_dict(preset("tiny")),
            data="",
            counts={},
            parameters={},
            results={
                "val": {"protocols": {"rela": {"n_single": 200}}, "accuracy": {"plurality single-target": accuracy}}
            },
            history={"train": {}, "eval": {"plurality single-target": [50.0, accuracy], "n_single": [200, 200]}},
            samples={"val": samples},
            examples=[],
            cost=Cost(1.0, 1.0, None),
            trained=None,
            provenance={},
        )

    return make
