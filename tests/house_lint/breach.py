"""What a rule finds, and the file that it looks at."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """A breach of a house rule with its place and the mend."""

    path: str
    line: int
    rule: str
    mend: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.mend}"


@dataclass(frozen=True)
class Source:
    """A text file of the project; ``path`` is relative to its root, with slashes."""

    path: str
    text: str

    @property
    def top(self) -> str:
        """The top folder, e.g. ``core``; the file's own name for files of the root."""
        return PurePosixPath(self.path).parts[0]

    @property
    def suffix(self) -> str:
        """The file's suffix with its dot."""
        return PurePosixPath(self.path).suffix

    @property
    def of_program(self) -> bool:
        """Whether the file is part of what is installed (not of tests or docs)."""
        return self.top in {"core", "plugins", "tenants", "worker", "deploy"}

    def under(self, *folders: str) -> bool:
        """Whether the file lies in one of ``folders``."""
        return any(self.path.startswith(f"{folder}/") for folder in folders)

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a Python file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def docstrings(self) -> frozenset[int]:
        """Identities of the nodes that are docstrings or other bare strings: prose, not values."""
        return frozenset(
            id(node.value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )

    def breach(self, rule: str, line: int, mend: str) -> Breach:
        """A breach in this file."""
        return Breach(self.path, line, rule, mend)
