"""report.json of real runs matches its schema, is read back, and its numbers are shown in their forms."""

import json
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from tasks.presenting.words import FORMS, text_of
from tasks.records import Report
from tasks.records.rows import form_of
from tasks.records.spec import CHANGES_NO_RESULT, RunSpec
from tests.browser.keys import measure
from tests.build import ROOT
from tests.schema import schema

pytestmark = pytest.mark.whole  # its fixtures are chosen by name

BOUNDS: dict[str, dict[str, int]] = {
    "count": {"minimum": 0},
    "similarity": {"minimum": 0, "maximum": 1},
    "probability": {"minimum": 0, "maximum": 1},
}


class Keyed(HTMLParser):
    """Collects key, form and text of the numbers of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.open: tuple[str, str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "data" and (key := dict(attrs).get("data-key")):
            self.open = key, dict(attrs)["data-form"] or ""

    def handle_data(self, data: str) -> None:
        if self.open:
            self.found.append((*self.open, data))
            self.open = None


@pytest.fixture(params=["run", "audited"])
def report(request: pytest.FixtureRequest) -> Report:
    """Return a run of glyphs, and one of photographs."""
    found: Report = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def content(report: Report) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((report.run / "report.json").read_text())
    return read


def strict(part: Any) -> Any:
    """Return a schema that requires all fields, forbids others, and bounds numbers."""
    if isinstance(part, list):
        return [strict(entry) for entry in part]
    if not isinstance(part, dict):
        return part
    part = {name: strict(entry) for name, entry in part.items()}
    if "properties" in part:
        part |= {"required": list(part["properties"]), "additionalProperties": False}
    return part | BOUNDS.get(part.get("form", ""), {})


def test_the_report_is_valid_against_its_schema(content: dict[str, Any]) -> None:
    described = schema()
    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.validate(content, described, jsonschema.Draft202012Validator)
    jsonschema.validate(content, strict(described), jsonschema.Draft202012Validator)
    assert {field.name for field in fields(Report)} - {"run"} == set(described["properties"])
    assert set(described["properties"]) == set(described["required"])
    assert all(re.fullmatch("[0-9a-f]{64}", entry["sha256"]) for entry in content["inputs"])
    where = re.compile("(validation|test)_(raw|exact|near|removed|random)")
    assert all(where.fullmatch(score["evaluated_on"]) for score in content["scores"])


def test_a_report_that_lacks_a_table_or_has_a_wrong_type_is_not_valid(content: dict[str, Any]) -> None:
    valid = jsonschema.Draft202012Validator(schema()).is_valid
    assert valid(content)
    for name in content:
        assert not valid({key: value for key, value in content.items() if key != name}), name
        assert not valid(content | {name: 1}), name


def test_what_is_read_back_is_the_record_but_for_what_changes_no_result(
    report: Report, content: dict[str, Any]
) -> None:
    unset: dict[str, Any] = {f.name: f.default for f in fields(report.spec) if f.name in CHANGES_NO_RESULT}
    lacked = (
        {"summary", "embeddings"} if isinstance(report.spec, RunSpec) else set()
    )  # an audit takes them, a run does not
    assert set(unset) == set(CHANGES_NO_RESULT) - lacked
    assert Report.of_json(report.run, content) == replace(report, spec=replace(report.spec, **unset))
    assert report.to_json() == content


def test_the_form_of_every_keyed_number_stands_with_its_type(report: Report, content: dict[str, Any]) -> None:
    shown = [entry for entry in Keyed((report.run / "report.html").read_text()).found if ".parquet." not in entry[0]]
    assert len(shown) > 50
    for key, form, text in shown:
        assert form in FORMS
        assert text == text_of(measure(content, key), form)
        parts = re.split(" [/+-] ", key)
        if parts == ["spec.side"]:  # a parameter: nothing that was found
            assert form == "count"
        elif len(parts) == 2:
            assert form == ("share" if " / " in key else "count")
            assert {typed for part in parts for typed in forms_at(report, part)} == {"count"}
        else:  # a sentence that tells the direction of a difference shows its size
            assert forms_at(report, key) == {"points" if form == "size" else form}


def forms_at(report: Report, key: str) -> set[str]:
    """Return the forms that stand with the types of the numbers at a key."""
    *path, name = key.split(".")
    rows: list[Any] = [report]
    for step in path:
        if step == "*":
            rows = [entry for row in rows for entry in row]
        else:
            rows = [row[int(step)] if isinstance(row, tuple) else getattr(row, step) for row in rows]
    return {form_of(row, name) for row in rows}


def test_the_schema_in_the_docs_is_that_of_the_types() -> None:
    """``make schema`` writes it."""
    assert json.loads((ROOT / "docs" / "report.schema.json").read_text()) == schema()
