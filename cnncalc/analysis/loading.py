"""Loads the graph of a TARGET: standard input, a design or model file, a named net, a PyTorch module, or a pattern.

Errors hold the problems of the text, and those of the volumes of layers that could be read.
"""

from __future__ import annotations

import os

from cnncalc.collection import Paused
from cnncalc.errors import DesignError, Problem, did_you_mean
from cnncalc.language import catalogue
from cnncalc.language.files import decode, is_there, map_bytes, read_bytes
from cnncalc.language.limits import YAML_BYTES
from cnncalc.language.reading import ArchitectureReader, PatternReader, design_reader
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.records import NamedTuple
from cnncalc.source import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap
    from typing import TypeAlias, TypeVar

    from cnncalc.graph import Graph
    from cnncalc.interop.onnx_weights import OnnxWeights
    from cnncalc.language.settings import Settings
    from cnncalc.layers.keys import Value

    Graphs: TypeAlias = Callable[[Settings], Graph]
    """The graphs of one design for different settings."""
    T = TypeVar("T")


class FileReader(NamedTuple):
    """A format of design files.

    ``function`` of ``module`` takes a name for messages, the content of at most ``most_bytes``, and the settings; it
    returns a graph or raises DesignError. The module is imported when a file of that format is read. ``is_mapped``: the
    content may be a memory map, since most of it is not read. ``weights`` of module ``weights_module`` takes the same
    arguments and also reads the weights of the file (empty: weights cannot be read).
    """

    endings: tuple[str, ...]
    most_bytes: int
    module: str
    function: str
    is_mapped: bool = False
    weights_module: str = ""
    weights: str = ""

    def content(self, path: str, folder: str) -> bytes | mmap:
        """The content of a file; DesignError if it cannot be read."""
        if self.is_mapped:
            return map_bytes(path, self.most_bytes, folder)
        return read_bytes(path, self.most_bytes, folder, is_design=self is ARCHITECTURE)

    def graphs(self, name: str, data: bytes | mmap) -> Graphs:
        """The graphs of the content of a file, called ``name`` in messages."""
        module = __import__(self.module, fromlist=(self.function,))  # importlib would be one more module
        read = getattr(module, self.function)
        return lambda settings: read(name, data, settings)


ARCHITECTURE = FileReader((".yaml", ".yml"), YAML_BYTES, "cnncalc.language.reading", "read_architecture_file")
"""Architecture files; every file without a known ending is read as one."""

FILE_READERS = (
    ARCHITECTURE,
    FileReader(
        (".onnx",),
        4 * 1024**3,
        "cnncalc.interop.onnx_file",
        "read_onnx",
        is_mapped=True,
        weights_module="cnncalc.interop.onnx_weights",
        weights="onnx_weights",
    ),
    FileReader((".tflite",), 4 * 1024**3, "cnncalc.interop.tflite_operators", "read_tflite", is_mapped=True),
    FileReader((".prototxt",), 2 * 1024 * 1024, "cnncalc.interop.caffe", "read_caffe"),
    FileReader((".cfg",), 2 * 1024 * 1024, "cnncalc.interop.darknet", "read_darknet"),
    FileReader((".json",), 4 * 1024 * 1024, "cnncalc.interop.keras", "read_json_file"),
    FileReader((".keras",), 4 * 1024**3, "cnncalc.interop.keras", "read_keras_file", is_mapped=True),
    FileReader((".h5", ".hdf5"), 4 * 1024**3, "cnncalc.interop.keras", "read_h5_file", is_mapped=True),
)
"""The formats of design files by the endings of their names."""


def load(target: str, settings: Settings = DEFAULT_SETTINGS, stdin: str | None = None, folder: str = "") -> Graph:
    """The graph of a TARGET.

    Tried in this order: ``-`` (the text ``stdin``), a path that exists or ends like a design file, a named net, a
    PyTorch module in code (``package.module:attribute``), a pattern. A relative path starts from ``folder`` (default:
    the current one). Raises DesignError with all problems.
    """
    return Loader(target, stdin, folder).graph(settings)


class Loader:
    """Reads a TARGET, as :func:`load` does, and gives its graph for any settings; text is parsed once.

    ``content`` is that of the file which the target names, if it has been read elsewhere.
    """

    def __init__(self, target: str, stdin: str | None = None, folder: str = "", content: bytes | None = None) -> None:
        self._graph, self._content = _complete(_of_target, target, stdin, folder, content)

    @property
    def file(self) -> bytes | mmap | None:
        """The content of the file that was read; None for a text and for code."""
        return None if isinstance(self._content, str) else self._content

    def digest(self) -> str | None:
        """A digest of the text or the content of the file that was read; None for code, which has more than one."""
        if self._content is None:
            return None
        from hashlib import sha256

        content = self._content
        return sha256(content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content).hexdigest()

    def graph(self, settings: Settings = DEFAULT_SETTINGS, *, with_hints: bool = True) -> Graph:
        """The graph; raises DesignError with all problems. ``with_hints`` searches for an input that works."""
        return _complete(self._graph, settings, with_hints=with_hints)

    @property
    def is_text(self) -> bool:
        """Whether it is a design in the language: its graph does not depend on the sizes of its inputs."""
        return isinstance(getattr(self._graph, "__self__", None), (ArchitectureReader, PatternReader))

    def variables(self, settings: Settings = DEFAULT_SETTINGS) -> dict[str, Value | None]:
        """The variables that the design reads, with their values; None for one without a value."""
        reader = getattr(self._graph, "__self__", None)
        return reader.variables(settings) if isinstance(reader, (ArchitectureReader, PatternReader)) else {}


def load_bytes(name: str, data: bytes | mmap, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of the content of a design file, called ``name`` in messages."""
    return _complete(_of_bytes(name, data), settings)


def load_weights(target: str, settings: Settings = DEFAULT_SETTINGS, folder: str = "") -> OnnxWeights | None:
    """The weights of the file that a TARGET names; None if it is not a file, or of a format whose weights are not read.

    Raises DesignError as :func:`load` does.
    """
    from importlib import import_module

    reader = _reader_of(target)
    if not reader.weights or target == "-":
        return None
    data = reader.content(target, folder)
    with Paused():
        found: OnnxWeights = getattr(import_module(reader.weights_module), reader.weights)(
            os.path.join(folder, target), data, settings
        )
    return found


def load_as(ending: str, path: str, settings: Settings = DEFAULT_SETTINGS) -> Graph:
    """The graph of a file, read as if its name had this ending."""
    reader = _reader_of(ending)
    return _complete(reader.graphs(path, reader.content(path, "")), settings)


def _complete(read: Callable[..., T], *arguments: object, with_hints: bool = True) -> T:
    """Calls ``read`` with garbage collection paused; adds the problems of volumes to its error."""
    try:
        with Paused():
            return read(*arguments)
    except DesignError as error:
        from cnncalc.analysis.volumes import with_volume_problems

        raise with_volume_problems(error, with_hints=with_hints) from None


def _of_target(
    target: str, stdin: str | None, folder: str, content: bytes | None
) -> tuple[Graphs, str | bytes | mmap | None]:
    """The graphs of a target, and its text or the content of its file (None for code)."""
    if content is not None:
        return _of_bytes(target, content), content
    if target == "-":
        return design_reader("<stdin>", stdin or "").graph, stdin or ""
    if any(target.lower().endswith(reader.endings) for reader in FILE_READERS) or is_there(target, folder):
        data = _reader_of(target).content(target, folder)
        return _of_bytes(target, data), data
    path = catalogue.path(target)
    if path is not None:
        data = read_bytes(path)
        return _of_bytes(f"{target}.yaml", data), data
    if _names_code(target):
        from cnncalc.interop.torch_target import read_module

        return lambda settings: read_module(target, settings, folder=folder), None
    if _looks_like_name(target):
        near = did_you_mean(target, catalogue.names())
        message = f"no file, named net or pattern '{target}'{near}"
        raise DesignError([Problem("unknown-target", message, None, "'cnncalc list' shows the named nets")])
    return PatternReader("<pattern>", target).graph, target


def _of_bytes(name: str, data: bytes | mmap) -> Graphs:
    reader = _reader_of(name)
    if reader is ARCHITECTURE and isinstance(data, bytes):
        if not name.lower().endswith(ARCHITECTURE.endings):
            from cnncalc.interop.other_files import refusal

            problem = refusal(name, data)
            if problem is not None:
                raise DesignError([problem])
        return ArchitectureReader(name, decode(visible(name), data)).graph
    return reader.graphs(name, data)


def _reader_of(name: str) -> FileReader:
    return next((reader for reader in FILE_READERS if name.lower().endswith(reader.endings)), ARCHITECTURE)


def _names_code(target: str) -> bool:
    """Whether a target names an object of Python code: ``package.module:attribute`` or ``path/file.py:attribute``."""
    place, sign, attribute = target.rpartition(":")
    if not sign or not all(part.isidentifier() for part in attribute.split(".")):
        return False
    return place.endswith(".py") or all(part.isidentifier() for part in place.split("."))


def _looks_like_name(target: str) -> bool:
    """Whether a target is a single word that does not begin with INPUT, so that it cannot be a pattern."""
    word = target.strip()
    if word.lower().startswith("input") or not word:
        return False
    return all(c.isalnum() or c in "-_./\\~" for c in word)
