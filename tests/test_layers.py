"""The rooms of the package and the floors that they stand on: imports go down, never up, and never in a circle."""

import ast
from pathlib import Path

import grisq

ROOT = Path(grisq.__file__).parent
FLOORS = {  # within a floor no room knows another, but for `models` and `data` nothing is shared above the ground
    "runtime": 1,
    "config": 2,
    "models": 3,
    "data": 3,
    "augment": 4,
    "checkpoint": 4,
    "evaluation": 5,
    "training": 6,
    "pretraining": 6,
    "inference": 6,
    "analysis": 6,
    "experiments": 7,
    "course": 8,
    "cli": 9,
}
# The order inside `data`: the reader, then what makes such folders, then the one door to both.
INSIDE_DATA = {"synthetic": 2, "foreign": 2, "catalog": 3}
MAX_LOOSE_MODULES, MAX_ROOMS, MAX_ARROWS = 3, 16, 90


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    names = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of the package that a file imports, wherever in the file; `if TYPE_CHECKING` blocks do not run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.split(".")[0] == "grisq"}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "grisq":
            for name in node.names:
                full = f"{node.module}.{name.name}"
                found.add(full if full in known else node.module)
    return found


def room(module: str) -> str:
    """The room of a module: the first name below `grisq`; "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def arrows() -> set[tuple[str, str]]:
    """(importing, imported) modules, without the public face and the entry point."""
    known = modules()
    faces = ("grisq", "grisq.__main__")
    return {(name, other) for name, path in known.items() if name not in faces for other in imports(path, known)}


def test_every_room_has_a_floor():
    rooms = {room(name) for name in modules()} - {"", "__main__"}
    assert rooms == set(FLOORS)


def test_imports_go_down():
    upward = [
        f"{name} imports {other}"
        for name, other in sorted(arrows())
        if room(name) != room(other) and FLOORS[room(name)] <= FLOORS.get(room(other), 99)
    ]
    assert not upward


def test_inside_data_the_reader_knows_no_writer():
    def height(module: str) -> int:
        return INSIDE_DATA.get(module.split(".")[2], 1) if module.count(".") > 1 else 1

    inside = [(name, other) for name, other in sorted(arrows()) if room(name) == room(other) == "data"]
    assert [f"{name} imports {other}" for name, other in inside if height(name) < height(other)] == []


def test_no_circle_closes():
    below: dict[str, set[str]] = {}
    for name, other in arrows():
        below.setdefault(name, set()).add(other)
    finished: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in finished:
            for other in below.get(name, ()):
                if other != name:
                    visit(other, (*above, name))
            finished.add(name)

    for name in sorted(below):
        visit(name, ())


def test_the_house_stays_small(capsys):
    """At most three loose modules, sixteen rooms, ninety arrows between rooms; the drawing is printed."""
    rooms = {room(name) for name in modules()} - {"", "__main__"}
    loose = [path.name for path in ROOT.glob("*.py")]
    between = {(room(name), room(other)) for name, other in arrows() if room(name) != room(other)}
    with capsys.disabled():
        print(f"\n{len(rooms)} rooms, {len(set(FLOORS.values()))} floors, {len(between)} arrows between rooms")
        for floor in sorted(set(FLOORS.values()), reverse=True):
            print(f"  {floor}  {', '.join(name for name, at in FLOORS.items() if at == floor)}")
    assert len(loose) <= MAX_LOOSE_MODULES, loose
    assert len(rooms) <= MAX_ROOMS
    assert len(between) <= MAX_ARROWS


def test_the_documents_name_every_room():
    page = (ROOT.parent / "docs" / "extending.md").read_text(encoding="utf-8")
    tree = page[page.index("grisq/\n") :].splitlines()
    rooms = {room(name) for name in modules()} - {"", "__main__"}
    named = {line.split()[0].rstrip("/").removesuffix(".py") for line in tree if line.startswith("  ")}
    assert named >= rooms
