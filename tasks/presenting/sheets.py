"""Sheets of small images with a word below each, without smoothing."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

PAPER, INK = (255, 255, 255), (51, 51, 51)
GAP, TEXT_SIZE = 6, 13
LONGEST = 16  # letters of a word to show
SMALLEST = 42  # pixels: least length of the longer side of a shown image


def sheet(images: Sequence[Image.Image], words: Sequence[str], columns: int) -> Image.Image:
    """Arrange images of any size in rows, each with a word below; small ones are enlarged by an integer factor.

    Empty words take no room.
    """
    font = ImageFont.load_default(TEXT_SIZE)
    cells, words = [_enlarged(image) for image in images], [shortened(word) for word in words]
    widths = [cell.width for cell in cells] + [int(font.getlength(word)) + 1 for word in words]
    width = max([*widths, SMALLEST]) + GAP
    height = max([cell.height for cell in cells] + [SMALLEST]) + GAP + (TEXT_SIZE + 3 if any(words) else 0)
    rows = max(1, -(-len(cells) // columns))
    canvas = Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    draw = ImageDraw.Draw(canvas)
    for number, (cell, word) in enumerate(zip(cells, words, strict=True)):
        left, top = GAP + number % columns * width, GAP + number // columns * height
        canvas.paste(cell, (left + (width - GAP - cell.width) // 2, top))
        middle = left + (width - GAP) // 2
        draw.text((middle, top + height - GAP), word, fill=INK, font=font, anchor="mb")
    return canvas


def shortened(word: str, longest: int = LONGEST) -> str:
    """Return a word, cut to a length that can be shown.

    >>> shortened("Helvetica Neue Condensed", 12)
    'Helvetica N…'
    """
    return word if len(word) <= longest else f"{word[: longest - 1]}…"


def _enlarged(image: Image.Image) -> Image.Image:
    factor = max(1, -(-SMALLEST // max(image.size)))
    return image.convert("RGB").resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
