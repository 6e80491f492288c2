"""How probabilities become an answer: the threshold of Sec. 3.4, and what it amounts to in words.

Light enough for modules that read stored results: nothing here imports torch.
"""

from grisq.runtime.errors import InputError

THRESHOLD = 0.5  # of every probability: presence, plurality, a pixel of the mask


def check_threshold(threshold: float) -> None:
    """Raise InputError if a threshold of presence is not a probability."""
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold must lie from 0 to 1, not at {threshold}: it is a probability.")


class Answer:
    """A base of everything that holds the probabilities of presence and plurality."""

    presence: float | None  # probability that the expression has a target; None without a presence head
    plurality: float | None  # probability that it has several; None without a plurality head
    threshold: float = THRESHOLD  # least probability of presence

    __slots__ = ()

    @property
    def present(self) -> bool | None:
        """The presence decision; None without a presence head, where the mask has to decide."""
        return None if self.presence is None else self.presence >= self.threshold

    @property
    def several(self) -> bool | None:
        """The plurality decision; None without a plurality head."""
        return None if self.plurality is None else self.plurality >= THRESHOLD

    @property
    def number(self) -> str | None:
        """ "one" or "several"; None without a plurality head."""
        return None if self.several is None else "several" if self.several else "one"

    @property
    def answer(self) -> str:
        """ "nothing", "one" or "several"; "present" without a plurality head."""
        return (self.number or "present") if self.present else "nothing"
