"""The first pictures of pairs, of which each may be in many: what is made of one is made once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks.arrays import Pixels, RowNumbers


@dataclass(frozen=True)
class Repeated:
    """Pictures, float32 (m, side, side), and which of them each pair has, int64 (n,).

    >>> two = Repeated(np.zeros((2, 4, 4), np.float32), np.array([0, 0, 1]))
    >>> len(two), two.each(lambda pictures: pictures + 1).shape
    (3, (3, 4, 4))
    """

    pictures: Pixels
    of: RowNumbers

    @classmethod
    def once(cls, pictures: Pixels) -> "Repeated":
        """Return pictures of which each is in one pair."""
        return cls(pictures, np.arange(len(pictures)))

    def __len__(self) -> int:
        return len(self.of)

    def take(self, pairs: RowNumbers) -> "Repeated":
        """Return those of some pairs."""
        chosen, of = np.unique(self.of[pairs], return_inverse=True)
        return Repeated(self.pictures[chosen], of)

    def changed(self, make: Callable[[Pixels], Pixels]) -> "Repeated":
        """Return what is made of them."""
        return Repeated(make(self.pictures), self.of)

    def each(self, make: Callable[[Pixels], Pixels]) -> Pixels:
        """Return what is made of the picture of each pair, float32 (n, ...)."""
        made = make(self.pictures)
        return made if np.array_equal(self.of, np.arange(len(made))) else made[self.of]
