"""What is known of server and client as tables of a case: the fields that differ from their defaults, and back again, each of its type."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def to_table(told: Any, *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a frozen dataclass that are not their default."""
    table: dict[str, Any] = {}
    for field in fields(told):
        value = getattr(told, field.name)
        if field.name not in without and value is not None and (field.default is MISSING or value != field.default):
            table[field.name] = _plain(value)
    return table


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return to_table(value)
    return [_plain(member) for member in value] if isinstance(value, tuple) else value


def from_table(kind: type, table: Any, where: str, hints: dict[str, Any] | None = None) -> Any:
    """The dataclass again. Keys that it does not have are passed over: a later chaincheck may have more. Raises ``ValueError``."""
    if not isinstance(table, dict):
        raise TypeError(f"{where} is not a table")
    known = hints if hints is not None else get_type_hints(kind)
    names = {field.name for field in fields(kind)} & set(known)
    unset = {field.name: None for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING and field.init}
    told = {name: _typed(value, known[name], f"{where}.{name}") for name, value in table.items() if name in names}
    missing = [name for name in unset if name not in told and type(None) not in get_args(known.get(name))]
    if missing:
        raise ValueError(f"{where} has no {missing[0]}")
    return kind(**(unset | told))


def _typed(value: Any, hint: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        for option in get_args(hint):
            if option is not type(None):
                try:
                    return _typed(value, option, where)
                except (TypeError, ValueError) as error:
                    last = error
        raise last
    if origin is Literal:
        if value in get_args(hint):
            return value
    elif origin is tuple:
        return _tuple(value, get_args(hint), where)
    elif is_dataclass(hint) and isinstance(hint, type):
        return from_table(hint, value, where)
    elif type(value) is hint or (hint is float and type(value) is int):
        return value
    raise ValueError(f"{where} has the value {value!r}, which is not one of its own")


def _tuple(value: Any, members: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{where} is not an array")
    if len(members) == 2 and members[1] is Ellipsis:
        return tuple(_typed(member, members[0], where) for member in value)
    if len(value) != len(members):
        raise ValueError(f"{where} has {len(value)} members, not {len(members)}")
    return tuple(_typed(member, hint, where) for member, hint in zip(value, members, strict=True))
