"""The package read as text: its modules, their public names, and the comments that explain a name."""

import ast
import io
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from grisq.runtime.paths import ROOT

PACKAGE = ROOT / "grisq"


@dataclass(frozen=True)
class Constant:
    """A public name that a module assigns."""

    name: str
    annotation: str  # as in the source; may be empty
    value: str  # as in the source, on one line; may be empty
    comment: str  # that stands above or behind it


@dataclass(frozen=True)
class Module:
    """A module of the package."""

    name: str  # dotted
    path: Path
    summary: str  # first sentence of its docstring
    defined: tuple[str, ...]  # public classes and functions
    constants: tuple[Constant, ...]
    exported: dict[str, str]  # the names of `__all__` that it takes from elsewhere, with their homes
    lazy: bool  # whether these are loaded on first use

    @property
    def is_package(self) -> bool:
        """Whether it holds other modules."""
        return self.path.name == "__init__.py"

    @property
    def public(self) -> tuple[str, ...]:
        """The names that it defines."""
        return (*self.defined, *(constant.name for constant in self.constants))


@cache
def modules(package: Path = PACKAGE) -> dict[str, Module]:
    """Read every public module of the package, by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            found[".".join(parts)] = _module(".".join(parts), path)
    return found


@cache
def field_comments(path: Path) -> dict[str, str]:
    """Return the comments of class fields, by `Class.field`; most fields are explained by one behind them."""
    text = path.read_text(encoding="utf-8")
    comments = _comments(text)
    return {
        f"{owner.name}.{node.target.id}": found
        for owner in ast.walk(ast.parse(text))
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if (found := _comment_of(node, comments))
    }


def _module(name: str, path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    comments = _comments(text)
    defined, constants, offered, homes = [], [], (), _imports(tree)
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            if any("custom_op" in ast.unparse(decorator) for decorator in node.decorator_list):
                # An operator of torch is an object, whose signature autodoc cannot read.
                constants.append(Constant(node.name, "", "", (ast.get_docstring(node) or "").split("\n\n")[0]))
            else:
                defined.append(node.name)
        for target in _targets(node):
            if target == "__all__":
                offered = ast.literal_eval(node.value)
            elif not target.startswith("_"):
                constants.append(_constant(target, node, comments))
    summary = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
    public = tuple(each for each in defined if not each.startswith("_"))
    exported = {each: homes[each] for each in offered if each in homes}
    return Module(name, path, summary, public, tuple(constants), exported, "__getattr__" in defined)


def _imports(tree: ast.Module) -> dict[str, str]:
    """The full name of everything that a module imports from another one, also only for type checkers."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _targets(node: ast.stmt) -> list[str]:
    places = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    names = [each for place in places for each in (place.elts if isinstance(place, ast.Tuple) else [place])]
    return [each.id for each in names if isinstance(each, ast.Name)]


def _constant(name: str, node: ast.Assign | ast.AnnAssign, comments: dict[int, tuple[str, bool]]) -> Constant:
    annotation = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else ""
    value, names = node.value, _targets(node)
    if len(names) > 1:  # a, b = 1, 2
        parts = value.elts if isinstance(value, ast.Tuple) else ()
        value = parts[names.index(name)] if len(parts) == len(names) else None
    return Constant(name, annotation, "" if value is None else ast.unparse(value), _comment_of(node, comments))


def _comments(text: str) -> dict[int, tuple[str, bool]]:
    """The comment of each line, and whether it stands alone in it."""
    return {
        token.start[0]: (token.string.removeprefix("#").strip(), token.line.lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and not token.string.startswith(("#!", "# noqa", "# type:"))
    }


def _comment_of(node: ast.stmt, comments: dict[int, tuple[str, bool]]) -> str:
    """The comment behind a statement's first line, or else the whole-line comments right above it."""
    behind, alone = comments.get(node.lineno, ("", True))
    if behind and not alone:
        return behind.split("  # noqa")[0]
    above, line = [], node.lineno - 1
    while line in comments and comments[line][1]:
        above.insert(0, comments[line][0])
        line -= 1
    return " ".join(above)
