"""What tells two images apart, or does not: a digest of the pixels, and the bits of the view."""

from hashlib import md5

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.classes import glyphs
from tasks.records import ClassShard, Reading
from tasks.records.conservation import conserve
from tasks.storage import tables
from tasks.storage.images import Images, read_images
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.vocabulary.arrays import Bits


def write_fingerprints(shard: ClassShard, reading: Reading, workspace: Place, target: Place) -> None:
    """Write id, ``md5`` of the pixels, packed ``bits`` of the view, ``font`` and ``one_colour`` per image.

    The number of bits is in the schema's metadata as ``view_bits``. Each variant that is searched for as well has a
    column of its name, with the concatenated bits of all its forms.
    """
    images = read_images([workspace / shard.images])
    if reading.kind == "glyphs":
        digests, constant = _of_glyphs(images)
        members = [name.as_py().split("/", 2)[2] for name in images.ids]
        fonts = pa.array([glyphs.font_of(member) for member in members], pa.string())
    else:
        digests, constant = _of_photographs(images, workspace / shard.photographs)
        fonts = pa.nulls(len(images), pa.string())
    view = VIEWS[reading.view]
    columns = {"id": images.ids, "md5": digests, "bits": _packed(view.bits(images.gray)), "font": fonts}
    columns["one_colour"] = constant
    for variant in reading.also:
        forms = [view.bits(gray) for gray in view.variants[variant](images.gray)]
        columns[variant] = _packed(np.concatenate(forms, axis=1))
    conserve(f"fingerprint {shard.class_name}", len(images), *{len(column) for column in columns.values()})
    length = {"view_bits": str(view.length(images.gray.shape[1]))}
    tables.write(pa.table(columns).replace_schema_metadata(length), target)


def _of_glyphs(images: Images) -> tuple[pa.Array, pa.Array]:
    digests = [md5(image, usedforsecurity=False).digest() for image in images.gray]
    return pa.array(digests, pa.binary(16)), pa.array(glyphs.one_colour(images.gray))


def _of_photographs(images: Images, photographs: Place) -> tuple[pa.Array, pa.Array]:
    facts = tables.read(photographs, ["id", "md5", "constant"])
    facts = facts.take(pc.index_in(images.ids, value_set=facts["id"].combine_chunks()))
    return facts["md5"].combine_chunks(), facts["constant"].combine_chunks()


def _packed(bits: Bits) -> pa.Array:
    bits = np.ascontiguousarray(bits)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(bits.shape[1]), len(bits), [None, pa.py_buffer(bits)])
