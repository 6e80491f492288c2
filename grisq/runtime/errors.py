"""One exception for everything that a user can correct."""


class InputError(ValueError):
    """An input is wrong. The message is one sentence: which file or field, and the fix.

    The command line prints the sentence and exits with status 2; in Python this is an ordinary exception.
    """
