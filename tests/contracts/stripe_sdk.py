"""What Stripe's SDK, the newest description there is, says of an object's names."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, ClassVar, get_args, get_origin

import stripe
from stripe._object_classes import OBJECT_CLASSES


def known_names(kind: str) -> frozenset[str]:
    """Of a kind of object; empty for a kind that the SDK has never heard of."""
    return frozenset(_class_of(kind).__annotations__) if kind in OBJECT_CLASSES else frozenset()


def strangers(body: Any, listed: dict[str, frozenset[str]]) -> list[str]:
    """Paths of names that the SDK does not know; `listed` are other names that are fine, by kind of object."""
    found = []
    for path, node, known in _typed(body, "$"):
        fine = {"object", *known.__annotations__, *listed.get(_kind(node), ())}
        found += [f"{path}.{name}" for name in node if name not in fine]
    return found


def absent(body: Any) -> list[str]:
    """Paths of what the SDK's types say is always there and never null. Of what is deleted little is left."""
    living = (found for found in _typed(body, "$") if found[1].get("deleted") is not True)
    return [f"{path}.{name}" for path, node, known in living for name in _always(known) if node.get(name) is None]


def _typed(body: Any, path: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every object and part of one that has a class in the SDK, all the way down."""
    if isinstance(body, list):
        for number, one in enumerate(body):
            yield from _typed(one, f"{path}[{number}]")
    elif isinstance(body, dict):
        if set(body) == {"error"}:
            yield from _parts(body["error"], stripe.ErrorObject, f"{path}.error")
        elif (kind := _kind(body)) in OBJECT_CLASSES:
            yield from _parts(body, _class_of(kind), path)
        else:
            yield from (found for name, one in body.items() for found in _typed(one, f"{path}.{name}"))


def _parts(body: dict[str, Any], known: Any, path: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    yield path, body, known
    for name, value in body.items():
        part = known._inner_class_types.get(name)
        if part is not None and isinstance(value, dict):
            yield from _parts(value, part, f"{path}.{name}")
        elif name != "metadata":
            yield from _typed(value, f"{path}.{name}")


def _kind(body: dict[str, Any]) -> str:
    """An event's data has an object where others have its name."""
    found = body.get("object")
    return found if isinstance(found, str) else ""


def _class_of(kind: str) -> Any:
    module, name = OBJECT_CLASSES[kind]
    return getattr(import_module(module), name)


@cache
def _always(known: Any) -> frozenset[str]:
    typed = known.__annotations__.items()
    return frozenset(
        name for name, kind in typed if get_origin(kind) is not ClassVar and type(None) not in get_args(kind)
    )
