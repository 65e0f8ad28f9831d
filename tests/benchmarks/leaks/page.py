"""What the scoreboard says: its rows, its tables, and the page around them."""

from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.leaks.sets import Known, Named

HEAD = (
    "set",
    "tool",
    "identical",
    "listed",
    "judged same",
    "judged alike",
    "test rows called",
    "other class",
    "s",
    "MB",
)


@dataclass(frozen=True)
class Row:
    """A tool on a set, as text."""

    cells: tuple[str, ...]

    def line(self) -> str:
        """Return the row to be printed."""
        return "  ".join(f"{cell:<24}" if number < 1 else f"{cell:>12}" for number, cell in enumerate(self.cells))


def row(known: Known, tool: str, pairs: frozenset[Named] | None, seconds: float, peak: float) -> Row:
    """Return what a tool found of what is known of a set."""
    if pairs is None:
        return Row((known.name, tool, *["-"] * 6, f"no answer in {seconds:.0f}", f"{peak:,.0f}"))
    rows = {one for one, _ in pairs}
    best = dict(sorted(pairs, reverse=True))
    other = sum(one.split("/")[0] != best[one].split("/")[0] for one in rows - known.identical)
    same = {one for one, _ in known.same}
    cells = (
        f"{len(rows & known.identical)} of {len(known.identical)}",
        f"{len(rows & known.listed)} of {len(known.listed)}" if known.listed else "",
        f"{len(rows & same)} of {len(same)}" if same else "",
        f"{len(pairs & known.alike)} of {len(known.alike)}" if known.alike else "",
        f"{len(rows):,}",
        f"{other:,}",
        f"{seconds:.0f}",
        f"{peak:,.0f}",
    )
    return Row((known.name, tool, *cells))


def of_changes(names: list[str], found: dict[str, list[float] | None]) -> str:
    """Return the table of changes, in percent."""
    lines = [["change", *found], ["---", *["--:"] * len(found)]]
    lines += [
        [name, *(f"{100 * shares[at]:.0f}" if shares else "-" for shares in found.values())]
        for at, name in enumerate(names)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(rows: list[Row], changes: str, effect: str) -> str:
    """Return the page."""
    lines = [HEAD, ("---", "---", *["--:"] * (len(HEAD) - 2)), *(row.cells for row in rows)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    texts = (Path(__file__).parent / "page.md").read_text().split("<!-- table -->\n")
    tables = [f"{one}\n" for one in (table, changes, effect)] + [""]
    return "".join(part for pair in zip(texts, tables, strict=True) for part in pair)
