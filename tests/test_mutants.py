"""The mutation test makes the changes that it lists, and its tables match the package."""

from __future__ import annotations

import ast
from random import Random

import pytest

from benchmarks.mutants import EQUIVALENT, ROOT, TESTS, Mutant, all_mutants, mutants_of

SOURCE = '''
class Pool(Layer):
    can_pad: ClassVar[bool] = True

    def output(self, x: Volume) -> int:
        """1 + 1 is no formula."""
        if x.height < 3 and x.width < 3:
            raise ValueProblem(f"{x.height + 1} is too small")
        return max(x.height, 2) if x.ceil else x.height // 2
'''


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    """All mutants of the package."""
    return all_mutants()


def test_the_mutants_of_a_class_are_those_of_its_traits_methods_conditions_and_formulas() -> None:
    assert [str(mutant).partition("pool Pool")[2] for mutant in mutants_of("pool", SOURCE)] == [
        ".can_pad: can_pad: ClassVar[bool] = True -> pass",
        ".can_pad: True -> (False)",
        ".output: def output -> pass",
        ".output: x.height < 3 and x.width < 3 -> (x.height < 3 or x.width < 3)",
        ".output: x.height < 3 and x.width < 3 -> (x.width < 3)",
        ".output: x.height < 3 and x.width < 3 -> (x.height < 3)",
        ".output: x.height < 3 -> (x.height <= 3)",
        ".output: 3 -> (4)",
        ".output: x.width < 3 -> (x.width <= 3)",
        ".output: 3 -> (4)",
        ".output: max(x.height, 2) if x.ceil else x.height // 2 -> (x.height // 2 if x.ceil else max(x.height, 2))",
        ".output: max(x.height, 2) -> (min(x.height, 2))",
        ".output: 2 -> (3)",
        ".output: x.height // 2 -> (x.height * 2)",
        ".output: 2 -> (3)",
    ]


@pytest.mark.slow
def test_every_mutant_can_be_compiled_and_differs_from_the_source(mutants: list[Mutant]) -> None:
    for mutant in Random(0).sample(mutants, 20):  # noqa: S311
        source = (ROOT / mutant.file).read_bytes()
        changed = source[: mutant.start] + mutant.after.encode() + source[mutant.end :]
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), mutant


@pytest.mark.slow
def test_every_listed_equivalent_mutant_exists(mutants: list[Mutant]) -> None:
    assert set(map(str, mutants)) >= EQUIVALENT.keys()
    assert all(reason.strip() for reason in EQUIVALENT.values())


@pytest.mark.slow
def test_every_mutant_has_tests(mutants: list[Mutant]) -> None:
    assert [name for names in TESTS.values() for name in names if not (ROOT / "tests" / name).exists()] == []
    assert all(mutant.tests for mutant in mutants)
