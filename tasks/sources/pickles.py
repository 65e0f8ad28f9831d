"""Read a pickle as lists, dicts, text, numbers and bytes. Nothing in it is imported or called."""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_STEPS = 4_000_000  # CIFAR-100 takes 300,000
VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip


@dataclass
class Named:
    """A record instead of an object: its module and name, the arguments of its call, and its state."""

    name: tuple[Any, ...]
    arguments: Any = None
    state: Any = None


@dataclass
class _Machine:
    """A machine for pickles (PEP 307, PEP 3154), with the opcodes of plain values."""

    room: int  # characters of text that may still be encoded
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def keep(self, number: int) -> None:
        self.memo[number] = self.stack[-1]

    def last(self, count: int | None = None) -> list[Any]:
        """Pop the last values off the stack, by default those after the last mark."""
        start = self.marks.pop() if count is None else len(self.stack) - count
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def set_items(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | bytes):  # a dict of numbers with equal hashes would take hours
                raise ValueError("it has a key that is not text")  # noqa: TRY004
            self.stack[-1][key] = value

    def call(self, function: Named, arguments: Any) -> None:
        match function.name, arguments:
            case ("_codecs", "encode"), (str(text), *_):  # bytes in protocol 2, as written by Python 3
                self.room -= len(text)
                if self.room < 0:
                    raise ValueError("it encodes more text than it holds")
                self.stack.append(text.encode("latin-1"))
            case _:
                self.stack.append(Named(function.name, arguments))

    def set_state(self, state: Any) -> None:
        self.stack[-1].state = state


OPCODES: dict[str, Callable[[_Machine, Any], object]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _, __: None),
    **dict.fromkeys(VALUES, lambda m, value: m.stack.append(value)),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), lambda m, text: m.stack.append(text.encode("latin-1"))),
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.last())),
    "TUPLE1": lambda m, _: m.stack.append(tuple(m.last(1))),
    "TUPLE2": lambda m, _: m.stack.append(tuple(m.last(2))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(m.last(3))),
    "APPEND": lambda m, _: m.stack[-2].append(*m.last(1)),
    "APPENDS": lambda m, _: m.stack[m.marks[-1] - 1].extend(m.last()),
    "SETITEM": lambda m, _: m.set_items(m.last(2)),
    "SETITEMS": lambda m, _: m.set_items(m.last()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Machine.keep),
    "MEMOIZE": lambda m, _: m.keep(len(m.memo)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, number: m.stack.append(m.memo[number])),
    "GLOBAL": lambda m, name: m.stack.append(Named(tuple(name.split(" ")))),
    "STACK_GLOBAL": lambda m, _: m.stack.append(Named(tuple(m.last(2)))),
    "REDUCE": lambda m, _: m.call(*m.last(2)),
    "BUILD": lambda m, _: m.set_state(*m.last(1)),
}


def read_pickle(data: bytes) -> Any:
    """Return the content of a pickle of protocol 2 to 4, with a record (`Named`) in place of each object.

    Raises some exception when the pickle is damaged, needs other opcodes, or takes more than `MAX_STEPS`.
    """
    machine = _Machine(len(data))
    for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        if number == MAX_STEPS or opcode.name not in OPCODES:
            raise ValueError(f"it has the opcode {opcode.name} in place {number:,}")
        OPCODES[opcode.name](machine, argument)
    return machine.stack.pop()
