"""The house rules of the source tree. Each is a rule because its breach has hurt somebody."""

import ast
import functools
import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("hub", "adapters", "routes")
NOUNS = (
    "audit attention identity customers privacy locations flights completions plans bookings payments reconcile "
    "documents messaging story backoffice"
).split()
"""In order: a noun may import those before it."""


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def modules(*packages: str) -> dict[str, Path]:
    found = {}
    for package in packages or PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports_of(name: str, path: Path) -> Iterator[str]:
    """Every module imported anywhere in the file, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sharpest(name: str, path: Path) -> set[str]:
    """As imports_of; `from package import module` counts as the module, not as all that the package shows."""
    every = set(imports_of(name, path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and all(f"{node.module}.{one.name}" in modules() for one in node.names):
            every.discard(node.module or "")
    return every


def breaches(prefixes: tuple[str, ...], forbidden: tuple[str, ...], *, but: tuple[str, ...] = ()) -> list[str]:
    found = []
    for name, path in modules().items():
        if not _under(name, prefixes):
            continue
        bad = {one for one in imports_of(name, path) if _under(one, forbidden) and not _under(one, but)}
        found += [f"{name} imports {one}" for one in sorted(bad)]
    return found


def _under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def test_core_and_resilience_know_nothing_above_them():
    nouns = tuple(f"hub.{noun}" for noun in NOUNS)
    above = (*nouns, "hub.app", "hub.cli", "hub.torture", "hub.settings", "adapters", "routes", "aiohttp.web")
    assert breaches(("hub.core", "hub.resilience"), above) == []


def test_nouns_know_neither_http_nor_providers():
    nouns = tuple(f"hub.{noun}" for noun in NOUNS)
    assert breaches(nouns, ("aiohttp", "adapters", "routes", "hub.app", "hub.cli", "hub.torture", "hub.settings")) == []


@pytest.mark.parametrize("noun", NOUNS)
def test_a_noun_imports_only_earlier_nouns(noun: str):
    later = tuple(f"hub.{one}" for one in NOUNS[NOUNS.index(noun) + 1 :])
    assert breaches((f"hub.{noun}",), later) == []


def test_adapters_know_ports_and_nothing_of_storage_or_routes():
    assert breaches(("adapters",), ("routes", "asyncpg", "hub.app", "hub.cli", "hub.torture", "hub.core.db")) == []


def test_no_adapter_knows_another():
    names = sorted({".".join(name.split(".")[:2]) for name in modules("adapters") if "." in name})
    shared = {"adapters.transport", "adapters.shims", "adapters.sandbox"}
    for one in (name for name in names if name not in shared):
        others = tuple(name for name in names if name not in {one, "adapters.transport", "adapters.shims"})
        assert breaches((one,), others) == []


def test_the_sandbox_shares_no_mistake_with_the_adapters():
    assert breaches(("adapters.sandbox",), PACKAGES, but=("adapters.sandbox",)) == []


def test_routes_know_services_and_nothing_behind_them():
    assert breaches(("routes",), ("adapters", "asyncpg", "hub.core.db", "hub.app", "hub.cli", "hub.torture")) == []


def test_nobody_imports_the_composition_root():
    users = {
        name
        for name, path in modules().items()
        if not _under(name, ("hub.app", "hub.cli", "hub.torture", "hub.__main__"))
        and any(_under(one, ("hub.app", "hub.cli", "hub.torture")) for one in imports_of(name, path))
    }
    assert users == set()


def test_no_import_cycles():
    known = modules()
    graph = {name: {one for one in sharpest(name, path) if one in known} - {name} for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name not in done:
            for one in sorted(graph[name]):
                visit(one, (*trail, name))
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
