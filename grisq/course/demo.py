"""The widget of notebook 00: a picture, an expression, and what the model predicts."""

import copy
import io
from collections.abc import Mapping
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display
from PIL import Image

from grisq.data.pictures import open_picture
from grisq.inference.picture_input import Picture, read_picture
from grisq.inference.prediction import Prediction
from grisq.inference.segmenter import Segmenter
from grisq.runtime.errors import InputError

UPLOADED = "your own file"
_LONGEST = 480  # pixels of the picture on the page
_NOT_ALIVE = "A widget stands here while the notebook runs: a picture, a field for the expression, and the answer."
# Jupyter closes the connection at a larger message, and no program in the kernel ever hears of it.
_LIMIT = "A file of more than 10 MB needs the JupyterLab of make lab (up to 256 MB)."


class Demo:
    """Choose or drop in a picture, type an expression, press Enter: mask, presence and plurality.

    `demo.show()` puts it on the page. `demo.prediction` is the last prediction, None after an error, which
    `demo.answer` then holds as one sentence. The given segmenter keeps its own threshold.

    Args:
        segmenter: the model.
        pictures: name -> picture, to choose from.
        expression: the first one to ask.

    Raises:
        InputError: without any picture.
    """

    def __init__(self, segmenter: Segmenter, pictures: Mapping[str, Picture], expression: str = "the dog"):
        if not pictures:
            raise InputError("There is no picture to ask about: give at least one.")
        self.segmenter, self.pictures = copy.copy(segmenter), dict(pictures)
        self.prediction: Prediction | None = None
        self.picture = widgets.Dropdown(options=list(self.pictures), description="picture")
        self.upload = widgets.FileUpload(accept="image/*", multiple=False, description="or your own")
        self.limit = widgets.Label(value=_LIMIT)
        self.text = widgets.Text(value=expression, description="expression", continuous_update=False)
        self.threshold = widgets.FloatSlider(
            value=segmenter.threshold, min=0, max=1, step=0.05, description="presence ≥", continuous_update=False
        )
        self.before = widgets.Checkbox(
            value=False,
            indent=False,
            description="show the mask before the presence decision",
            layout=widgets.Layout(width="auto"),
        )
        self.image = widgets.Image(format="png")
        self.answer = widgets.Label(value="")
        for control in (self.picture, self.text, self.threshold, self.before):
            control.observe(self.update, names="value")
        self.upload.observe(self._uploaded, names="value")
        self.update()

    def update(self, *_) -> None:
        """Predict again and show the result; a bad input becomes a sentence in the widget."""
        self.segmenter.threshold = self.threshold.value
        try:
            prediction = self.segmenter(self.pictures[self.picture.value], self.text.value)
        except InputError as error:
            self._refuse(str(error))
            return
        self.prediction, self.answer.value = prediction, prediction.describe()
        drawn = prediction.overlay(raw=self.before.value)
        drawn.thumbnail((_LONGEST, _LONGEST))
        if max(drawn.size) < _LONGEST:  # a small picture in its own pixels, larger
            factor = max(1, _LONGEST // max(drawn.size))
            drawn = drawn.resize((drawn.width * factor, drawn.height * factor), Image.Resampling.NEAREST)
        file = io.BytesIO()
        drawn.save(file, "png")
        self.image.value = file.getvalue()

    def _uploaded(self, change) -> None:
        """Take the file that was dropped in as one more picture and choose it."""
        if not change["new"]:
            return
        (file,) = change["new"]
        name = f"{UPLOADED}: {Path(file['name']).name}"
        try:
            picture = open_picture(io.BytesIO(bytes(file["content"])), name=file["name"])
        except InputError as error:
            self._refuse(str(error))
            return
        self.pictures[name] = read_picture(picture)
        shown = self.picture.value
        if name not in self.picture.options:
            self.picture.options = list(self.pictures)
        self.picture.value = name
        if shown == name:  # the same name again, with another content
            self.update()

    def _refuse(self, sentence: str) -> None:
        """Show what is wrong, and no mask that belongs to another question."""
        self.prediction, self.answer.value, self.image.value = None, sentence, b""

    def show(self) -> None:
        """Put the widget on the page; where widgets do not work, as on paper, a sentence stands there."""
        controls = widgets.VBox([self.picture, self.upload, self.limit, self.text, self.threshold, self.before])
        bundle = widgets.VBox([widgets.HBox([self.image, controls]), self.answer])._repr_mimebundle_()
        display(bundle | {"text/plain": _NOT_ALIVE}, raw=True)
