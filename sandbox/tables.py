"""Containers of an emulator's state that note which of their entries may have changed since the state was saved.

Entries are mutable and are changed in place, so an entry counts as changed once it has been handed out.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class TrackedTable(dict[K, V]):
    """A dict of entries that are saved one by one. `touched_keys`: keys handed out; `is_swept`: all of them were."""

    __slots__ = ("is_swept", "touched_keys")

    def __init__(self, entries: Iterable[tuple[K, V]] = ()) -> None:
        super().__init__(entries)
        self.touched_keys: set[K] = set(self)
        self.is_swept = False

    if not TYPE_CHECKING:  # to a type checker these are dict's own, with all their overloads

        def __getitem__(self, key: K) -> V:
            self.touched_keys.add(key)
            return super().__getitem__(key)

        def __setitem__(self, key: K, value: V) -> None:
            self.touched_keys.add(key)
            super().__setitem__(key, value)

        def __delitem__(self, key: K) -> None:
            self.touched_keys.add(key)
            super().__delitem__(key)

        def get(self, key: K, default: Any = None) -> Any:
            self.touched_keys.add(key)
            return super().get(key, default)

        def pop(self, key: K, *default: Any) -> Any:
            self.touched_keys.add(key)
            return super().pop(key, *default)

        def setdefault(self, key: K, default: Any = None) -> Any:
            self.touched_keys.add(key)
            return super().setdefault(key, default)

        def values(self) -> Any:
            self.is_swept = True
            return super().values()

        def items(self) -> Any:
            self.is_swept = True
            return super().items()

        def clear(self) -> None:
            self.is_swept = True
            super().clear()

        def update(self, *entries: Any, **more: Any) -> None:
            self.is_swept = True
            super().update(*entries, **more)

    def peek_entry(self, key: K) -> V | None:
        """The entry, for a reader that does not change it."""
        return super().get(key)

    def forget_touches(self) -> None:
        self.touched_keys.clear()
        self.is_swept = False


class TablesByKind(dict[str, TrackedTable[str, V]]):
    """Tables by kind of object, each made when it is asked for."""

    def __missing__(self, kind: str) -> TrackedTable[str, V]:
        table: TrackedTable[str, V] = TrackedTable()
        self[kind] = table
        return table


class TrackedLog(list[V], Generic[V]):
    """A list whose entries never change: it grows at its end and is cut at its beginning.

    `appended_count`: ever appended.
    """

    def __init__(self, entries: Iterable[V] = ()) -> None:
        super().__init__(entries)
        self.appended_count = len(self)

    def append(self, entry: V) -> None:
        self.appended_count += 1
        super().append(entry)

    def __setitem__(self, place: SupportsIndex | slice, value: Any) -> None:
        raise TypeError("the entries of a log do not change")

    def list_numbered(self) -> Iterator[tuple[int, V]]:
        """The latest first, each under its number, which begins at 1."""
        return zip(range(self.appended_count, 0, -1), reversed(self), strict=False)
