"""``NamedTuple`` that keeps annotations as text: ``typing.NamedTuple`` compiles each, a fifth of the start-up time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    NOT_COPIED = {"__annotations__", "__module__", "__qualname__", "__classcell__"}

    class _NamedTupleMeta(type):
        """Builds a ``collections.namedtuple`` with the fields, defaults and methods of the class body."""

        def __new__(cls, name, bases, namespace):
            if not bases:
                return super().__new__(cls, name, bases, namespace)
            fields = namespace.get("__annotations__", {})
            defaults = [namespace[field] for field in fields if field in namespace]
            record = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])
            record.__annotations__ = fields
            record.__qualname__ = namespace["__qualname__"]
            for key, value in namespace.items():
                if key not in NOT_COPIED and key not in fields:
                    setattr(record, key, value)
            return record

    class NamedTuple(metaclass=_NamedTupleMeta):
        """Base class of immutable records."""
