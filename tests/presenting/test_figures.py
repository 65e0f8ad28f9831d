"""Pictures of a real run: all there, of the right shape, always the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from tasks.presenting import charts
from tasks.presenting.figures import GAP, sheet
from tasks.presenting.words import title_of
from tasks.records import Report
from tests.build import glyphs

EXPECTED = {
    "files-large", "files-small", "normalized-large", "normalized-small", "rows-train", "rows-validation", "rows-test",
    "balance", "thresholds", "learning-curves", "effects", "confusion", "mistakes",
}  # fmt: skip


def test_a_run_keeps_all_pictures_and_its_readme_shows_them(run: Report) -> None:
    figures = {path.stem: path for path in (run.run / "figures").iterdir()}
    assert set(figures) == EXPECTED
    readme = (run.run / "README.md").read_text()
    for name, path in figures.items():
        with Image.open(path) as image:
            image.load()
            assert min(image.size) > 50
        assert f"![{title_of(name)}](figures/{name}.png)" in readme


def test_raw_files_and_normalized_images_show_the_same_rows(run: Report) -> None:
    files, normalized = (
        np.asarray(Image.open(run.run / "figures" / f"{n}-large.png")) for n in ("files", "normalized")
    )
    assert np.array_equal(files, normalized), "8-bit gray files lose nothing when they are normalized"


def test_a_sheet_shows_every_pixel_as_it_is() -> None:
    images = glyphs(3, seed=0)
    drawn = np.asarray(sheet(list(map(Image.fromarray, images)), ["", "", ""], columns=2))
    factor = 2
    shown = drawn[GAP : GAP + 28 * factor : factor, GAP : GAP + 28 * factor : factor, 0]
    assert np.array_equal(shown, images[0])


def test_long_words_below_images_are_cut() -> None:
    images = list(map(Image.fromarray, glyphs(2, seed=0)))
    assert sheet(images, ["x" * 5000, ""], 2).width < 600


@pytest.mark.parametrize("draw", [charts.learning_curves, charts.effects, charts.confusion, charts.balance])
def test_class_names_of_any_kind_and_missing_numbers_can_be_drawn(run: Report, draw: object, tmp_path: Path) -> None:
    names = ("$x^", "\\frac", "x" * 500, "\u0645\u0631", "\u732b", "a_b", "%", "{}", "<svg>", "&")
    empty = [replace(score, accuracy=None, low=None, high=None) for score in run.scores]
    renamed = dict(zip(run.classes, names, strict=True))
    balance = tuple(replace(entry, class_name=renamed[entry.class_name]) for entry in run.balance)
    strange = replace(run, classes=names, scores=(*run.scores, *empty), balance=balance)
    draw(strange).savefig(tmp_path / "a.png")  # type: ignore[operator]
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_split_that_kept_all_rows_has_as_many_sanitized_as_raw_ones(run: Report) -> None:
    train = [replace(entry, sanitized=None) for entry in run.balance if entry.split == "train"]
    test = [entry for entry in run.balance if entry.split == "test"]
    panels = charts.balance(replace(run, balance=(*train, *test))).axes
    for axes, entries in zip(panels, (train, test), strict=True):
        left = [entry.raw if entry.sanitized is None else entry.sanitized for entry in entries]
        drawn = [bar.get_height() for bar in axes.patches if isinstance(bar, Rectangle)]
        assert drawn == [*(entry.raw for entry in entries), *left], axes.get_title()


@pytest.mark.parametrize("draw", [charts.learning_curves, charts.effects])
@pytest.mark.parametrize("models", [["sgd"], ["sgd", "1nn"]])
def test_a_legend_lies_inside_its_figure(run: Report, draw: Callable[[Report], Figure], models: list[str]) -> None:
    scores = tuple(score for score in run.scores if score.model in models)
    figure = draw(replace(run, scores=scores, effects=tuple(e for e in run.effects if e.model in models)))
    figure.draw_without_rendering()
    (legend,) = (one.get_window_extent() for one in figure.legends)
    assert figure.bbox.x0 <= legend.x0 < legend.x1 <= figure.bbox.x1


def test_confusions_count_every_test_row_and_mistakes_come_surest_first(run: Report) -> None:
    assert [entry.model for entry in run.confusion] == ["sgd", "1nn"]
    for entry in run.confusion:
        assert sum(map(sum, entry.counts)) == run.rows.test
        raw = next(
            score.accuracy
            for score in run.scores
            if (score.model, score.train_rows, score.arm, score.evaluated_on)
            == (entry.model, entry.train_rows, "with_twins", "test_raw")
        )
        assert sum(row[place] for place, row in enumerate(entry.counts)) / run.rows.test == pytest.approx(raw)
    sure = [mistake.confidence for mistake in run.mistakes]
    assert sure == sorted(sure, reverse=True)
    assert {mistake.model for mistake in run.mistakes} == {"sgd"}
    assert all(mistake.class_name != mistake.predicted for mistake in run.mistakes)
