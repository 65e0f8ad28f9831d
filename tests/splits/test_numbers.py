import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import ClassCounts, Shard
from tasks.splits.numbers import ranks_of
from tasks.vocabulary import Role

CLASSES = ["A", "A b", "A-b", "A.b", "A0", "Ab", "a", "\u00c4", "\u00e9\u00e9", "_", "~"]  # in the order of an index
MEMBERS = ["0.png", "1 a.png", "1-a/b.png", "1.png", "1/a.png", "\u00e4.png"]


def test_ranks_are_the_order_of_ids_whatever_names_classes_have() -> None:
    random = np.random.default_rng(0)
    ids: list[str] = []
    shards: list[Shard] = []
    roles: tuple[Role, ...] = ("train", "large", "test")  # sources come in the order in which they are given
    for role in roles:
        for label, name in enumerate(sorted(CLASSES, key=str.encode)):
            own = sorted(random.choice(MEMBERS, random.integers(len(MEMBERS)), replace=False).tolist(), key=str.encode)
            ids += [f"{role}/{name}/{member}" for member in own]
            cut = int(random.integers(len(own) + 1))  # a class may lie in several shards, and an empty one in any
            for count in (cut, len(own) - cut):
                of_class = ClassCounts(name, label, count, count, 0, 0, 0, 0, 0, 0, 0)
                shards.append(Shard(role, "", (of_class,), ""))
    for count in (len(ids), 40, 1, 0):
        rows = random.permutation(len(ids))[:count]
        order = pc.sort_indices(pa.array([ids[row] for row in rows], pa.string())).to_numpy()
        assert np.array_equal(ranks_of(shards, rows), np.argsort(order))
