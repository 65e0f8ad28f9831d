"""Sentences that read like a translation are found where people read them, and their number only shrinks."""

from pathlib import Path

import pytest

from tests.english import BUDGET, PATTERNS, SLACK, counts, found, sentences

BAD = [
    "Return the rows of which each has a label.",
    "Remove what is left in a folder.",
    "Return False when there is no such file.",
    "Keep the rows of train and those of test.",
    "The digest lies beside its file.",
    "No effect can be told from chance.",
    "Images whose bits say nothing are skipped.",
    "It draws as many rows of each class.",
    "Of each row, the best match is written.",
    "Count the rows with a twin.",
]


@pytest.mark.parametrize(("name", "sentence"), [*zip(PATTERNS, BAD, strict=True)])
def test_each_pattern_finds_its_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "one.md").write_text(sentence)
    assert [pattern for _, pattern, _ in found(tmp_path / "one.md")][:1] == [name]


def test_plain_sentences_match_nothing(tmp_path: Path) -> None:
    plain = "Return the digest of a file, or None if it does not exist. A row that people judged stays. Run `of what`."
    (tmp_path / "one.md").write_text(plain)
    assert not [*found(tmp_path / "one.md")]


def test_docstrings_comments_and_messages_are_read_and_code_is_not(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        '"""Describe the module in one sentence.\n\n>>> this is a doctest\n"""\n'
        'twin = f"the file {1} of the folder is damaged"  # explain in four words\n'
    )
    assert [sentence for _, sentence in sentences(tmp_path / "one.py")] == [
        "Describe the module in one sentence.",
        "of the folder is damaged",
        "explain in four words",
    ]


def test_paragraphs_and_cells_of_markdown_are_read_and_code_blocks_are_not(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text(
        "One sentence of a\nparagraph.\n\n```\nthe code of a block\n```\n\n| a cell of a table | b |\n"
    )
    assert [*sentences(tmp_path / "one.md")] == [(1, "One sentence of a paragraph."), (8, "a cell of a table .")]


def test_the_number_of_matches_is_the_budget_or_a_little_less() -> None:
    assert BUDGET - SLACK <= counts().total() <= BUDGET
