"""Rules of the architecture that no import contract can express, checked on the syntax trees of the sources."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from chalicelib.domain.record import DatabaseRecord

PROJECT = Path(__file__).parents[2]
CHALICELIB = PROJECT / "chalicelib"
SOURCES = [*sorted(CHALICELIB.rglob("*.py")), PROJECT / "app.py"]

MAX_LINES = 300
RECORD_FIELDS = {field.name for field in fields(DatabaseRecord)}


@dataclass(frozen=True)
class Site:
    """A function in a module; the module itself where ``function`` is empty."""

    module: str
    function: str

    @property
    def is_in_transitions(self) -> bool:
        return self.module.startswith("chalicelib/domain/transitions/")


MAY_WRITE = {
    Site("chalicelib/domain/model.py", "then"): "joins two transitions",
    Site("chalicelib/domain/record.py", "with_external_start"): "a method that transitions call",
    Site("chalicelib/domain/record.py", "with_uptime_cleared"): "a method that transitions call",
    Site("chalicelib/domain/statuses.py", "ignore_stale_description"): "replaces fields of a Description",
    Site("chalicelib/aws/records.py", "decode_record"): "decodes a stored record",
    Site("chalicelib/aws/records.py", "_event"): "decodes a stored event",
    Site("chalicelib/aws/table.py", "commit"): "sets the revision",
}
"""Where, other than in the transitions, a record, an event or a transition may be made, and why."""


def nodes(path: Path) -> Iterator[tuple[Site, ast.AST]]:
    """Every node of the source, with the function around it."""
    module = path.relative_to(PROJECT).as_posix()

    def walk(node: ast.AST, function: str) -> Iterator[tuple[Site, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            yield Site(module, function), child
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            yield from walk(child, inner)

    return walk(ast.parse(path.read_text()), "")


def name_of(node: ast.AST) -> str | None:
    """The name that the expression ends with: ``replace`` for ``replace`` and for ``dataclasses.replace``."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
            return name
        case _:
            return None


def makes_state(node: ast.AST) -> bool:
    """Whether this makes a record, an event or a transition, or is a ``replace`` that might make a record."""
    if not isinstance(node, ast.Call):
        return False
    match name_of(node.func):
        case "DatabaseRecord" | "Event" | "Transition":
            return True
        case "replace" if node.keywords:  # str.replace has no keywords.
            return any(keyword.arg is None or keyword.arg in RECORD_FIELDS for keyword in node.keywords)
        case _:
            return False


def sites_that_make_state(sources: list[Path]) -> set[Site]:
    return {site for path in sources for site, node in nodes(path) if makes_state(node)}


def modules_that_name_decide(sources: list[Path]) -> set[str]:
    return {site.module for path in sources for site, node in nodes(path) if name_of(node) == "decide"}


def test_decide__all_sources__is_used_only_by_the_reconciler() -> None:
    assert modules_that_name_decide(SOURCES) == {"chalicelib/service/reconciler.py"}


def test_records_and_events__all_sources__are_made_only_by_transitions_and_decoders() -> None:
    others = {site for site in sites_that_make_state(SOURCES) if not site.is_in_transitions}
    assert others == set(MAY_WRITE), "a transition makes records and events; MAY_WRITE lists the exceptions"


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("from chalicelib.domain.decision import decide", id="import"),
        pytest.param("from chalicelib.domain.decision import decide as choose", id="import under another name"),
        pytest.param("from chalicelib.domain import decision\ndecision.decide(1)", id="call through the module"),
    ],
)
def test_modules_that_name_decide__any_use__is_found(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.test_architecture.PROJECT", tmp_path)
    (tmp_path / "other.py").write_text(source)
    assert modules_that_name_decide([tmp_path / "other.py"]) == {"other.py"}


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("replace(record, hold=None)", id="replace of a record's field"),
        pytest.param("dataclasses.replace(record, hold=None)", id="replace through the module"),
        pytest.param("replace(record, **changes)", id="replace of unknown fields"),
        pytest.param("model.Event(now, name)", id="event"),
        pytest.param("Transition(record)", id="transition"),
        pytest.param("DatabaseRecord()", id="record"),
    ],
)
def test_sites_that_make_state__any_form__is_found(
    statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.test_architecture.PROJECT", tmp_path)
    (tmp_path / "other.py").write_text(f"def write():\n    return {statement}\n")
    assert sites_that_make_state([tmp_path / "other.py"]) == {Site("other.py", "write")}


def test_sources__all_files_of_chalicelib__are_short() -> None:
    files = [path for path in CHALICELIB.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    lengths = {path.relative_to(CHALICELIB).as_posix(): len(path.read_text().splitlines()) for path in files}
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}
