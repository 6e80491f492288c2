import matplotlib.pyplot as plt
import numpy as np

from grisq.augment.recipes import Mosaic, NoTarget, Plain
from grisq.augment.render import RecipeDataset
from grisq.course.style import SCENARIO_COLORS
from grisq.course.tiles import Tile, expression_tile, image_grid, recipe_tile


def test_recipes_are_drawn_in_the_color_of_what_they_became(mini, reader):
    renderer = RecipeDataset(reader, 80)
    a, b, *_ = (int(row) for row in mini.rows("train") if mini.target_counts[row] == 1)
    tiles = [recipe_tile(renderer, recipe) for recipe in (Plain(a), NoTarget(a, b), Mosaic(((0, a), (3, b))))]
    assert [tile.color for tile in tiles] == [
        SCENARIO_COLORS[scenario] for scenario in ("single-target", "no-target", "multi-target")
    ]
    assert tiles[1].title == mini.expression(b).text
    assert " and " in tiles[2].title
    assert np.array_equal(tiles[1].image, renderer.render(Plain(a)).image)  # nothing is outlined


def test_a_grid_has_a_tile_each_and_no_axes_beyond(mini):
    tiles = [expression_tile(mini, row) for row in range(5)] + [Tile(np.zeros((4, 4, 3), np.uint8), "a " * 40)]
    figure = image_grid(tiles, 4, rows=["first", "second"])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[0].replace("\n", " ") == mini.expression(0).text
    assert len(figure.axes) == 8
    assert not any(axis.axison for axis in figure.axes)
    plt.close(figure)


def test_titles_of_a_line_stand_side_by_side_whatever_the_shape_of_the_pictures():
    flat, tall = (Tile(np.zeros(shape, np.uint8), "words") for shape in ((40, 100, 3), (100, 40, 3)))
    figure = image_grid([flat, tall, flat], 2)
    figure.canvas.draw()
    left, right, *_ = (axis.title.get_window_extent().y0 for axis in figure.axes)
    assert abs(left - right) < 1
    plt.close(figure)


def test_wide_pictures_need_no_square():
    square, wide = (
        image_grid([Tile(np.zeros((height, 100, 3), np.uint8), "words")] * 2, 2).get_figheight() for height in (100, 50)
    )
    assert np.isclose(square - wide, 1.9 / 2)
    plt.close("all")


def test_only_lines_with_long_titles_are_high():
    short, long = Tile(np.zeros((9, 9, 3), np.uint8), "words"), Tile(np.zeros((9, 9, 3), np.uint8), "words " * 20)
    lines = [image_grid(tiles, 1).get_figheight() for tiles in ([short], [long], [short, long])]
    assert lines[0] < lines[1]
    assert np.isclose(lines[2], lines[0] + lines[1])
    plt.close("all")
