"""The table of a run that says what to do with each image, actions.csv."""

from collections.abc import Sequence

import pyarrow as pa
from pyarrow.csv import ConvertOptions, ParseOptions, read_csv

from tasks.storage import tables
from tasks.storage.place import Place

NAME = "actions.csv"
TEXTS = ("path", "split", "class", "action", "why", "twin")
COLUMNS = pa.schema({n: pa.string() for n in TEXTS} | {"similarity": pa.float64(), "new_class": pa.string()})


def read_actions(run: Place, columns: Sequence[str] = COLUMNS.names) -> pa.Table:
    """Return the actions of a run, or some of their columns; a class called 001 stays text."""
    types = ConvertOptions(column_types=COLUMNS, include_columns=columns)
    with tables.reading(run / NAME) as file:
        return read_csv(file, parse_options=ParseOptions(newlines_in_values=True), convert_options=types)
