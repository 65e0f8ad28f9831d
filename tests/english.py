"""Find sentences that read like a translation; `make lint` fails if there are more than `BUDGET`, or clearly fewer.

Every pattern has good uses, so some matches remain. The budget only shrinks: a change that removes matches lowers it.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.house import ROOT, modules

BUDGET, SLACK = 130, 40  # matches in the product and its documents, and how many fewer need no new budget
SHORTEST = 4  # words of a sentence
BEFORE = r"(?:^(?:[A-Z]\w+ )?|[,;(] ?|\b(?:and|or|but|than|is|are|that|with) )"
AFTER = r"(?:is|are|was|were|has|have|had|can|may|it|they|the|an?|each|all|others?|comes?|goes|belongs?|holds?)\b"
PATTERNS = {
    "preposition before a relative pronoun": r"\b(?:after|at|by|for|from|in|of|on|to|with) (?:which|whom|what|who)\b",
    "a clause as a noun": rf"{BEFORE}(?:what|who)(?:ever)? {AFTER}",
    "negated noun": r"\b(?:is|are|was|were|finds?) (?:no|none|nothing)\b",
    "those, that of": r"\b(?:those|that) of\b|\bthose (?:from|in|inside|on|that|which|who|whose|with|without)\b",
    "rare words": r"\b(?:alike|alone|anew|beside|whatsoever)\b|\bhangs? together\b|\b(?:lie|lies|lay)\b",
    "tell for distinguish": r"\b(?:tells?|told) (?:an?|apart|by|from|it)\b|\bbe told\b",
    "talking things": r"\b(?:asks?|knows?|says?|said|speaks?|tells?|told) (?:no|nothing|of)\b",
    "count by comparison": r"\b(?:as|so) many\b|\bone (?:after|behind) the other\b",
    "object before subject": r"^(?:Beside|By|For|From|In|Of|To|With) [a-z]",
    "another word for duplicate": r"\b[Tt]wins?\b",
}


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a file with their line numbers: of docstrings, messages and comments, or of Markdown."""
    texts = _of_markdown(path.read_text()) if path.suffix == ".md" else _of_python(path.read_text())
    for line, text in texts:
        for sentence in re.split(r"(?<=[.;:]) +", " ".join(re.sub(r"`+[^`]*`+", "`code`", text).split())):
            if len(sentence.split()) >= SHORTEST:
                yield line, sentence


def _of_python(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            lines = node.value.splitlines()
            yield node.lineno, "\n".join(line for line in lines if not re.match(r"\s*(>>>|\.\.\.|---)", line))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def _of_markdown(source: str) -> Iterator[tuple[int, str]]:
    """Yield the paragraphs and the rows of tables outside code blocks."""
    line = 1
    for block in re.split(r"(\n\s*\n|\n(?=[|*-] ?)|^```.*?^```$)", source, flags=re.MULTILINE | re.DOTALL):
        if not block.startswith("```"):
            yield line, block.replace("|", ". ")
        line += block.count("\n")


def found(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line, pattern and sentence of every match in a file."""
    for line, sentence in sentences(path):
        yield from ((line, name, sentence) for name, pattern in PATTERNS.items() if re.search(pattern, sentence))


def documents() -> list[Path]:
    """Return the files to check: all modules of the product, and the documents for people."""
    return [*modules().values(), ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def counts() -> Counter[str]:
    """Return the number of sentences that match each pattern; a sentence counts once, under its first pattern."""
    every: Counter[str] = Counter()
    for path in documents():
        first = {(line, sentence): name for line, name, sentence in reversed([*found(path)])}
        every.update(first.values())
    return every


def main() -> None:
    """Print the matches in the given files, and the number of each pattern in all documents."""
    for name in sys.argv[1:]:
        for line, pattern, sentence in found(ROOT / name):
            print(f"{name}:{line}: {pattern}: {sentence}")
    matched, every = counts(), sum(len([*sentences(path)]) for path in documents())
    print("\n".join(f"{count:5} {name}" for name, count in matched.most_common()))
    print(f"{matched.total()} of {every} sentences ({100 * matched.total() / every:.1f} %); the budget is {BUDGET}")
    if not BUDGET - SLACK <= matched.total() <= BUDGET:
        sys.exit("rewrite sentences (name files to see them), or lower BUDGET in tests/english.py to the new number")


if __name__ == "__main__":
    main()
