import matplotlib.pyplot as plt

from grisq.course.fresh_run import curves_over_seeds, placement_table
from grisq.experiments.fresh_run import METRICS, Place


def test_a_line_for_each_metric_says_whether_it_lies_inside():
    inside = Place("gIoU", 41.0, float("nan"), 3, 42.0, 40.0, 44.0, 32.063, 51.937)
    outside = Place("cIoU", 31.0, 31.0, 3, 42.0, 40.0, 44.0, 32.063, 51.937)
    alone = Place("N-acc", 31.0, 31.0, 1, 42.0, 42.0, 42.0, float("nan"), float("nan"))
    table = placement_table([inside, outside, alone])
    assert table["inside"].tolist() == ["yes", "no", ""]
    assert table["95 % for one more training"].tolist() == ["32.06 to 51.94", "32.06 to 51.94", "no interval"]
    assert table["stored, same seed"].tolist() == ["–", "31.00", "31.00"]


def test_the_new_run_is_drawn_over_the_other_seeds():
    class Run:
        def __init__(self, seed, value):
            self.seed = seed
            self.history = {"eval": {"step": [10, 20], **{metric: [value, value + 1] for metric in METRICS}}}

    figure = curves_over_seeds(Run(0, 5.0), [Run(0, 4.0), Run(1, 1.0), Run(2, 2.0)])
    assert [axis.get_title().split(",")[0] for axis in figure.axes] == list(METRICS)
    lines = figure.axes[0].lines
    assert [list(line.get_ydata()) for line in lines] == [[1, 2], [2, 3], [5, 6]]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--"]
    assert [text.get_text() for text in figure.legends[0].get_texts()][1] == "trained now, seed 0"
    plt.close(figure)
