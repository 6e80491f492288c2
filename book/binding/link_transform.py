"""Links of Markdown pages, made to work in the book: see `binding.links` for what leads where."""

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

from binding.links import Destination, destination, is_relative
from binding.pages import NUMBERED, contents
from binding.source_files import modules

_KINDS = (addnodes.download_reference, addnodes.pending_xref)
_NO_LINKS = (nodes.title, nodes.reference, *_KINDS)  # inside of these a code stays code


class Links(SphinxTransform):
    """Resolve relative links to files, and make links of code that names a notebook or something in the package."""

    default_priority = 500

    def apply(self) -> None:
        """Change the links of the page that is being read."""
        page = contents().by_docname().get(self.env.docname)
        if page is None:
            return  # a generated page has no relative links
        for node in list(self.document.findall(_is_link)):
            target = node.get("refuri") or node["reftarget"]
            if is_relative(target):
                self._resolve(node, destination(page, target, contents()))
        named = _notebooks()
        for node in list(self.document.findall(nodes.literal)):
            path, text = named.get(node.astext()), node.astext()
            if path == page or _inside(node, _NO_LINKS):
                continue
            if path:
                place = Destination("page", path, "", contents().docname(path))
                node.replace_self(self._to_page(place, node.deepcopy()))
            elif any(text.startswith(f"{name}.") or text == name for name in modules()):
                node.replace_self(self._pending("py", "obj", text, node.deepcopy()))

    def _resolve(self, node: nodes.Element, found: Destination) -> None:
        children = [child.deepcopy() for child in node.children]
        place = found.path.relative_to(contents().root).as_posix() if found.kind in ("download", "code") else ""
        if found.kind == "page":
            node.replace_self(self._to_page(found, *children))
        elif found.kind == "module":
            node.replace_self(self._pending("py", "mod", found.name, *children))
        elif place and self.config.repository:
            node.replace_self(nodes.reference("", "", *children, refuri=f"{self.config.repository}/blob/main/{place}"))
        elif found.kind == "code":
            code = nodes.literal("", place + "/" * found.path.is_dir())
            named = node.astext().rstrip("/") == place
            node.replace_self(code if named else [*children, nodes.Text(" ("), code, nodes.Text(")")])
        elif found.kind == "download" and "refuri" in node:
            target = addnodes.download_reference(refdomain=None, reftype="myst", reftarget=node["refuri"])
            target["refdoc"] = self.env.docname
            target += nodes.inline("", "", *children, classes=["xref", "download", "myst"])
            node.replace_self(target)
        # Any other download is what Sphinx has made of it already; it warns about what is missing.

    def _to_page(self, found: Destination, *children: nodes.Node) -> addnodes.pending_xref:
        node = self._pending("doc", "myst", found.name, *children)
        node["reftargetid"] = found.anchor or None
        return node

    def _pending(self, domain: str, kind: str, target: str, *children: nodes.Node) -> addnodes.pending_xref:
        node = addnodes.pending_xref("", refdomain=domain, reftype=kind, reftarget=target, refexplicit=True)
        node["refdoc"] = self.env.docname
        node += nodes.inline("", "", *children, classes=["xref"])
        return node


def _notebooks() -> dict[str, object]:
    """Every notebook by its number and by its name."""
    paths = [path for path in contents().files if path.suffix == ".ipynb"]
    return {NUMBERED.fullmatch(path.stem)[1]: path for path in paths} | {path.stem: path for path in paths}


def _is_link(node: nodes.Node) -> bool:
    """A link as MyST leaves it; in the outputs of a notebook, where it knows no files, it is a plain reference."""
    if isinstance(node, nodes.reference) and "refuri" in node:
        return True
    return isinstance(node, _KINDS) and node.get("reftype") == "myst" and node.get("refdomain") != "doc"


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    parent = node.parent
    while parent is not None and not isinstance(parent, kinds):
        parent = parent.parent
    return parent is not None
