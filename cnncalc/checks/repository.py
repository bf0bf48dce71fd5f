"""A git repository: the content of a file in a revision, through the symbolic links and submodules of that revision."""

from __future__ import annotations

import os
import subprocess

from cnncalc.errors import CnncalcError, DesignError, Problem
from cnncalc.language.limits import YAML_BYTES
from cnncalc.records import NamedTuple
from cnncalc.source import visible

SECONDS = 30
"""Time limit of a git command, in seconds."""
MAX_LINKS = 40
"""The most symbolic links on the way to a file; Linux has the same limit."""
LINK, SUBMODULE, FOLDER = "120000", "160000", "040000"
"""Modes of entries of a git tree."""
CALLER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""Variables that git sets for its hooks, with which it would not find the repository of another folder."""


WITHOUT_GIT = "--baseline FILE compares with values that check --record has written, without git"


class NoBase(CnncalcError):
    """The base does not have a file or a value."""


class Entry(NamedTuple):
    """An entry of a git tree: its mode, the id of its object, and its size in bytes (0: not a file)."""

    mode: str
    object: str
    size: int


class Repository:
    """Files of git repositories in one revision; messages name it as the user wrote it.

    ``folder`` is the working folder. The revision is one of the repository that contains this folder; for a file in
    another repository, one of that.
    """

    def __init__(self, revision: str, folder: str = "") -> None:
        self.revision = revision
        self.folder = folder
        self.name = visible(revision)
        self._roots: dict[str, str] = {}
        self._commits: dict[str, str] = {}

    def verify(self, folder: str) -> None:
        """Raises DesignError if the repository of a folder does not have the revision."""
        self._commit(self._root(folder))

    def content(self, file: str) -> bytes:
        """The content of a file in the revision; raises NoBase if the revision does not have it as a file."""
        path = os.path.abspath(os.path.join(self.folder, file))
        root = self._root(os.path.dirname(path))
        return self._blob(root, self._commit(root), _inside(path, root).split(os.sep), file)

    def _blob(self, root: str, commit: str, parts: list[str], file: str) -> bytes:
        """The content at a path below the root of a repository."""
        for _ in range(MAX_LINKS):
            place, entry = self._first(root, commit, parts, file)
            above, rest = parts[: place - 1], parts[place:]
            if entry.mode == SUBMODULE:
                below = os.path.join(root, *parts[:place])
                if self._git(below, "cat-file", "-t", entry.object, fails=b"").strip() != b"commit":
                    module = "/".join(parts[:place])
                    raise NoBase(f"{file} is in the submodule {module}, whose commit in {self.name} is not fetched")
                root, commit, parts = below, entry.object, rest
            elif entry.mode == LINK:
                target = os.fsdecode(self._git(root, "cat-file", "blob", entry.object))
                parts = [*self._followed(root, above, target, file), *rest]
            elif entry.size > YAML_BYTES:
                raise NoBase(f"{file} has more than {YAML_BYTES // 1024**2} MiB in {self.name}")
            else:
                return self._git(root, "cat-file", "blob", entry.object)
        raise NoBase(f"{file} leads through more than {MAX_LINKS} symbolic links in {self.name}")

    def _first(self, root: str, commit: str, parts: list[str], file: str) -> tuple[int, Entry]:
        """The first entry on a path that is not a folder, and the number of parts up to it."""
        paths = ["/".join(parts[:place]) for place in range(1, len(parts) + 1)]
        listed = self._git(root, "ls-tree", "-t", "-l", "-z", "--full-tree", commit, "--", *paths)
        found = {}
        for line in listed.split(b"\0")[:-1]:
            words, _, path = line.partition(b"\t")
            mode, _, name, size = words.decode("ascii").split()
            found[os.fsdecode(path)] = Entry(mode, name, 0 if size == "-" else int(size))
        for place, whole in enumerate(paths, 1):
            entry = found.get(whole)
            if entry is None:
                raise NoBase(f"{file} does not exist in {self.name}")
            if entry.mode == LINK or (entry.mode == SUBMODULE and place < len(parts)):
                return place, entry
            if (entry.mode == FOLDER) != (place < len(parts)):
                break
            if place == len(parts) and entry.mode != SUBMODULE:
                return place, entry
        raise NoBase(f"{file} is not a file in {self.name}")

    def _followed(self, root: str, above: list[str], target: str, file: str) -> list[str]:
        """The parts of the path to the target of a symbolic link in the folder ``above``."""
        outside = NoBase(
            f"{file} is a symbolic link to {visible(target)} in {self.name}, outside of the repository: "
            "git does not have its earlier content"
        )
        if os.path.isabs(target):
            try:
                return _inside(target, root).split(os.sep)
            except ValueError:
                raise outside from None
        found = list(above)
        for part in target.split("/"):
            if part == "..":
                if not found:
                    raise outside
                found.pop()
            elif part not in ("", "."):
                found.append(part)
        return found

    def _root(self, folder: str) -> str:
        """The root of the repository to which the revision belongs, for the files of a folder."""
        if folder not in self._roots:
            roots = [self._top(folder)]
            while True:
                above = self._git(roots[-1], "rev-parse", "--show-superproject-working-tree").rstrip(b"\n")
                if not above:
                    break
                roots.append(os.path.realpath(os.fsdecode(above)))
            here = self._top(self.folder or os.curdir, fails="")
            self._roots[folder] = here if here in roots else roots[-1]
        return self._roots[folder]

    def _top(self, folder: str, fails: str | None = None) -> str:
        top = self._git(folder, "rev-parse", "--show-toplevel", fails=None if fails is None else fails.encode())
        return os.path.realpath(os.fsdecode(top.rstrip(b"\n"))) if top.strip() else ""

    def _commit(self, root: str) -> str:
        """The id of the commit of the revision."""
        if root not in self._commits:
            if self.revision.startswith("-") or not self.revision.strip():
                raise self._unreadable("not a revision", "give a branch, a tag or a commit, as in --base origin/main")
            found = self._git(root, "rev-parse", "--verify", "--quiet", f"{self.revision}^{{commit}}", fails=b"")
            if not found:
                hint = "fetch its history; a shallow clone (fetch-depth: 1) does not have it"
                raise self._unreadable("no such commit", hint)
            self._commits[root] = found.decode("ascii").strip()
        return self._commits[root]

    def _unreadable(self, why: str, hint: str | None = None) -> DesignError:
        return DesignError([Problem("unreadable-base", f"cannot read the base '{self.name}': {why}", None, hint)])

    def _git(self, folder: str, *words: str, fails: bytes | None = None) -> bytes:
        """What a git command prints; where it fails, ``fails``, or a DesignError if that is None."""
        try:
            # git is looked up on the PATH, as by a shell
            done = subprocess.run(  # noqa: S603
                ["git", "-c", "core.quotepath=off", *words],  # noqa: S607
                cwd=folder,
                env={**{name: value for name, value in os.environ.items() if name not in CALLER}, "LC_ALL": "C"},
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.isdir(folder):
                if fails is not None:
                    return fails
                raise self._unreadable(f"the folder {visible(folder)} does not exist") from None
            raise self._unreadable("the program 'git' is not installed", WITHOUT_GIT) from None
        except subprocess.TimeoutExpired:
            raise self._unreadable(f"git took more than {SECONDS} seconds") from None
        except (OSError, ValueError) as error:
            raise self._unreadable(f"git failed: {type(error).__name__}") from None
        if not done.returncode:
            return done.stdout
        if fails is not None:
            return fails
        output = [visible(line.strip()) for line in done.stderr.decode("utf-8", "replace").strip().splitlines()]
        faults = [line for line in output if line.startswith(("fatal: ", "error: "))] or output
        why = faults[-1].removeprefix("fatal: ")[:200] if faults else f"git {words[0]} failed"
        if "not a git repository" in why:
            raise self._unreadable("the file is not in a git repository", WITHOUT_GIT)
        if "promisor" in why:
            raise self._unreadable(
                why, "a partial clone does not have it, and its remote gives none; clone without --filter"
            )
        raise self._unreadable(why, next((line for line in output if line.startswith("git config ")), None))


def _inside(path: str, root: str) -> str:
    """A path relative to the root of a repository, its links inside the repository kept; ValueError if it is outside.

    The path may name the repository itself through links.
    """
    above = os.path.dirname(path)
    while True:
        if os.path.realpath(above) == root:
            return os.path.relpath(path, above)
        if above == os.path.dirname(above):
            break
        above = os.path.dirname(above)
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    if os.path.commonpath([real, root]) != root or real == root:
        raise ValueError(path)
    return os.path.relpath(real, root)
