"""Draw the figures that need no trained model: `make drawings`.

The architecture (Fig. 2) names classes, notebooks and sizes, so it is drawn again when one of them changes; a test
holds the file to the code. The task (Fig. 1) shows a picture of the synthetic set, which is made on first use.
"""

from grisq.course import figures, style
from grisq.course.architecture import IN_FIGURES, architecture
from grisq.course.fig1 import task_figure
from grisq.data.catalog import load_dataset

TASK_PICTURE = 6126  # of val; its expression without target is wrong in one word alone


def main() -> None:
    architecture(links=IN_FIGURES).save("architecture")
    style.use()
    figures.save(task_figure(load_dataset("tiny"), image_id=TASK_PICTURE), "figure1_tiny")


if __name__ == "__main__":
    main()
