"""Fingerprints of images: a digest of the pixels, and bits for comparison.

The digest of a JPEG that was decoded at a reduced scale is that of thumbnail and copy. If these differ, so do the full
pixels; if everything that the pixels need is equal, so are they. Two groups are in doubt, and decoded in full: JPEGs
with equal thumbnails and copies, but different coding; and JPEGs with the mode and size of an image that was decoded in
full, such as a PNG made from a JPEG. An image gets a new digest only if its own is wrong. Two JPEGs with equal full
pixels, but different reduced ones, are not found; no known encoder writes them.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import md5

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.classes.glyphs import font_of
from tasks.classes.guard import guarded
from tasks.classes.png import UnreadableError
from tasks.records import Part, Reading, Shard
from tasks.records.conservation import conserve
from tasks.records.inputs import FINGERPRINTS
from tasks.registration.forms import SMOOTH, facts_of
from tasks.registration.views import VIEWS
from tasks.sources.members import Members
from tasks.storage import Place, at, tables
from tasks.storage.copies import read_copies
from tasks.storage.image_files import read_images
from tasks.storage.images import ImageRows, as_rows

DIGESTS = pa.schema({"id": pa.string(), "md5": pa.binary(16)})


def write_fingerprints(
    shard: Shard, reading: Reading, right: dict[str, bytes], workspace: Place, target: Place
) -> dict[str, str]:
    """Write id, ``md5`` of the pixels, packed ``bits``, ``font`` and ``one_colour`` per image to a folder.

    The number of bits is in the schema's metadata as ``view_bits``. Photographs also have their ``short_side``, the
    number of their ``pixels``, the ``bytes`` of their file, the position of their gray copy in its file,
    ``copy``, and the facts about it. `right` corrects wrong MD5s of the shard. Returns the digest of the table.
    """
    images = read_images([workspace / shard.images])
    known = _of_glyphs(images) if reading.kind == "glyphs" else _of_photographs(images, workspace / shard.photographs)
    view = VIEWS[reading.view]
    bits = view.bits(images.gray)
    if reading.kind == "photographs":
        copies, fine = read_copies(workspace / shard.copies, np.arange(len(images))), known.pop("colours")
        texture, framed, colours = facts_of(copies[known["copy"]], tables.bytes_of(fine))
        known |= {"texture": pa.array(texture), "framed": pa.array(framed), "colours": tables.binary(colours)}
        bits[(texture < SMOOTH) & ~framed] = 0  # without texture, only exact duplicates
    if right:
        known["md5"] = pc.coalesce(pa.array(map(right.get, images.ids.to_pylist()), pa.binary(16)), known["md5"])
    columns = {"id": images.ids, "md5": known["md5"], "bits": tables.binary(bits), **known}  # in this order
    conserve(f"fingerprint {shard.folder}", len(images), *{len(column) for column in columns.values()})
    length = {"view_bits": str(view.length or images.gray.shape[1] ** 2)}
    tables.write(pa.table(columns).replace_schema_metadata(length), target / FINGERPRINTS)
    return {"sha256": at(target / FINGERPRINTS).sha256()}


def _of_glyphs(images: ImageRows) -> dict[str, pa.Array]:
    fonts, pixels = [font_of(name.split("/", 2)[2]) for name in images.ids.to_pylist()], as_rows(images.gray)
    return {
        "md5": pa.array([md5(image, usedforsecurity=False).digest() for image in images.gray], pa.binary(16)),
        "font": pa.array(fonts, pa.string()),
        "one_colour": pa.array((pixels == pixels[:, :1]).all(axis=1)),
    }


def _of_photographs(images: ImageRows, photographs: Place) -> dict[str, pa.Array]:
    facts = tables.read(photographs, ["id", "md5", "constant", "width", "height", "bytes", "colours"])
    at = pc.index_in(images.ids, value_set=facts["id"].combine_chunks())
    facts = facts.take(at)
    width, height = (facts[name].cast(pa.int64()) for name in ("width", "height"))
    return {
        "md5": facts["md5"],
        "one_colour": facts["constant"],
        "short_side": pc.min_element_wise(facts["width"], facts["height"]),
        "pixels": pc.multiply(width, height),
        "bytes": facts["bytes"],
        "aspect": pc.divide(width.cast(pa.float32()), height.cast(pa.float32())),
        "colours": facts["colours"],
        "font": pa.nulls(len(images), pa.string()),
        "copy": at.cast(pa.int64()),
    }


def write_doubts(shards: Sequence[Shard], workspace: Place, target: Place) -> dict[str, list[int]]:
    """Write the photographs to decode in full, with ``shard`` (its number) and ``id``; return the count per shard."""
    known = _known(shards, workspace, ["id", "md5", "coded", "mode", "width", "height"])
    reduced, full = known.filter(known["coded"].is_valid()), known.filter(known["coded"].is_null())
    are_equal = pc.is_in(reduced["md5"], value_set=_repeated(reduced.group_by(["md5", "coded"]).aggregate([])["md5"]))
    doubtful = pc.or_(are_equal, pc.is_in(_size(reduced), value_set=pc.unique(_size(full))))
    found = reduced.filter(doubtful).select(["shard", "id"])
    tables.write(found, target)
    return {"counts": np.bincount(found["shard"], minlength=len(shards)).tolist()}


def write_in_full(part: Part, ids: pa.Array, side: int, workspace: Place, target: Place) -> None:
    """Write the digests of the full pixels of some photographs of a part, null if undecodable; schema `DIGESTS`."""
    index = tables.read_rows(workspace / part.index, part.first, part.members)
    names = pc.binary_join_element_wise(part.role, index["class_name"], index["member"], "/")
    wanted = pc.is_in(names, value_set=ids)
    names = names.filter(wanted).to_pylist()
    digests: list[bytes | None] = [None] * len(names)
    with guarded() as guard:
        for row, data in Members(workspace.locate(part.location), part.columns).read(index.filter(wanted)):
            with suppress(UnreadableError):  # if it is too costly in full, only equal coding makes it identical
                digests[row] = guard.read(data, side, reduced=False, name=names[row]).digest
    tables.write(pa.table([pa.array(names, pa.string()), pa.array(digests, pa.binary(16))], schema=DIGESTS), target)


def write_corrected(shards: Sequence[Shard], in_full: Iterable[str], workspace: Place, target: Place) -> dict[str, int]:
    """Write the photographs with a wrong digest, each with its digest in the tables `in_full`; return their number."""
    known = _known(shards, workspace, ["id", "md5", "coded"])
    full = pa.concat_tables([DIGESTS.empty_table(), *(tables.read(workspace / name) for name in in_full)])
    before = known.take(pc.index_in(full["id"], value_set=known["id"].combine_chunks()))
    right = pc.coalesce(full["md5"], before["coded"])
    same_pixels = pa.table({"md5": before["md5"], "right": right}).group_by(["md5", "right"]).aggregate([])
    wrong = pc.or_(
        pc.is_in(before["md5"], value_set=_repeated(same_pixels["md5"])),  # equal thumbnails, different full pixels
        pc.is_in(right, value_set=known["md5"].filter(known["coded"].is_null()).combine_chunks()),
    )
    found = pa.table([full["id"].filter(wrong), right.filter(wrong)], schema=DIGESTS).sort_by("id")
    tables.write(found, target)
    return {"rows": len(found)}


def digests_of(shard: Shard, found: str, workspace: Place) -> dict[str, bytes]:
    """Return the corrected digests of the photographs of a shard by id, from a table that `write_corrected` wrote."""
    ids = tables.read(workspace / shard.photographs, ["id"])["id"].combine_chunks()
    own = tables.read(workspace / found, filters=pc.field("id").isin(ids))
    return dict(zip(own["id"].to_pylist(), own["md5"].to_pylist(), strict=True))


def _known(shards: Sequence[Shard], workspace: Place, columns: list[str]) -> pa.Table:
    parts = [tables.read(workspace / shard.photographs, columns) for shard in shards]
    numbers = np.repeat(np.arange(len(shards)), [len(part) for part in parts])
    return pa.concat_tables(parts).append_column("shard", pa.array(numbers)).combine_chunks()


def _repeated(values: pa.ChunkedArray) -> pa.Array:
    counts = pc.value_counts(values.combine_chunks())
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def _size(known: pa.Table) -> pa.ChunkedArray:
    sides = (known[name].cast(pa.string()) for name in ("width", "height"))
    return pc.binary_join_element_wise(known["mode"], *sides, " ")
