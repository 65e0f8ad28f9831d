"""Other tools, each used as its documentation says, in a process of its own: ``PYTHON peers.py TOOL FOLDER``.

FOLDER holds train/ and test/. Printed is JSON: pairs of a test and a train image that the tool calls duplicates, as
paths below FOLDER, and the seconds that it took, imports included. This file needs nothing of cleansplit, since the
tools may live in another environment.

    cleanvision   Imagelab with its issue types near_duplicates and exact_duplicates
    imagededup    PHash().find_duplicates, whose default calls up to 10 of 64 bits of difference a duplicate
    faiss         the nearest neighbour by cosine of 32 x 32 gray pixels less their mean, from 0.98 on: a plain search;
                  no documentation names a threshold for it
"""

import contextlib
import io
import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

COSINE, SIDE = 0.98, 32
Pairs = Iterable[tuple[str, str]]


def images_below(folder: Path) -> list[str]:
    """Return the images below a folder, relative to it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def across(sets: Iterable[Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a test and a train image inside each set of duplicates."""
    for members in sets:
        sides = {split: [name for name in members if name.startswith(split)] for split in ("test", "train")}
        yield from product(sides["test"], sides["train"])


def cleanvision(folder: Path) -> Pairs:
    """Look for near and exact duplicates with CleanVision."""
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder))
    lab.find_issues({"near_duplicates": {}, "exact_duplicates": {}})
    sets = [group for kind in ("near_duplicates", "exact_duplicates") for group in lab.info[kind]["sets"]]
    return across([str(Path(name).relative_to(folder)) for name in group] for group in sets)


def imagededup(folder: Path) -> Pairs:
    """Look for duplicates with imagededup's perceptual hash."""
    from imagededup.methods import PHash

    found = PHash(verbose=False).find_duplicates(image_dir=str(folder), recursive=True)
    return across([name, twin] for name, twins in found.items() for twin in twins if name.startswith("test"))


def faiss(folder: Path) -> Pairs:
    """Search the nearest train image of each test image by its pixels."""
    import faiss as search
    import numpy as np
    from PIL import Image

    names = {split: [f"{split}/{name}" for name in images_below(folder / split)] for split in ("train", "test")}
    vectors, kept = {}, {}
    for split, of in names.items():
        rows, known = [], []
        for name in of:
            with contextlib.suppress(OSError), Image.open(folder / name) as image:
                gray = np.asarray(
                    image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32
                ).ravel()
                gray = gray - gray.mean()
                rows.append(gray / max(float(np.linalg.norm(gray)), 1e-6))
                known.append(name)
        vectors[split], kept[split] = np.stack(rows), known
    index = search.IndexFlatIP(SIDE * SIDE)
    index.add(vectors["train"])
    cosine, nearest = index.search(vectors["test"], 1)
    return [
        (kept["test"][row], kept["train"][nearest[row, 0]]) for row in range(len(cosine)) if cosine[row, 0] >= COSINE
    ]


def main() -> None:
    """Run a tool."""
    start, tool, folder = time.perf_counter(), sys.argv[1], Path(sys.argv[2]).resolve()
    with contextlib.redirect_stdout(io.StringIO()):
        pairs = sorted(set({"cleanvision": cleanvision, "imagededup": imagededup, "faiss": faiss}[tool](folder)))
    print(json.dumps({"pairs": pairs, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
