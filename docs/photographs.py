"""Write a small data set with known leaks: ``python docs/photographs.py photos``.

The images are pieces of three photographs, which scikit-learn and matplotlib bring. Each photograph is a class, and a
quarter of its pieces is in test. Six images of test repeat an image of train; one of the six has a wrong label.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import sklearn.datasets
from PIL import Image, ImageStat

SKLEARN, MATPLOTLIB = Path(sklearn.datasets.__file__).parent / "images", Path(mpl.get_data_path()) / "sample_data"
PHOTOGRAPHS = {
    "pagoda": SKLEARN / "china.jpg",
    "dahlia": SKLEARN / "flower.jpg",
    "portrait": MATPLOTLIB / "grace_hopper.jpg",
}
SIDE, CUT = 96, 6  # pixels
FLAT = 15  # standard deviation of gray; plain sky has less


def write(folder: Path) -> None:
    """Write the folders train and test, with a folder for each class."""
    for name in PHOTOGRAPHS:
        for number, piece in enumerate(pieces_of(name)):
            save(piece, folder / ("test" if number % 4 == 3 else "train") / name / f"{number:02d}.jpg")
    test = folder / "test"
    save(pieces_of("pagoda")[4], test / "pagoda" / "again.jpg")
    save(pieces_of("pagoda")[6].resize((64, 64)), test / "pagoda" / "reduced.jpg")
    save(pieces_of("dahlia")[4], test / "dahlia" / "compressed.jpg", quality=30)
    save(pieces_of("dahlia")[6].crop((CUT, CUT, SIDE, SIDE)), test / "dahlia" / "cut.jpg")
    save(pieces_of("portrait")[10].point(lambda value: value * 0.8), test / "portrait" / "darker.jpg")
    save(pieces_of("portrait")[6], test / "dahlia" / "wrong-label.jpg")


def pieces_of(name: str) -> list[Image.Image]:
    """Return the square pieces of a photograph that are not flat."""
    with Image.open(PHOTOGRAPHS[name]) as file:
        whole = file.convert("RGB")
    corners = [(x, y) for y in range(0, whole.height - SIDE, SIDE) for x in range(0, whole.width - SIDE, SIDE)]
    pieces = [whole.crop((x, y, x + SIDE, y + SIDE)) for x, y in corners]
    return [piece for piece in pieces if ImageStat.Stat(piece.convert("L")).stddev[0] > FLAT]


def save(image: Image.Image, path: Path, quality: int = 92) -> None:
    """Write a JPEG, and its folder if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=quality)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
