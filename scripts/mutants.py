"""Mutation testing of the core: one operator, number or argument is changed at a time; does a test notice?

    python scripts/mutants.py                         every module of the core, hours
    python scripts/mutants.py data/letterbox          one module, minutes
    python scripts/mutants.py models --diffs          a whole room, with the changes that no test noticed

Each module is tried against the test file of the same name; where there is none, against all tests of its folder.
mutmut makes the mutants in a temporary copy of the project and forks one process for each of them. It leaves out
decorated functions (properties, class methods) and code outside of functions. Some survivors change nothing, such as
`align_corners=None` for False: read the change before writing a test. The table also goes to build/mutants.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ("models", "evaluation", "augment", "analysis", "training/losses", "data/letterbox", "data/masks", "data/sample")
OTHER_TESTS = {  # where the file of the same name is not the one, or not the only one, that should notice
    "augment/no_target": ("tests/augment/test_plan.py", "tests/augment/test_render.py"),
    "augment/multi_target": ("tests/augment/test_plan.py", "tests/augment/test_render.py"),
    "augment/recipes": ("tests/augment/test_plan.py", "tests/augment/test_render.py"),
    "models/layers/deformable_kernel": ("tests/models/layers/test_deformable_attention.py",),
    "models/base": ("tests/models/test_grisq.py",),
}
COPIED = ("grisq/", "tests/", "data/", "benchmarks/")  # what the tests read
SETTINGS = """
[tool.pytest.ini_options]
addopts = "-q --import-mode=importlib"
filterwarnings = ["ignore:__array__ implementation:DeprecationWarning:pycocotools"]
markers = ["cuda: needs an NVIDIA GPU"]

[tool.mutmut]
source_paths = ["grisq"]
only_mutate = ["{source}"]
pytest_add_cli_args_test_selection = {tests}
also_copy = ["tests", "data", "benchmarks"]
process_isolation = "forkserver"
do_not_mutate_patterns = ['raise \\w+Error', 'InputError\\(', '^\\s*f?"[^"]*"$']
"""


@dataclass(frozen=True)
class Result:
    """Mutants of one module, counted by their end, and those that no test noticed."""

    module: str  # path below grisq/, without .py
    killed: int  # a test failed or ran out of time
    survived: int
    not_run: int  # in functions that no test of the module calls
    seconds: float  # of the whole run, its start included
    survivors: tuple[str, ...]  # names that `mutmut show` takes
    diffs: tuple[str, ...]  # their changes

    @property
    def share(self) -> str:
        """Percentage of the mutants that a test noticed."""
        total = self.killed + self.survived + self.not_run
        return f"{100 * self.killed / total:.0f} %" if total else "-"


def find_modules(names: list[str]) -> list[str]:
    """Modules named by path below grisq/: files, or folders with all their files. Ends the program at a wrong name."""
    found: list[str] = []
    for name in names:
        path = ROOT / "grisq" / name.removeprefix("grisq/").removesuffix(".py")
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        if not all(file.is_file() for file in files):
            sys.exit(f"There is no module or folder grisq/{name}: give a path such as data/letterbox or models.")
        chosen = [file for file in files if file.name != "__init__.py"]
        found += [file.relative_to(ROOT / "grisq").with_suffix("").as_posix() for file in chosen]
    return list(dict.fromkeys(found))


def tests_of(module: str) -> list[str]:
    """The test files that should notice a change of this module."""
    if module in OTHER_TESTS:
        return list(OTHER_TESTS[module])
    folder, name = (ROOT / "tests" / module).parent, Path(module).name
    own = folder / f"test_{name}.py"
    files = [own] if own.is_file() else sorted(folder.glob("test_*.py"))
    return [file.relative_to(ROOT).as_posix() for file in files]


def copy_project(target: Path) -> None:
    """Copy what git knows of the folders that tests read, as it is in the working tree."""
    listed = subprocess.run(
        ["git", "ls-files", *COPIED], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def mutate(module: str, processes: int) -> Result:
    """Try all mutants of a module. Ends the program with mutmut's own words if its tests fail without a mutant."""
    begin = time.time()
    with tempfile.TemporaryDirectory(prefix="grisq-mutants-") as temporary:
        tree = Path(temporary)
        copy_project(tree)
        settings = SETTINGS.format(source=f"grisq/{module}.py", tests=json.dumps(tests_of(module)))
        (tree / "pyproject.toml").write_text(settings, encoding="utf-8")
        done = mutmut(tree, "run", "--max-children", str(processes))
        if done.returncode:
            sys.exit(f"mutmut could not try {module}:\n{(done.stdout + done.stderr)[-3000:]}")
        mutmut(tree, "export-cicd-stats")
        counts = json.loads((tree / "mutants/mutmut-cicd-stats.json").read_text(encoding="utf-8"))
        lines = [line.strip().rpartition(": ") for line in mutmut(tree, "results").stdout.splitlines()]
        survivors = tuple(name for name, _, end in lines if end == "survived")
        diffs = tuple(mutmut(tree, "show", name).stdout for name in survivors)
    killed = counts["killed"] + counts["timeout"] + counts["segfault"]
    seconds = round(time.time() - begin, 1)
    return Result(module, killed, counts["survived"], counts["no_tests"], seconds, survivors, diffs)


def mutmut(tree: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run mutmut in the copy, one thread for each process."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | threads
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, encoding="utf-8", env=environment)


def print_result(result: Result, diffs: bool) -> None:
    print(
        f"| {result.module} | {result.killed} | {result.survived} | {result.not_run} | {result.share} "
        f"| {result.seconds:.0f} |",
        flush=True,
    )
    for diff in result.diffs if diffs else ():
        print(f"\n{diff}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=CORE, help="paths below grisq/ (default: the core)")
    parser.add_argument("--processes", type=int, default=1, help="mutants that are tried at a time")
    parser.add_argument("--diffs", action="store_true", help="show what changed in those that no test noticed")
    parser.add_argument("--list", action="store_true", help="only show which tests each module is tried against")
    options = parser.parse_args()
    modules = find_modules(list(options.modules))
    if options.list:
        print("\n".join(f"{module}: {' '.join(tests_of(module))}" for module in modules))
        return
    print("| module | killed | survived | not run | share killed | seconds |\n| --- | --- | --- | --- | --- | --- |")
    results = []
    for module in modules:
        results.append(mutate(module, options.processes))
        print_result(results[-1], options.diffs)
        (ROOT / "build").mkdir(exist_ok=True)
        document = [asdict(result) for result in results]
        (ROOT / "build/mutants.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
