"""Fingerprints of images: a digest of the pixels, and bits for comparison."""

from hashlib import md5

import pyarrow as pa
import pyarrow.compute as pc

from tasks.classes.glyphs import font_of
from tasks.records import Reading, Shard
from tasks.records.conservation import conserve
from tasks.records.inputs import FINGERPRINTS
from tasks.registration.views import VIEWS
from tasks.storage import Place, at, tables
from tasks.storage.image_files import read_images
from tasks.storage.images import Images, as_rows


def write_fingerprints(
    shard: Shard, reading: Reading, right: dict[str, bytes], workspace: Place, target: Place
) -> dict[str, str]:
    """Write id, ``md5`` of the pixels, packed ``bits``, ``font`` and ``one_colour`` per image to a folder.

    The number of bits is in the schema's metadata as ``view_bits``. Photographs also have their ``short_side``, the
    number of their ``pixels``, the ``bytes`` of their file, and the position of their gray copy in its file, ``copy``.
    `right` corrects wrong MD5s of the shard. Returns the digest of the table.
    """
    images = read_images([workspace / shard.images])
    known = _of_glyphs(images) if reading.kind == "glyphs" else _of_photographs(images, workspace / shard.photographs)
    view = VIEWS[reading.view]
    bits = tables.binary(view.bits(images.gray))
    if right:
        better = pa.array(map(right.get, images.ids.to_pylist()), pa.binary(16))
        known["md5"] = pc.coalesce(better, known["md5"])
    columns = {"id": images.ids, "md5": known["md5"], "bits": bits, **known}  # in this order
    conserve(f"fingerprint {shard.folder}", len(images), *{len(column) for column in columns.values()})
    length = {"view_bits": str(view.length or images.gray.shape[1] ** 2)}
    tables.write(pa.table(columns).replace_schema_metadata(length), target / FINGERPRINTS)
    return {"sha256": at(target / FINGERPRINTS).sha256()}


def _of_glyphs(images: Images) -> dict[str, pa.Array]:
    digests = [md5(image, usedforsecurity=False).digest() for image in images.gray]
    fonts, pixels = [font_of(name.split("/", 2)[2]) for name in images.ids.to_pylist()], as_rows(images.gray)
    return {
        "md5": pa.array(digests, pa.binary(16)),
        "font": pa.array(fonts, pa.string()),
        "one_colour": pa.array((pixels == pixels[:, :1]).all(axis=1)),
    }


def _of_photographs(images: Images, photographs: Place) -> dict[str, pa.Array]:
    facts = tables.read(photographs, ["id", "md5", "constant", "width", "height", "bytes"])
    at = pc.index_in(images.ids, value_set=facts["id"].combine_chunks())
    facts = facts.take(at)
    width, height = (facts[name].cast(pa.int64()) for name in ("width", "height"))
    return {
        "md5": facts["md5"],
        "one_colour": facts["constant"],
        "short_side": pc.min_element_wise(facts["width"], facts["height"]),
        "pixels": pc.multiply(width, height),
        "bytes": facts["bytes"],
        "font": pa.nulls(len(images), pa.string()),
        "copy": at.cast(pa.int64()),
    }
