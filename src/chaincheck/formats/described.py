"""What an argument of the wrong kind was, in words fit for an error, without asking the caller's object to describe itself."""

from __future__ import annotations

_LONGEST = 80  # characters of a message
_PLAIN = (bool, int, float, complex, bytes, bytearray, str)


def described(value: object) -> str:
    """The value itself where it is short and plain, else its type. Runs no code of the caller's object."""
    if value is None or value is Ellipsis or value is NotImplemented:
        return repr(value)
    kind = type(value)
    if kind is int and isinstance(value, int) and value.bit_length() > 128:
        return f"an int of {value.bit_length():,} bits"
    if kind in _PLAIN:
        # the beginning alone: the repr of 100 MB takes a second, and an error message is no place for a key
        whole = value[:_LONGEST] if isinstance(value, (bytes, bytearray, str)) else value
        text = repr(whole)
        return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    return f"an object of type {type_name(value)}"


def type_name(value: object) -> str:
    """The name of its type, bounded and printable."""
    name = type.__dict__["__name__"].__get__(type(value))
    return "".join(character if character.isprintable() else "?" for character in str(name)[:_LONGEST])
