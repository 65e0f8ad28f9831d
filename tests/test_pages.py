"""The pages for people: their links lead somewhere, and a reader of the README finds every page."""

import re
import shlex
import subprocess

import pytest

from flows.command.commands import app
from tests.build import ROOT

LINK = re.compile(r"\]\(([^()\s]+)\)")
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")))
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")


def links(page: str) -> list[tuple[str, str]]:
    """Return the file and the anchor of each link of a page to a file of this repository."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    inside = [link.partition("#") for link in LINK.findall(text) if "://" not in link]
    return [(resolved(page, name) if name else page, anchor) for name, _, anchor in inside]


def resolved(page: str, name: str) -> str:
    return ((ROOT / page).parent / name).resolve().relative_to(ROOT).as_posix()


def anchors(page: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for file, anchor in links(page):
        assert file in TRACKED, f"{page} links to {file}"
        assert not anchor or anchor in anchors(file), f"{page} links to {file}#{anchor}"


def test_the_readme_links_to_every_page_of_the_documentation() -> None:
    pages = {name for name in TRACKED if re.fullmatch(r"docs/[^/]+\.(md|ipynb)", name)}
    assert pages <= {file for file, _ in links("README.md")}


def commands(page: str) -> set[str]:
    """Return the commands of cleansplit on a page, from its shell blocks and its code spans."""
    text = (ROOT / page).read_text().replace("\\\n", " ")
    blocks = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return {" ".join(each.split()) for each in (*lines, *spans) if each.startswith("cleansplit ")}


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])  # it names former commands
def test_the_parser_accepts_every_command_of_a_page(page: str) -> None:
    typed = [shlex.split(each, comments=True)[1:] for each in commands(page) if "COMMAND" not in each]
    parsed = [app.parse_args(words, exit_on_error=False, print_error=False) for words in typed]
    assert len(parsed) == len(typed), "the parser raises for a command that it refuses"
