"""State of an emulator as JSON and back: plain values as they are, and the few other types under a tag.

Only the data classes that an emulator names are read; nothing that is stored decides what code runs.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from datetime import datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

TRANSIENT = {"transient": True}
"""Metadata of a data class's field that is not saved: it belongs to the running process."""
_TAG = "\0type"
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
_PRIVATE_KEYS = (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)


class StateCodec:
    """`types`: the data classes that may be stored. They are named by their modules' last part and their own name."""

    def __init__(self, types: Iterable[type] = ()) -> None:
        self._types: dict[str, type] = {}
        self._names: dict[type, str] = {}
        for kind in types:
            self.add_type(kind)

    def add_type(self, kind: type) -> None:
        name = f"{kind.__module__.rpartition('sandbox.')[2]}.{kind.__qualname__}"
        self._types[name] = kind
        self._names[kind] = name

    def encode_value(self, value: object) -> bytes:
        """Raises TypeError for a value of a type that was not named."""
        return orjson.dumps(value, self._tagged, _OPTIONS)

    def decode_value(self, raw: bytes) -> Any:
        """Raises ValueError for what `encode_value` cannot have written."""
        return self._restored(orjson.loads(raw))

    def _tagged(self, value: object) -> dict[str, Any]:
        name = self._names.get(type(value))
        if name is not None:
            return {_TAG: name} | {one.name: getattr(value, one.name) for one in list_stored_fields(type(value))}
        match value:
            case datetime():
                return {_TAG: "datetime", "value": value.isoformat()}
            case bytes():
                return {_TAG: "bytes", "value": base64.b64encode(value).decode()}
            case set() | frozenset():
                return {_TAG: type(value).__name__, "value": sorted(value, key=repr)}
        if isinstance(value, _PRIVATE_KEYS):
            return {_TAG: "key", "value": _pem(value)}
        raise TypeError(f"{type(value).__qualname__} is not a type that the sandbox stores")

    def _restored(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._restored(item) for item in value]
        if not isinstance(value, dict):
            return value
        entries = {name: self._restored(item) for name, item in value.items()}
        tag = entries.get(_TAG)
        if tag in self._types:
            return _built(self._types[tag], entries)
        reader = _READERS.get(tag) if isinstance(tag, str) else None
        return reader(entries["value"]) if reader is not None and len(entries) == 2 else entries


def list_stored_fields(kind: type) -> tuple[Field[Any], ...]:
    return tuple(one for one in fields(kind) if not one.metadata.get("transient"))


def _built(kind: type, entries: dict[str, Any]) -> Any:
    """An object with these fields, past its constructor; fields that were not stored have their defaults."""
    hints = get_type_hints(kind)
    made: Any = object.__new__(kind)
    for one in fields(kind):
        if one.name in entries:
            value = _shaped(hints[one.name], entries[one.name])
        elif one.default is not MISSING:
            value = one.default
        elif one.default_factory is not MISSING:
            value = one.default_factory()
        else:
            raise ValueError(f"{kind.__qualname__}.{one.name} was not stored")
        object.__setattr__(made, one.name, value)
    return made


def _shaped(hint: Any, value: Any) -> Any:
    """JSON knows lists alone: what the field declares as a tuple, or as one or None, becomes one again."""
    if get_origin(hint) in {Union, UnionType}:
        hint = next((kind for kind in get_args(hint) if get_origin(kind) is tuple), hint)
    if get_origin(hint) is not tuple or not isinstance(value, list):
        return value
    kinds = get_args(hint)
    kinds = (kinds[0],) * len(value) if len(kinds) == 2 and kinds[1] is Ellipsis else kinds
    return tuple(_shaped(kind, item) for kind, item in zip(kinds, value, strict=False))


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value


def _pem(key: Any) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    written: bytes = key.private_bytes(serialization.Encoding.PEM, form, plain)
    return written.decode()


_READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "bytes": base64.b64decode,
    "set": lambda items: {_hashable(item) for item in items},
    "frozenset": lambda items: frozenset(_hashable(item) for item in items),
    "key": lambda pem: serialization.load_pem_private_key(pem.encode(), None),
}
