"""``cnncalc.records.NamedTuple`` makes the same classes as ``typing.NamedTuple``."""

from __future__ import annotations

import pickle
import typing
from typing import Any

import pytest

from cnncalc import records


class Light(records.NamedTuple):
    """A record."""

    name: str
    size: int = 3

    @property
    def text(self) -> str:
        return f"{self.name} {self.size}"

    def twice(self) -> int:
        return 2 * self.size

    def __str__(self) -> str:
        return self.text


class Usual(typing.NamedTuple):
    """A record."""

    name: str
    size: int = 3

    @property
    def text(self) -> str:
        return f"{self.name} {self.size}"

    def twice(self) -> int:
        return 2 * self.size

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize("kind", [Light, Usual])
def test_a_record_has_fields_defaults_and_methods(kind: Any) -> None:
    one = kind("a")

    assert one == ("a", 3) == kind("a", size=3)
    assert (one.text, one.twice(), str(one)) == ("a 3", 6, "a 3")
    assert one._replace(size=4)._asdict() == {"name": "a", "size": 4}
    assert (kind._fields, kind._field_defaults) == (("name", "size"), {"size": 3})
    assert list(kind.__annotations__) == ["name", "size"]
    assert (kind.__doc__, kind.__module__, kind.__qualname__) == ("A record.", __name__, kind.__name__)
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301
    assert repr(one) == f"{kind.__name__}(name='a', size=3)"
    with pytest.raises(TypeError):
        kind()
    with pytest.raises(AttributeError):
        one.name = "b"
