"""The rules of the source tree. Each is a rule because its breach has hurt somebody."""

import ast
import functools
import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("hub", "adapters", "routes", "sandbox", "simulation")
AREAS = {
    "oversight": ("audit", "review_queue"),
    "people": ("identity", "customers", "privacy", "administration"),
    "supply": ("locations", "flights"),
    "sales": ("bookings", "payments", "documents", "reconciliation", "timeline", "booking_records"),
    "planning": ("completions", "plans", "files"),
    "outreach": ("messaging",),
}
"""Areas in order, and the nouns of each in order: a noun may import the nouns before it."""
SIDE_BY_SIDE = {("supply", "people"), ("people", "supply"), ("planning", "sales")}
"""Areas that do not import each other although one is listed before the other."""
NOUNS = tuple(f"hub.{area}.{noun}" for area, nouns in AREAS.items() for noun in nouns)
ABOVE_NOUNS = ("hub.app", "hub.cli", "simulation", "sandbox", "hub.settings", "adapters", "routes")


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def modules(*packages: str) -> dict[str, Path]:
    paths = {}
    for package in packages or PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            paths[name.removesuffix(".__init__")] = path
    return paths


@functools.cache
def imports_of(path: Path) -> frozenset[str]:
    """Every module imported anywhere in the file, also inside functions and under TYPE_CHECKING."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def modules_imported_by(path: Path) -> set[str]:
    """As imports_of; `from package import module` counts as the module, not as all that the package exports."""
    names = set(imports_of(path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and all(f"{node.module}.{alias.name}" in modules() for alias in node.names):
            names.discard(node.module or "")
    return names


def breaches(importers: tuple[str, ...], forbidden: tuple[str, ...], *, but: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{name} imports {imported}"
        for name, path in modules().items()
        if is_under(name, importers)
        for imported in sorted(imports_of(path))
        if is_under(imported, forbidden) and not is_under(imported, but)
    ]


def is_under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def test_every_module_of_the_hub_belongs_to_an_area():
    areas = {*AREAS, "core", "resilience", "settings", "app", "cli"}
    strangers = [
        name for name in modules("hub") if name not in {"hub", "hub.__main__"} and name.split(".")[1] not in areas
    ]
    unlisted = [
        name
        for name in modules("hub")
        if name.split(".")[1:2] and name.split(".")[1] in AREAS and name.count(".") > 1 and not is_under(name, NOUNS)
    ]
    assert strangers + unlisted == []


def test_core_and_resilience_know_nothing_above_them():
    assert breaches(("hub.core", "hub.resilience"), (*NOUNS, *ABOVE_NOUNS, "aiohttp.web")) == []


def test_nouns_know_neither_http_nor_providers():
    assert breaches(NOUNS, ("aiohttp", *ABOVE_NOUNS)) == []


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_imports_only_earlier_nouns(noun: str):
    area = noun.split(".")[1]
    beside = tuple(other for other in NOUNS if (area, other.split(".")[1]) in SIDE_BY_SIDE)
    assert breaches((noun,), (*NOUNS[NOUNS.index(noun) + 1 :], *beside)) == []


def test_adapters_know_ports_and_nothing_of_storage_or_routes():
    assert breaches(("adapters",), ("routes", "asyncpg", "hub.app", "hub.cli", "simulation", "hub.core.db")) == []


def test_no_adapter_knows_another():
    names = sorted({".".join(name.split(".")[:2]) for name in modules("adapters") if "." in name})
    shared = ("adapters.transport", "adapters.sdk_clients")
    for adapter in (name for name in names if name not in shared):
        assert breaches((adapter,), tuple(name for name in names if name not in {adapter, *shared})) == []


def test_the_sandbox_shares_no_mistake_with_the_adapters():
    assert breaches(("sandbox",), ("hub", "adapters", "routes", "simulation")) == []


def test_routes_know_services_and_nothing_behind_them():
    forbidden = ("adapters", "asyncpg", "hub.core.db", "hub.app", "hub.cli", "simulation", "sandbox")
    assert breaches(("routes",), forbidden) == []


def test_only_the_command_line_imports_the_composition_root():
    tops = ("hub.app", "hub.cli", "simulation")
    users = {
        name
        for name, path in modules().items()
        if not is_under(name, (*tops, "hub.__main__"))
        and any(is_under(imported, tops) for imported in imports_of(path))
    }
    assert users == set()


def test_no_import_cycles():
    known = modules()
    graph = {
        name: {other for other in modules_imported_by(path) if other in known} - {name} for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for imported in sorted(graph[name]):
                visit(imported, (*trail, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def functions() -> Iterator[tuple[str, int]]:
    for name, path in modules().items():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}.{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_functions_stay_small():
    sizes = dict(functions())
    assert statistics.median(sizes.values()) <= 10
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= 30
    assert {name: size for name, size in sizes.items() if size > 60} == {}


def test_files_stay_small():
    ours = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules().values()}
    tests = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "tests").rglob("*.py")}
    too_long = [path for path, size in ours.items() if size > 400] + [p for p, size in tests.items() if size > 600]
    assert too_long == []


def test_the_project_speaks_of_itself_alone():
    """No package host in what is installed from, and no path of somebody's machine anywhere."""
    hosts = [f"{name}.{end}" for name, end in itertools.product(("pypi", "pythonhosted", "npmjs"), ("org", "com"))]
    skip = {".git", ".venv", ".hub", "static", "node_modules"}
    for path in ROOT.rglob("*"):
        if skip & set(path.relative_to(ROOT).parts) or not path.is_file() or path.suffix in {".pyc", ".png"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        assert not [host for host in hosts if host in text], path
