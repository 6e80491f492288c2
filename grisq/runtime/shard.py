"""A part of a work that several machines share."""

from dataclasses import dataclass

from grisq.runtime.errors import InputError


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of the work, counted from 1."""

    number: int = 1
    total: int = 1

    def __post_init__(self):
        if not 1 <= self.number <= self.total:
            raise InputError(f"There is no shard {self.number}/{self.total}: count them from 1, as in 1/4 to 4/4.")

    def name(self, what: str, ending: str) -> str:
        """Name of a file of its own, such as predictions-00002-of-00008.jsonl."""
        return f"{what}.{ending}" if self.total == 1 else f"{what}-{self.number:05d}-of-{self.total:05d}.{ending}"

    @classmethod
    def read(cls, text: str) -> "Shard":
        """Read I/N, such as 2/8. Raises InputError if it is something else."""
        part, slash, whole = text.partition("/")
        if not slash or not all(number.isascii() and number.isdigit() for number in (part, whole)):
            raise InputError(f"--shard takes I/N, such as 2/8 for the second of eight parts, not {text!r}.")
        return cls(int(part), int(whole))

    def take(self, length: int) -> range:
        """Its own of the places 0 ... length - 1: consecutive ones, and all shards have equally many or one more."""
        first, last = (length * number // self.total for number in (self.number - 1, self.number))
        return range(first, last)


WHOLE = Shard()
