"""The comments behind fields, given to autodoc, which would read them if they began with `#:`."""

from sphinx.pycode import ModuleAnalyzer

from binding.api import NOT_IMPORTED
from binding.source_files import field_comments, modules


def explain(page: str) -> None:
    """Tell autodoc about the fields of every class on a page of the API reference, such as `api/grisq.models`."""
    package = page.removeprefix("api/")
    for module in modules().values():
        if module.name != NOT_IMPORTED and package in (module.name, module.name.rpartition(".")[0]):
            analyzer = ModuleAnalyzer.for_module(module.name)
            analyzer.analyze()
            for name, comment in field_comments(module.path).items():
                owner, _, field = name.rpartition(".")
                analyzer.attr_docs.setdefault((owner, field), [comment, ""])
