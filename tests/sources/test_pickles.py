"""What a pickle of a stranger can make of the reader of CIFAR: nothing but values."""

import pickle
import pickletools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.sources import pickles
from tasks.sources.members import open_rows
from tasks.sources.pickles import OPCODES, Named, read_pickle
from tasks.storage.place import Place

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
HOSTILE = {
    "a memo of two billion places": b"\x80\x02}r\xff\xff\xff\x7f.",
    "an array of objects": (
        b"\x80\x02}U\x04data" + ARRAY + b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x01OK\x00K\x01\x87R(K\x03U\x01|NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89U\x08AAAAAAAAtbs."
    ),
    "an array of a size that it does not have": (
        b"\x80\x02}U\x04data" + ARRAY + b"(K\x01J\xff\xff\xff\x7fM\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R\x89"
        b"U\x08AAAAAAAAtbs."
    ),
    "a state for a list": b"\x80\x02}U\x04data]}b.",
    "an empty stack": b"\x80\x02e.",
    "text of a length that it does not have": b"\x80\x02T\xff\xff\xff\x7fabc.",
    "a number in many digits": b"\x80\x02I" + b"9" * 100_000 + b"\n.",
    "lists in lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "a code": b"\x80\x02\x82\x01.",
    "an object of its own": b"\x80\x02P1\n.",
    "a class": b"\x80\x02cbuiltins\nobject\n)\x81.",
}


def batch(folder: Path, data: bytes, names: bytes = pickle.dumps({b"label_names": [b"a", b"b"]}, 2)) -> Any:
    (folder / "data_batch_1").write_bytes(data)
    (folder / "batches.meta").write_bytes(names)
    return open_rows(Place.of(folder / "data_batch_1"), {})


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_batch_is_read_from_the_pickles_that_python_writes(protocol: int, order: Any, tmp_path: Path) -> None:
    content = {b"data": np.asarray(IMAGES, order=order), b"labels": [0, 1, 1, 0], b"filenames": ["x.png"] * 4}
    rows = batch(tmp_path, pickle.dumps(content, protocol))
    assert rows.names == ["a/0.png", "b/1.png", "b/2.png", "a/3.png"]
    plain = batch(tmp_path, pickle.dumps({b"data": IMAGES, b"labels": [0] * 4}, 2))
    assert [rows.read(row) for row in range(4)] == [plain.read(row) for row in range(4)]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_bad_data(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a batch of CIFAR|not a pickle of"):
        batch(tmp_path, HOSTILE[name])


def test_a_pickle_of_too_many_steps_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MAX_STEPS", 1000)
    with pytest.raises(ValueError, match="in place 1,000"):
        read_pickle(b"\x80\x02" + b"]" * 1000 + b".")


def test_numbers_with_one_hash_are_no_keys() -> None:
    keys = [b"\x8a\x0a" + (number * (2**61 - 1)).to_bytes(10, "little") + b"N" for number in range(1, 100_000)]
    begin = time.process_time()
    with pytest.raises(ValueError, match="a key that is not text"):
        read_pickle(b"\x80\x02}(" + b"".join(keys) + b"u.")
    assert time.process_time() - begin < 5


def test_every_object_is_a_record_of_its_name() -> None:
    for protocol in (2, 3, 4):
        found = read_pickle(pickle.dumps([Path("/x"), np.float64, open], protocol))
        assert {type(each) for each in found} == {Named}


@pytest.mark.parametrize("labels", [[b"x"] * 4, ["x"] * 4, [1.0] * 4, [[0]] * 4, [None] * 4, [0] * 3, "abcd", {}])
def test_labels_that_are_no_numbers_are_bad_data(labels: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not all of its 4 images have a label"):
        batch(tmp_path, pickle.dumps({b"data": IMAGES, b"labels": labels}, 2))


def test_names_of_classes_are_text(tmp_path: Path) -> None:
    data = pickle.dumps({b"data": IMAGES, b"labels": [0, 1, 0, 1]}, 2)
    rows = batch(tmp_path, data, pickle.dumps({b"label_names": ["as text", b"as bytes"]}, 2))
    assert rows.names[:2] == ["as text/0.png", "as bytes/1.png"]
    for wrong in (7, None, ["a"], b"x" * 256, "x" * 256):
        with pytest.raises(DataError, match=r"batches\.meta has a class whose name is not text"):
            batch(tmp_path, data, pickle.dumps({b"label_names": [wrong, b"b"]}, 2))


def test_every_opcode_is_one_that_pickletools_knows() -> None:
    assert {opcode.name for opcode in pickletools.opcodes} > OPCODES.keys()
