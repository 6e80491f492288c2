"""A picture, an expression, and what the model makes of them: the widget of notebook 12."""

import io
from collections.abc import Mapping
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display
from PIL import Image

from grisq.errors import InputError
from grisq.predict import Picture, Prediction, Segmenter, read_picture

UPLOADED = "your own file"
_LONGEST = 480  # pixels of the picture on the page


class Demo:
    """Choose or drop in a picture, type an expression, press Enter: mask, presence and plurality.

    Show it by `demo.show()`; `demo.prediction` is the last answer, None after an error, which `demo.answer` holds as
    one sentence.
    """

    def __init__(self, segmenter: Segmenter, pictures: Mapping[str, Picture], expression: str = "the dog"):
        self.segmenter, self.pictures = segmenter, dict(pictures)
        self.prediction: Prediction | None = None
        self.picture = widgets.Dropdown(options=list(self.pictures), description="picture")
        self.upload = widgets.FileUpload(accept="image/*", multiple=False, description="or your own")
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
        """Ask the model again and show what it says; a bad input becomes a sentence in the widget."""
        self.segmenter.threshold = self.threshold.value
        try:
            said = self.segmenter(self.pictures[self.picture.value], self.text.value)
        except InputError as error:
            self.prediction, self.answer.value = None, str(error)
            return
        self.prediction, self.answer.value = said, said.describe()
        drawn = said.overlay(raw=self.before.value)
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
            picture = read_picture(Image.open(io.BytesIO(bytes(file["content"]))))
        except (OSError, InputError) as error:
            self.prediction = None
            self.answer.value = f"{file['name']} cannot be read as a picture ({error}): give a JPEG or PNG."
            return
        self.pictures[name] = picture
        self.picture.options = list(self.pictures)
        self.picture.value = name

    def show(self) -> None:
        """Put the widget on the page."""
        controls = widgets.VBox([self.picture, self.upload, self.text, self.threshold, self.before])
        display(widgets.VBox([widgets.HBox([self.image, controls]), self.answer]))
