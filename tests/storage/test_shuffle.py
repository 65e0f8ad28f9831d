"""Rows of many tables in another order."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.storage.place import Place
from tasks.storage.shuffle import deal_out


@settings(deadline=None)  # a busy machine takes long
@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    seed=st.integers(0, 99),
)
def test_every_piece_has_its_rows_in_order(
    tmp_path_factory: object, counts: list[int], cuts: list[int], seed: int
) -> None:
    folder = Path(tmp_path_factory.mktemp("dealt"))  # type: ignore[attr-defined]
    total = sum(counts)
    starts = np.cumsum([0, *counts])
    wanted = np.random.default_rng(seed).permutation(total)[: total - total // 4]
    pieces = np.split(wanted, sorted(min(cut, len(wanted)) for cut in cuts))
    tables = [pa.table({"row": np.arange(a, b), "name": [f"n{i}" for i in range(a, b)]}, SCHEMA)
              for a, b in pairwise(starts)]  # fmt: skip
    piece = deal_out(tables.__getitem__, counts, pieces, Place.of(folder) / "files")
    for number, rows in enumerate(pieces):
        found = piece(number)
        assert found.schema == SCHEMA
        assert found["row"].to_pylist() == rows.tolist()
        assert found["name"].to_pylist() == [f"n{row}" for row in rows]
    assert list((folder / "files").iterdir()) == []


SCHEMA = pa.schema({"row": pa.int64(), "name": pa.string()})
