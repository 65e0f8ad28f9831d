"""Decide which pairs of a join are duplicates, by the verdict on the set and by decisions of people."""

from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from tasks.arrays import Bits, Floats, Mask
from tasks.overlap.agreements import similarity_of
from tasks.overlap.components import are_duplicates, components_of, matches_of
from tasks.overlap.images import NOTHING, Images
from tasks.overlap.join import Join
from tasks.overlap.pairs import Pairs, concatenated, in_order, read_pairs
from tasks.overlap.pictures import with_more
from tasks.overlap.search import PAIRS, near_pairs
from tasks.overlap.verdict import lines_of
from tasks.records import Decided, Joined, Ruling
from tasks.records.verdict import Verdict
from tasks.storage import tables
from tasks.storage.decisions import DIGEST, Decisions, read_decisions

FURTHER = 40  # candidates to request first: searching again takes longer than measuring more
Both = tuple[Images, Images]


class Settled(NamedTuple):
    """Pairs of a join, and which are duplicates, judged so by a person, or undecided; `line` as in `lines_of`.

    If the user `asked` for a threshold, it also decides pairs whose agreement is negative, as it proves little.
    """

    pairs: Pairs
    duplicate: Mask
    judged: Mask
    undecided: Mask
    line: Floats
    decisions: Decisions | None
    asked: bool


def settled_by(join: Join, joined: Joined, ruling: Ruling, decided: Decided | None) -> Settled:
    """Settle a join from its records."""
    decisions = read_decisions(join.workspace / decided.table) if decided else None
    pairs = read_pairs(join.workspace / joined.folder / PAIRS)
    chained = tables.bytes_of(tables.read(join.workspace / ruling.baseline.chained)["md5"])
    return settle(join, pairs, ruling.verdict, chained, decisions)


def settle(join: Join, pairs: Pairs, verdict: Verdict, chained: Bits, decisions: Decisions | None) -> Settled:
    """Return which of the found pairs of a join are duplicates; `chained` are digests, uint8 (n, 16)."""
    if decisions and not join.view.on_pixels:
        pairs = _searched_again(join, pairs, decisions)
    line, unsure = lines_of(matches_of(join, pairs, chained), verdict, join.view)
    similar = np.minimum(line, unsure)
    if join.view.on_pixels:
        pairs = with_more(join, pairs, similar, FURTHER, one_first=True)
        if decisions:
            pairs = _laid_again(join, pairs, similar, decisions)
    if decisions:
        different = decisions.judged(*_digests(pairs, join.both), same=False)
        pairs = _with_judged(join, pairs.where(~different), decisions)
    asked = verdict.reason == "asked"
    duplicate, judged = confirmed(join, pairs, line, decisions, asked)
    pairs = pairs._replace(similarity=np.abs(pairs.similarity))
    ends = pairs.seen_from(join.searched)
    alike = are_duplicates(ends, similar, join.within)
    return Settled(pairs, duplicate, judged, alike & ~duplicate, line, decisions, asked)


def confirmed(join: Join, pairs: Pairs, line: Floats, decisions: Decisions | None, asked: bool) -> tuple[Mask, Mask]:
    """Return which measured pairs are duplicates, and which of them people judged the same; see `Settled`."""
    sure = pairs._replace(similarity=np.abs(pairs.similarity)) if asked else pairs
    near = are_duplicates(sure.seen_from(join.searched), line, join.within)
    if decisions is None:
        return near, np.zeros_like(near)
    same, different = (decisions.judged(*_digests(pairs, join.both), same=answer) for answer in (True, False))
    return (near & ~different) | same, same


def _digests(pairs: Pairs, images: Both) -> tuple[Bits, Bits]:
    return images[0].digests[pairs.first], images[1].digests[pairs.second]


def _searched_again(join: Join, pairs: Pairs, decisions: Decisions) -> Pairs:
    """Search glyphs that a decision separates again, without the judged pairs: not all of their pairs were kept."""
    told, images = _told_apart(join.both, decisions), join.both
    if join.within:  # only a forest is kept, so any pair of a component may replace a pair judged different
        component, _ = components_of(pairs, *images, within=True)
        told = (np.isin(component, component[told[0]]),) * 2

    def are_different(found: Pairs) -> Mask:
        return decisions.judged(*_digests(found, images), same=False)

    kept = [pairs.where(~(told[0][pairs.first] | told[1][pairs.second]))]
    for number in (0,) if join.within else (0, 1):
        sides = [images[side].take(told[side]) if side == number else images[side] for side in (0, 1)]
        kept.append(near_pairs(join, sides[0], sides[1], "all pairs", are_different))
    return in_order(concatenated(kept), join.within)


def _laid_again(join: Join, pairs: Pairs, line: Floats, decisions: Decisions) -> Pairs:
    """Align photographs that a decision separates with their component, which may be connected without that pair."""
    duplicates = pairs.where(are_duplicates(pairs.seen_from(join.searched), line, join.within))
    components, parts = components_of(duplicates, *join.both, join.within), []
    for side, told in enumerate(_told_apart(join.both, decisions)[: 1 if join.within else 2]):
        for image in np.flatnonzero(told).tolist():
            others = np.flatnonzero(components[1 - side] == components[side][image])
            parts.append(Pairs(np.full(len(others), image), others, np.ones(len(others))).seen_from(side))
    found = in_order(concatenated([pairs, with_similarity(join, concatenated(parts))]), join.within)
    one, two = _digests(found, join.both)
    return found.where((one != two).any(axis=1))


def _with_judged(join: Join, pairs: Pairs, decisions: Decisions) -> Pairs:
    """Return the pairs, including all that people judged the same."""
    named = _named(decisions, same=True)
    either_way = np.concatenate([named, named.reshape(-1, 2, DIGEST)[:, ::-1].reshape(-1, DIGEST)])
    found = (
        pc.index_in(tables.binary(either_way[end::2]), value_set=tables.binary(side.digests))
        for end, side in enumerate(join.both)
    )
    first, second = (rows.fill_null(NOTHING).to_numpy().astype(np.int64) for rows in found)
    judged = Pairs(first, second, np.ones(len(first))).where((first != NOTHING) & (second != NOTHING))
    return in_order(concatenated([pairs, with_similarity(join, judged)]), join.within)


def with_similarity(join: Join, pairs: Pairs) -> Pairs:
    """Return pairs with their measured similarity, which is negative if it proves little."""
    return pairs._replace(similarity=similarity_of(join.both[0].take(pairs.first), join.both[1].take(pairs.second)))


def _told_apart(images: Both, decisions: Decisions) -> tuple[Mask, Mask]:
    """Return which images of both sides are part of a pair judged different."""
    wanted = _named(decisions, same=False)
    return images[0].are_among(wanted), images[1].are_among(wanted)


def _named(decisions: Decisions, same: bool) -> Bits:
    """Return the digests of the images in decided pairs, uint8 (n, 16)."""
    digests = [digest for pair, answer in decisions.by_pair.items() if answer == same for digest in pair]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST)
