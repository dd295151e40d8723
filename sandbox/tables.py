"""Containers of an emulator's state that note which of their entries may have changed since the state was saved.

Entries are mutable and are changed in place, so an entry counts as changed once it has been handed out.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Table(dict[K, V]):
    """A dict of entries that are saved one by one. `touched`: keys handed out; `swept`: all of them were."""

    __slots__ = ("swept", "touched")

    def __init__(self, entries: Iterable[tuple[K, V]] = ()) -> None:
        super().__init__(entries)
        self.touched: set[K] = set(self)
        self.swept = False

    if not TYPE_CHECKING:  # to a type checker these are dict's own, with all their overloads

        def __getitem__(self, key: K) -> V:
            self.touched.add(key)
            return super().__getitem__(key)

        def __setitem__(self, key: K, value: V) -> None:
            self.touched.add(key)
            super().__setitem__(key, value)

        def __delitem__(self, key: K) -> None:
            self.touched.add(key)
            super().__delitem__(key)

        def get(self, key: K, default: Any = None) -> Any:
            self.touched.add(key)
            return super().get(key, default)

        def pop(self, key: K, *default: Any) -> Any:
            self.touched.add(key)
            return super().pop(key, *default)

        def setdefault(self, key: K, default: Any = None) -> Any:
            self.touched.add(key)
            return super().setdefault(key, default)

        def values(self) -> Any:
            self.swept = True
            return super().values()

        def items(self) -> Any:
            self.swept = True
            return super().items()

        def clear(self) -> None:
            self.swept = True
            super().clear()

        def update(self, *entries: Any, **more: Any) -> None:
            self.swept = True
            super().update(*entries, **more)

    def peek(self, key: K) -> V | None:
        """The entry, for a reader that does not change it."""
        return super().get(key)

    def forget_touches(self) -> None:
        self.touched.clear()
        self.swept = False


class Tables(dict[str, Table[str, V]]):
    """Tables by kind of object, each made when it is asked for."""

    def __missing__(self, kind: str) -> Table[str, V]:
        table: Table[str, V] = Table()
        self[kind] = table
        return table


class Log(list[V], Generic[V]):
    """A list whose entries never change: it grows at its end and is cut at its beginning. `total`: ever appended."""

    def __init__(self, entries: Iterable[V] = ()) -> None:
        super().__init__(entries)
        self.total = len(self)

    def append(self, entry: V) -> None:
        self.total += 1
        super().append(entry)

    def __setitem__(self, place: SupportsIndex | slice, value: Any) -> None:
        raise TypeError("the entries of a log do not change")

    def numbered(self) -> Iterator[tuple[int, V]]:
        """The latest first, each under its number, which begins at 1."""
        return zip(range(self.total, 0, -1), reversed(self), strict=False)
