import io

from rich.console import Console

from tasks.presenting.numbers import Numbers
from tasks.presenting.summary import to_markdown
from tasks.presenting.terminal import print_summary
from tasks.presenting.words import facts, headline
from tasks.records import Report


def test_the_answer_stands_in_the_headline(run: Report) -> None:
    leak, said = run.pair("test", "train"), headline(Numbers(run))
    assert f"{100 * leak.exact / 120:.1f} % of the 120 test rows have an identical image in train" in said
    assert "80 rows are left" in said


def test_what_else_was_found_is_said(run: Report) -> None:
    said = " ".join(facts(Numbers(run)))
    assert "Of 566 members" not in said
    assert f"Of {sum(row.members for row in run.conservation):,} members, 4 are quarantined and 1 ignored" in said
    assert "All pairs were compared: nothing at or above the floor is missed." in said
    assert "MinHash alone names the best twin of " in said
    assert "0 test rows have a twin in train of another class" in said
    assert "Of 120 test rows whose name gives a font, 0 share it with train" in said


def test_the_terminal_shows_every_table_without_cutting_a_number(run: Report) -> None:
    stream = io.StringIO()
    print_summary(run, Console(file=stream, width=80))
    shown = stream.getvalue()
    assert all(title in shown for title in ("Rows", "Overlap", "Accuracy"))
    assert "…" not in shown


def test_markdown_has_the_same_numbers(run: Report) -> None:
    numbers = Numbers(run)
    text = to_markdown(numbers)
    assert headline(numbers) in text
    assert all(f"- {sentence}" in text for sentence in facts(numbers))
    assert text.count("\n| ") == 5 * 2 + 3 + 6 + 6 + 4 + 4
