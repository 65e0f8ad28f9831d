"""The best match of each image of a set, from pairs and from tiles that come one after the other."""

from dataclasses import dataclass

import numpy as np

from tasks.overlap.within.forest import Forest
from tasks.vocabulary.arrays import Floats, Mask, RowNumbers


@dataclass(frozen=True)
class BestMatches:
    """The best match of each of some images.

    Attributes
    ----------
    image : ndarray
        int64 (n,): numbers of the images.
    similarity : ndarray
        float64 (n,): of the best match, 0 where there is none.
    other_class : ndarray
        bool (n,): whether it has another class; of equally similar ones, one of another class counts.
    crowd : ndarray
        float64 (n,): of photographs, see `tasks.overlap.pictures.PictureTwins`.
    """

    image: RowNumbers
    similarity: Floats
    other_class: Mask
    crowd: Floats

    @classmethod
    def none(cls, image: RowNumbers) -> "BestMatches":
        """Return images of which nothing is known yet."""
        return cls(image, np.zeros(len(image)), np.zeros(len(image), np.bool_), np.zeros(len(image)))

    def add(self, pairs: Forest, labels: RowNumbers) -> None:
        """Take in pairs of places among these images, whose classes are given."""
        differs = labels[pairs.first] != labels[pairs.second]
        for at in (pairs.first, pairs.second):
            before = self.similarity.copy()
            np.maximum.at(self.similarity, at, pairs.similarity)
            self.other_class[self.similarity > before] = False
            top = differs & (pairs.similarity == self.similarity[at])
            self.other_class[at[top]] = True

    def known(self) -> "BestMatches":
        """Return the images that have a match, be it of no similarity at all."""
        some = np.flatnonzero((self.similarity > 0) | (self.crowd > 0) | self.other_class)
        return BestMatches(self.image[some], self.similarity[some], self.other_class[some], self.crowd[some])

    def take_in(self, found: "BestMatches") -> None:
        """Take in matches of some images; here, the number of an image is its place."""
        at, before = found.image, self.similarity[found.image]
        equal = (found.similarity == before) & self.other_class[at]
        self.other_class[at] = np.where(found.similarity >= before, found.other_class | equal, self.other_class[at])
        self.similarity[at] = np.maximum(before, found.similarity)
        self.crowd[at] = np.maximum(self.crowd[at], found.crowd)
