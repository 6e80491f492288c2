"""One exception for everything that a user can mend."""


class InputError(ValueError):
    """Something given from outside is wrong. The message is one sentence: which file or field, and the fix.

    The command line prints the sentence alone and exits with status 2; in Python it is an ordinary exception.
    """
