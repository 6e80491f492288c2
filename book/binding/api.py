"""The pages of the API reference: one for the names of `grisq` itself, then one for each package, module by module."""

from pathlib import Path

from binding.docstrings import escaped
from binding.source_files import Constant, Module, modules

LONGEST_VALUE = 88  # of a constant that is shown
_OPTIONS = ("members", "undoc-members", "show-inheritance", "ignore-module-all")
_INTRODUCTION = """\
What most programs need is on this page: ``from grisq import Segmenter``. All packages follow below it, in the order of
the alphabet; :doc:`/docs/extending` shows how they are stacked. Everything that a module defines without a leading
underscore is listed, with a link to its source.
"""
# It can be imported only beside triton, that is, on Linux with CUDA.
NOT_IMPORTED = "grisq.models.layers.deformable_triton"


def write_pages(folder: Path) -> dict[str, Path]:
    """Write the pages as reStructuredText, those that changed alone, and return them by their names in the book."""
    packages = [each for each in modules().values() if each.is_package and each.name != "grisq"]
    loose = _inside(modules()["grisq"])
    texts = {"index": _front_page([*packages, *loose])}
    texts |= {package.name: _page(package, [package, *_inside(package)]) for package in packages}
    texts |= {module.name: _page(module, [module]) for module in loose}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return {f"api/{name}": folder / f"{name}.rst" for name in texts}


def _inside(package: Module) -> list[Module]:
    """The modules right inside a package, without its packages."""
    found = [each for each in modules().values() if each.name.rpartition(".")[0] == package.name]
    return [each for each in found if not each.is_package]


def _front_page(pages: list[Module]) -> str:
    top = modules()["grisq"]
    entries = sorted(pages, key=lambda page: page.name)
    rooms = [f"* :py:mod:`{page.name}`: {escaped(page.summary)}" for page in entries]
    tree = [".. toctree::", "   :hidden:", "", *(f"   {page.name} <{page.name}>" for page in entries), ""]
    return "\n".join(
        [
            _heading("API reference", "="),
            _INTRODUCTION,
            ".. py:module:: grisq",
            "",
            *_lazy_names(top),
            _heading("All packages", "-"),
            *rooms,
            "",
            *tree,
        ]
    )


def _page(title: Module, sections: list[Module]) -> str:
    parts = [_heading(title.name, "=")]
    for module in sections:
        if module is not title:
            parts.append(_heading(module.name.removeprefix(title.name + "."), "-"))
        parts += _section(module)
    return "\n".join(parts)


def _section(module: Module) -> list[str]:
    if module.name == NOT_IMPORTED:
        return [f".. py:module:: {module.name}", "", escaped(module.summary), ""]
    hidden = ", ".join(constant.name for constant in module.constants)
    options = [f"   :{name}:" for name in _OPTIONS] + [f"   :exclude-members: {hidden}"] * bool(hidden)
    lines = [f".. automodule:: {module.name}", *options, ""]
    if module.exported and module.lazy:
        lines += _lazy_names(module)
    elif module.exported:
        names = ", ".join(f":py:obj:`{name} <{home}>`" for name, home in module.exported.items())
        lines += [f"Importable from here: {names}.", ""]
    return lines + [line for constant in module.constants for line in _data(constant, module)]


def _lazy_names(module: Module) -> list[str]:
    """The names that a package offers for other modules' classes and functions, in full."""
    lines = []
    for name, home in module.exported.items():
        if home.rpartition(".")[2][0].isupper():
            lines += [f".. autoclass:: {module.name}.{name}", "   :members:", "   :undoc-members:", ""]
        else:
            lines += [f".. autofunction:: {module.name}.{name}", ""]
    return lines


def _data(constant: Constant, module: Module) -> list[str]:
    lines = [f".. py:data:: {constant.name}", f"   :module: {module.name}"]
    if constant.annotation:
        lines.append(f"   :type: {constant.annotation}")
    if constant.value and len(constant.value) <= LONGEST_VALUE:
        lines.append(f"   :value: {constant.value}")
    return [*lines, "", *([f"   {escaped(constant.comment)}", ""] if constant.comment else [])]


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"
