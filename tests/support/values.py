"""Changed copies of labcrate's frozen values: most are ``msgspec.Struct``, some are dataclasses."""

import dataclasses
from typing import TypeVar

import msgspec

T = TypeVar("T")


def replace(value: T, **changes: object) -> T:
    """Return a value with some of its fields changed."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]
