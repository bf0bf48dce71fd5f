"""The trees of named nets that are kept beside their files."""

from __future__ import annotations

import errno
import marshal
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cnncalc.language import catalogue, tree_cache, yaml_tree
from cnncalc.language.yaml_tree import YamlDocument
from cnncalc.source import Source

if TYPE_CHECKING:
    from pathlib import Path

NET = "lenet5"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of all named nets, in which trees are kept."""
    for name in catalogue.names():
        shutil.copy(str(catalogue.path(name)), tmp_path)
    monkeypatch.setattr(catalogue, "_folder", lambda: str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path


def read(text: str, name: str = NET) -> Any:
    """The root node of a text that is named as the file of a net."""
    return YamlDocument(Source(f"{name}.yaml", text)).read()


def text_of(folder: Path, name: str = NET) -> str:
    """The text of a named net."""
    return (folder / f"{name}.yaml").read_text("utf-8")


def kept(folder: Path) -> list[Path]:
    """All files that are kept."""
    return sorted((folder / "__pycache__").glob("*"))


def test_the_second_reading_of_each_net_gives_the_same_tree_without_pyyaml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {name: read(text_of(folder, name), name) for name in catalogue.names()}
    assert len(kept(folder)) == len(first)
    monkeypatch.setattr(YamlDocument, "_build", None)

    for name, tree in first.items():
        again = read(text_of(folder, name), name)
        assert yaml_tree._plain(again) == yaml_tree._plain(tree)
        assert again.span == tree.span
        assert [key.text for key, _ in again.entries] == [key.text for key, _ in tree.entries]


def test_a_file_of_the_same_name_with_another_text_is_read_and_not_kept(folder: Path) -> None:
    read(text_of(folder))
    before = kept(folder)[0].read_bytes()

    assert read("name: other\n").entries[0][1].value == "other"
    assert read("name: other\n", "no-such-net").entries[0][1].value == "other"

    assert [file.read_bytes() for file in kept(folder)] == [before]


def test_the_tree_of_a_net_that_was_changed_is_written_anew(folder: Path) -> None:
    read(text_of(folder))
    (folder / f"{NET}.yaml").write_text("name: other\n", encoding="utf-8")

    for _ in range(2):
        assert read(text_of(folder)).entries[0][1].value == "other"
    assert marshal.loads(kept(folder)[0].read_bytes()[tree_cache.CHECKSUM_BYTES :])[1] == "name: other\n"  # noqa: S302


NO_TREES = [marshal.dumps(3), marshal.dumps((0, "", ()))]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"no tree", *[tree_cache._checksum(some) + some for some in NO_TREES]]
)
def test_a_broken_file_is_not_used(folder: Path, content: bytes) -> None:
    tree = read(text_of(folder))
    kept(folder)[0].write_bytes(content)

    assert yaml_tree._plain(read(text_of(folder))) == yaml_tree._plain(tree)


def test_a_file_of_which_one_bit_or_the_end_is_lost_is_not_used(folder: Path) -> None:
    source = Source(f"{NET}.yaml", text_of(folder))
    read(source.text)
    (file,) = kept(folder)
    content = file.read_bytes()
    tree = tree_cache.cached_tree(source)
    assert tree is not None

    for place in range(0, len(content), 31):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        for wrong in (damaged, content[:place]):
            file.write_bytes(wrong)
            assert tree_cache.cached_tree(source) in (None, tree)  # zeros at the end do not count
    read(source.text)
    assert file.read_bytes() == content


def test_a_file_that_cannot_be_written_to_the_end_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: str, file: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", file)

    monkeypatch.setattr(os, "replace", full)
    assert read(text_of(folder)) is not None
    assert kept(folder) == []


def test_nothing_is_written_where_python_writes_no_byte_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    read(text_of(folder))
    assert kept(folder) == []


def test_a_folder_that_cannot_be_written_is_no_error(folder: Path) -> None:
    (folder / "__pycache__").write_text("a file", encoding="utf-8")
    assert read(text_of(folder)) is not None
    assert tree_cache.cached_tree(Source(f"{NET}.yaml", text_of(folder))) is None
