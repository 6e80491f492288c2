"""The drawing of the whole model: what it claims is true of the code, and it says so to those who cannot see it."""

import importlib
import io
import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from grisq.config import preset
from grisq.course import fig2
from grisq.course.architecture import IN_FIGURES, Links, architecture, show
from grisq.course.fig2 import ARROWS, BOXES, PARTS
from grisq.course.fig2_words import describe, where
from grisq.models.grisq import GRISQ
from grisq.runtime.errors import InputError
from grisq.runtime.paths import FIGURES, NOTEBOOKS

SPACE = "{http://www.w3.org/2000/svg}"
LIT = ((), ("text encoder", "multimodal encoder"), ("pixel decoder", "mask head"), ("target query",), ("answer",))


def followed(start):
    """The boxes that arrows lead to from a box, and the box itself."""
    found = {start}
    while more := {arrow.end for arrow in ARROWS if arrow.start in found} - found:
        found |= more
    return found


def test_a_box_has_seen_what_the_arrows_bring():
    seen, heard = followed("picture"), followed("tokens")
    kinds = {(True, False): "picture", (False, True): "words", (True, True): "both", (False, False): "learned"}
    for name, box in BOXES.items():
        if box.kind not in ("answer", "training"):
            assert box.kind == kinds[name in seen, name in heard], name


@pytest.fixture(scope="module")
def forward(model_config):
    """Tensors of a forward pass, by the box that shows them, and the gradients between them."""
    torch.manual_seed(0)
    model, tensors = GRISQ(model_config).eval(), {}
    hooks = {
        "words": (model.text_encoder, lambda output: output),
        "levels": (model.multimodal_encoder, lambda output: [level.features for level in output]),
        "layers": (model.pixel_decoder, lambda output: output.layers),
        "cross_words": (model.target_query.read_words, lambda output: output[0]),
        "cross_1": (model.target_query.read_decoder[0], lambda output: output[0]),
        "cross_L": (model.target_query.read_decoder[1], lambda output: output[0]),
    }
    for name, (module, read) in hooks.items():
        module.register_forward_hook(lambda _, given, output, n=name, r=read: tensors.update({n: r(output)}))
    image, tokens = torch.randn(1, 3, 64, 64, requires_grad=True), torch.randint(5, 200, (1, 6))
    output = model(image, None, tokens, torch.ones_like(tokens).bool())
    tensors |= {f"F{i}": level for i, level in enumerate(tensors.pop("levels"), start=1)}
    outputs = {name: getattr(output, f"{name}_logits") for name in ("mask", "presence", "plurality")}
    return tensors | {"picture": image, "initial": model.target_query.initial} | outputs


def parts_of_sequence(tensors):
    """(box, tensor, rows): boxes of the pixel decoder show rows of a whole sequence f_l."""
    ends = np.cumsum([0] + [(64 // stride) ** 2 for stride in (8, 16, 32)])
    for name, layer in (("f0", 0), ("fl", 1)):
        for j, (first, last) in zip((2, 3, 4), itertools.pairwise(ends)):
            yield f"{name}_{j}", tensors["layers"][layer], slice(first, last)


def test_gradients_flow_where_the_arrows_do_and_nowhere_else(forward):
    whole = {name: (tensor, slice(None)) for name, tensor in forward.items() if name != "layers"}
    sources = whole | {name: (tensor, rows) for name, tensor, rows in parts_of_sequence(forward)}
    for end in whole:
        value = whole[end][0]
        if not value.requires_grad or value.is_leaf:
            continue
        weights = torch.linspace(0.5, 1.5, value.numel()).view(value.shape)  # a norm's output has a constant sum
        asked = [tensor for tensor, _ in sources.values()]
        gradients = torch.autograd.grad((value**2 * weights).sum(), asked, retain_graph=True, allow_unused=True)
        reached = {
            name
            for (name, (tensor, rows)), gradient in zip(sources.items(), gradients)
            if gradient is not None and (gradient[:, rows] if rows != slice(None) else gradient).abs().max() > 0
        }
        assert reached == {name for name in sources if end in followed(name)}, end


def test_facts_are_the_presets_own():
    drawn = architecture(presets=("small",)).svg
    model = preset("small").model
    assert "Swin stage 3</text>" in drawn
    assert f">{model.swin.depths[2]} blocks<" in drawn
    assert f"L = {model.blocks} blocks" in drawn
    assert f"small ({model.image_size} px)" in drawn
    assert "tiny" not in drawn


def test_every_name_of_code_exists_and_every_part_has_its_notebook():
    for code in [part.code for part in PARTS.values()] + [box.code for box in BOXES.values() if box.code]:
        module, _, name = code.rpartition(".")
        assert hasattr(importlib.import_module(module), name), code
    for part in PARTS.values():
        place, notebook = where(part)
        assert re.match(r"(Eq\.|Sec\.) \d", place)
        assert (NOTEBOOKS / f"{notebook}.ipynb").is_file()
    assert where(PARTS["target query"])[0] == "Eq. 3, 4"


def test_links_lead_to_files_of_the_checkout_or_where_one_likes():
    drawn = ElementTree.fromstring(architecture(links=IN_FIGURES).svg)
    addresses = [link.get("href") for link in drawn.iter(f"{SPACE}a")]
    assert all((FIGURES / address).resolve().is_file() for address in addresses)
    assert len(addresses) == len(BOXES) + 2 * len(PARTS)
    book = architecture(links=Links("api/{package}.html#{name}", "{notebook}.html")).svg
    assert 'href="api/grisq.models.html#grisq.models.pixel_decoder.PixelDecoder"' in book
    assert f'href="{where(PARTS["answer"])[1]}.html"' in book
    assert "<a " not in architecture().svg


def test_it_names_itself_to_a_screen_reader():
    for links, role in ((Links(), "img"), (IN_FIGURES, "group")):  # links inside a picture would not be found
        root = ElementTree.fromstring(architecture(links=links).svg)
        assert root.get("role") == role
        assert [child.tag for child in root[:2]] == [f"{SPACE}title", f"{SPACE}desc"]
        assert "Pixel decoder (Eq. 2): F^M,2, F^M,3 and F^M,4 in; f_L^M,2" in root[1].text
        assert "F^M,1 120×120×128, 32×32×24" in root[1].text
    assert all(
        link.find(f"{SPACE}title").text for link in root.iter(f"{SPACE}a") if link.find(f"{SPACE}rect") is not None
    )


@pytest.mark.parametrize("lit", LIT)
def test_what_is_lit_is_not_dimmed_and_the_rest_is(lit):
    drawn = architecture(*lit)
    dim = [rect for group in ElementTree.fromstring(drawn.svg).iter(f"{SPACE}g") for rect in group.iter(f"{SPACE}rect")]
    dimmed = {tuple(float(rect.get(side)) for side in ("x", "y", "width", "height")) for rect in dim}
    for name, part in PARTS.items():
        assert (part.frame in dimmed) == bool(lit and name not in lit), name
    for name, box in BOXES.items():
        if box.part in lit or not lit:
            assert box.place not in dimmed, name
    read = {arrow.start for arrow in ARROWS if arrow.end in BOXES and BOXES[arrow.end].part in lit}
    assert not any(BOXES[name].place in dimmed for name in read if not BOXES[name].is_step)
    assert bool(dimmed) == bool(lit)
    assert all(name in drawn.alt.lower() for name in lit)


def test_a_lit_part_is_described_alone():
    said = describe("mask head")
    assert said == (
        "The whole model as boxes and arrows; mask head is lit, the rest is dimmed. "
        "Mask head (Sec. 3.1): F^M,1 and f_L^M,2 in; mask Ŷ out."
    )
    assert len(describe()) < 900


def test_a_notebook_gets_a_picture_with_its_description_and_the_way_to_the_others(monkeypatch):
    shown = []
    monkeypatch.setattr("grisq.course.architecture.display", shown.append)
    show("target query")
    picture, guide = shown
    data, metadata = picture._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert len(data["image/png"]) < 150_000
    assert metadata["image/png"] == {"alt": describe("target query"), "width": 900}
    assert "**Target query** (Eq. 3, 4)" in guide.data
    assert f"[Pixel decoder]({where(PARTS['pixel decoder'])[1]}.ipynb) (Eq. 2)" in guide.data


def test_an_unknown_part_is_refused():
    with pytest.raises(InputError, match="The drawing has no part 'decoder': choose from text encoder, multimodal"):
        architecture("decoder")


def test_the_committed_drawing_is_what_the_code_draws(tmp_path):
    """`make drawings` writes it; whoever changes names, notebooks or sizes runs it again."""
    drawn_svg, drawn_png = architecture(links=IN_FIGURES).save("architecture", tmp_path)
    assert drawn_svg.read_text(encoding="utf-8") == (FIGURES / "architecture.svg").read_text(encoding="utf-8")
    one, other = (
        np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (drawn_png, FIGURES / "architecture.png")
    )
    assert one.shape == other.shape == (2 * fig2.SIZE[1], 2 * fig2.SIZE[0], 3)
    assert (np.abs(one - other).max(-1) > 32).mean() < 1e-3  # processors round the edges of letters differently


def test_the_same_drawing_gives_the_same_bytes():
    assert architecture("answer").png(0.5) == architecture("answer").png(0.5)


def test_the_png_has_the_colors_of_the_svg():
    picture = np.asarray(Image.open(io.BytesIO(architecture().png(1))).convert("RGB"))
    for name in ("picture", "tokens", "F1", "mask"):
        x, y, _, height = BOXES[name].place
        fill = re.search(rf'<rect x="{x:g}" y="{y:g}"[^>]*fill="(#\w+)"', architecture().svg).group(1)
        corner = picture[int(y + height / 2), int(x) + 8]
        assert np.abs(corner.astype(int) - [int(fill[i : i + 2], 16) for i in (1, 3, 5)]).max() <= 3, name
