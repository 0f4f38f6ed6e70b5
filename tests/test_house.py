"""How the house is built: who may import whom, how long a declaration may be, which names are no names."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("models", "backoffice", "admin_views", "migrations")
# From the ground up: whoever is here may import what is in its own layer and below, and nothing above.
LAYERS = ("models", "backoffice", "backoffice.admin", "admin_views", "main")
WEB = {"starlette", "sqladmin", "wtforms"}
WEB_LAYERS = {"backoffice.admin", "admin_views", "main"}
MODELS_MAY = {"models", "sqlalchemy"}
LONGEST_DECLARATION = 150
LONGEST_TEST_FILE = 400
LONGEST_MAIN = 60
NO_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|common|misc|handle|process)(_|$)")
# HTTP has a word of ours for what is saved, and not shown.
A_TICKET = re.compile(r"\b(ticket|comment|attachment(?!; filename)|supervisor)s?\b", re.IGNORECASE)
NOT_IN_THE_TREE = re.compile(
    r"https?://[\w.-]*(pypi|pythonhosted|registry\.npm|artifactory|nexus)"
    r"|(?<![\w.$}/-])/(home|root|work|Users|tmp)/\w"
    r"|BEGIN [A-Z ]*PRIVATE KEY"
)
TEXT = {".py", ".md", ".toml", ".txt", ".html", ".js", ".css", ".mako", ".sql", ".ini", ".yml", ".yaml", ""}


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    paths = [ROOT / "main.py", *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    return {_name(path): path for path in paths}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> frozenset[str]:
    """What a module imports, as dotted names; `from a import b` counts as `a.b` where that is a module."""
    return frozenset(name for node in ast.walk(parsed(path)) for name in _imported(node))


@cache
def running_imports(path: Path) -> frozenset[str]:
    """The same without what is imported for types alone, which makes no circle."""
    nodes = list(ast.walk(parsed(path)))
    for_types = {
        inner
        for node in nodes
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    return frozenset(name for node in nodes if node not in for_types for name in _imported(node))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in MODULES else str(node.module)


def layer(name: str) -> str | None:
    """The innermost layer that a module belongs to; None for what is not ours."""
    return max((known for known in LAYERS if _is_in(name, known)), key=len, default=None)


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


MODULES = modules()


class TestImports:
    # Migrations are run by Alembic, and stand apart: nothing imports them.
    @pytest.mark.parametrize("name", [name for name in MODULES if not _is_in(name, "migrations")])
    def test_run_one_way(self, name: str) -> None:
        own = LAYERS.index(layer(name) or "main")
        above = {other for other in imports(MODULES[name]) if (at := layer(other)) and LAYERS.index(at) > own}
        assert not above, f"{name} imports from above: {', '.join(sorted(above))}"

    @pytest.mark.parametrize("name", MODULES)
    def test_of_the_web_stay_in_the_admin(self, name: str) -> None:
        web = {other for other in imports(MODULES[name]) if other.split(".")[0] in WEB}
        assert not web or layer(name) in WEB_LAYERS, f"{name} imports {', '.join(sorted(web))}"

    def test_of_models_are_sqlalchemy_and_the_standard_library(self) -> None:
        roots = {
            other.split(".")[0]
            for name, path in MODULES.items()
            if _is_in(name, "models")
            for other in imports(path)
        }
        assert roots - sys.stdlib_module_names <= MODELS_MAY

    def test_form_no_circle_of_modules(self) -> None:
        graph = {
            name: {other for other in running_imports(path) if other in MODULES} - {name}
            for name, path in MODULES.items()
        }
        _no_circle(graph)

    def test_form_no_circle_of_packages(self) -> None:
        graph: dict[str, set[str]] = {}
        for name, path in MODULES.items():
            others = {_package(other) for other in imports(path) if other in MODULES}
            graph.setdefault(_package(name), set()).update(others - {_package(name)})
        _no_circle(graph)

    def test_nothing_imports_the_tests(self) -> None:
        assert not [name for name, path in MODULES.items() if any(_is_in(o, "tests") for o in imports(path))]


def _package(name: str) -> str:
    """`backoffice.desk` for all in it; a module directly in `backoffice` is a package of its own."""
    return ".".join(name.split(".")[:2]) if name.startswith("backoffice.") else name.split(".")[0]


def _no_circle(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


class TestShape:
    def test_a_declaration_is_short(self) -> None:
        long = {
            path.name: n
            for path in (ROOT / "admin_views").rglob("*.py")
            if (n := _lines(path)) >= LONGEST_DECLARATION
        }
        assert not long

    def test_the_door_is_short(self) -> None:
        assert _lines(ROOT / "main.py") < LONGEST_MAIN

    def test_a_test_file_is_split_in_time(self) -> None:
        long = {
            path.name: n
            for path in (ROOT / "tests").rglob("*.py")
            if (n := _lines(path)) >= LONGEST_TEST_FILE
        }
        assert not long

    @pytest.mark.parametrize("name", MODULES)
    def test_a_module_says_what_it_is(self, name: str) -> None:
        assert ast.get_docstring(parsed(MODULES[name])), f"{name} has no sentence on top"

    @pytest.mark.parametrize("name", MODULES)
    def test_names_name_something(self, name: str) -> None:
        nodes = ast.walk(parsed(MODULES[name]))
        defined = [
            node.name
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        ]
        assert not [
            word
            for word in [*name.split("."), *defined]
            if NO_NAMES.search(_snake(word)) and word not in THEIRS
        ]

    def test_the_admin_knows_no_ticket(self) -> None:
        admin = ROOT / "backoffice" / "admin"
        texts = {path: path.read_text() for path in admin.rglob("*") if path.suffix in {".html", ".js"}}
        texts |= {path: _code(path) for path in admin.rglob("*.py")}
        assert not [path.name for path, text in texts.items() if A_TICKET.search(text)]


def _code(path: Path) -> str:
    """The statements of a module, without comments and docstrings: those may take a ticket as an example."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and ast.get_docstring(node):
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


# Names that SQLAdmin, SQLAlchemy and WTForms call us by.
THEIRS = {
    "process_formdata",
    "process_data",
    "process_bind_param",
    "process_result_value",
    "_handle_form_data",
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def tracked_files() -> list[Path]:
    git = ["git", "ls-files", "-z"]
    listing = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [path for path in paths if path.suffix in TEXT and path.is_file()]


class TestTree:
    def test_holds_no_registry_no_machine_and_no_secret(self) -> None:
        found = {
            f"{path.relative_to(ROOT)}: {match.group()}"
            for path in tracked_files()
            for match in NOT_IN_THE_TREE.finditer(path.read_text(errors="replace"))
        }
        assert not found
