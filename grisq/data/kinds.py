"""The three scenarios of Fig. 1, told apart by the number of targets."""

KINDS = ("no-target", "single-target", "multi-target")


def kind_index(target_count: int) -> int:
    """0 for no target, 1 for one, 2 for several: an index into KINDS."""
    return min(target_count, 2)


def kind_of(target_count: int) -> str:
    """Name of the scenario."""
    return KINDS[kind_index(target_count)]
