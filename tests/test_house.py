"""The picture of the house, held to the code: who may import whom, one door per library, regions in their own rooms.

The tables are the ones of the README's "How it is built"; a change there is a change here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "app"

EVERYBODY = frozenset({"domain", "errors"})  # these two import nothing of ours
BELOW_ENGINE = frozenset(
    {"catalogue", "crypto", "regions", "store", "wire", "intake", "delivery", "provide", "signing", "system"}
)
MAY_IMPORT: dict[str, frozenset[str]] = {
    "domain": frozenset(),
    "errors": frozenset(),
    "catalogue": EVERYBODY,
    "crypto": EVERYBODY,
    "regions": EVERYBODY | {"catalogue", "crypto"},
    "store": EVERYBODY,
    "wire": EVERYBODY,
    "intake": EVERYBODY | {"catalogue", "store", "wire"},
    "delivery": EVERYBODY | {"catalogue", "regions", "store", "wire"},
    "provide": EVERYBODY | {"catalogue", "regions", "store", "wire"},
    "signing": EVERYBODY | {"catalogue", "crypto", "regions", "store", "delivery"},
    "system": EVERYBODY | {"crypto"},
    "engine": EVERYBODY | BELOW_ENGINE,
    "gui": EVERYBODY | {"engine"},
    "cli": EVERYBODY | {"engine"},
    "practice": frozenset(),
    "__main__": EVERYBODY | {"engine", "gui", "cli", "practice", "system"},
    "__init__": frozenset(),
}
ONLY_DOOR = {
    "gmssl": "crypto",
    "cryptography": "crypto",
    "asn1crypto": "crypto",
    "sqlite3": "store",
    "sqlite_utils": "store",
    "requests": "wire",
    "urllib3": "wire",
    "urllib.request": "wire",
    "http.server": "wire",
    "http.client": "wire",
    "pynetdicom": "wire",
    "waitress": "wire",
    "multipart": "wire",
    "sqlalchemy": "wire",
    "pydicom": "intake",
    "watchdog": "intake",
    "openpyxl": "intake",
    "numpy": "intake",
    "PIL": "intake",
    "pypdfium2": "intake",
    "segno": "signing",
    "keyring": "system",
    "platformdirs": "system",
    "PySide6": "gui",
}
WITHOUT_DOORS = {"practice"}  # stands for other people's machines

REGION_NAMES = ("shanxi", "guizhou", "guangyuan", "hebei", "neijiang", "山西", "贵州", "广元", "河北", "内江")
REGIONS_OWN = ("app/regions/", "app/practice/")

# One per thread loop or foreign callback: what would otherwise end a thread that others wait for.
BROAD_CATCHES = {
    ("app/delivery/parallel.py", "in_parallel"),
    ("app/delivery/parallel.py", "loop"),
    ("app/delivery/downloads.py", "_loop"),
    ("app/delivery/worker.py", "_finish"),
    ("app/delivery/worker.py", "_loop"),
    ("app/engine/clockwork.py", "_ask_loop"),
    ("app/engine/clockwork.py", "_loop"),
    ("app/engine/clockwork.py", "_try"),
    ("app/engine/rehearsing.py", "_play"),
    ("app/engine/report_reading.py", "_loop"),
    ("app/engine/his_watch.py", "_loop"),
    ("app/engine/serve.py", "_answer"),
    ("app/engine/serve.py", "_serve"),
    ("app/gui/ask.py", "_answered"),
    ("app/intake/folders.py", "_loop"),
    ("app/intake/folders.py", "_work"),
    ("app/signing/sessions.py", "_loop"),
    ("app/signing/sessions.py", "_take"),
    ("app/store/database.py", "_in_savepoint"),
    ("app/store/database.py", "_tell"),
    ("app/wire/dicom_receive.py", "_answer_surely"),
    ("app/wire/dicom_receive.py", "_report"),
    ("app/wire/dicom_receive.py", "_store"),
    ("app/wire/file_server.py", "close"),
}


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported module, as `app.store.jobs` or `os.path`."""

    file: str
    room: str
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the program by its path below the root."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(APP.rglob("*.py"))
    }


@cache
def imports() -> tuple[Import, ...]:
    """Every import anywhere in a module, also inside functions; `from a import b` counts as `a` and as `a.b`."""
    return tuple(_imports())


def _imports() -> Iterator[Import]:
    for file, tree in modules().items():
        room = file.split("/")[1].removesuffix(".py")
        for node in ast.walk(tree):
            for module in _named(node):
                yield Import(file=file, room=room, line=getattr(node, "lineno", 0), module=module)


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        source = "." * node.level + (node.module or "")
        return [source, *(f"{source}.{alias.name}" for alias in node.names)]
    return []


def _is_inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_every_room_is_on_the_picture() -> None:
    rooms = {file.split("/")[1].removesuffix(".py") for file in modules()}
    assert rooms <= MAY_IMPORT.keys()


def test_rooms_import_only_along_the_arrows() -> None:
    ours = [found for found in imports() if found.module.startswith("app.")]
    wrong = [
        str(found)
        for found in ours
        if (target := found.module.split(".")[1]) != found.room and target not in MAY_IMPORT[found.room]
    ]
    assert wrong == []


def test_every_import_of_ours_is_written_out() -> None:
    assert [str(found) for found in imports() if found.module.startswith(".") or found.module == "app"] == []


def test_each_library_has_one_door() -> None:
    wrong = [
        f"{found} (only {room}/ may)"
        for found in imports()
        for library, room in ONLY_DOOR.items()
        if _is_inside(found.module, library) and found.room not in {room} | WITHOUT_DOORS
    ]
    assert wrong == []


def test_the_program_never_imports_its_tests_or_its_installer() -> None:
    foreign = [str(found) for found in imports() if found.module.split(".")[0] in {"tests", "installer"}]
    assert foreign == []


@pytest.mark.parametrize("name", REGION_NAMES)
def test_no_region_is_named_outside_its_own_files(name: str) -> None:
    files = [*APP.rglob("*.py"), ROOT / "resources" / "fields.csv", *(ROOT / "resources" / "gui").rglob("*.*s*")]
    wrong = [
        place
        for path in files
        if not (place := path.relative_to(ROOT).as_posix()).startswith(REGIONS_OWN)
        and (name in place or name in path.read_text(encoding="utf-8", errors="replace").lower())
    ]
    assert wrong == []


def test_only_thread_loops_catch_everything() -> None:
    found = {
        (file, function.name)
        for file, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(_swallows_everything(handler) for handler in ast.walk(function))
    }
    assert found - BROAD_CATCHES == set()


def test_no_broad_catch_stands_outside_a_function() -> None:
    for file, tree in modules().items():
        inside = {
            handler
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for handler in ast.walk(function)
        }
        assert not [node for node in ast.walk(tree) if _swallows_everything(node) and node not in inside], file


def _swallows_everything(node: ast.AST) -> bool:
    """A handler of everything that does not end by raising the same error again."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    broad = any(kind is None or (isinstance(kind, ast.Name) and kind.id in _EVERYTHING) for kind in kinds)
    last = node.body[-1]
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


_EVERYTHING = {"Exception", "BaseException"}


def test_only_the_store_speaks_sql() -> None:
    sql = re.compile(r"\b(SELECT .+ FROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM)\b")
    speakers = {
        file
        for file, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and sql.search(node.value)
    }
    assert {file for file in speakers if not file.startswith(("app/store/", "app/practice/"))} == set()


IN_CIRCLES = frozenset({"pydicom", "pynetdicom", "requests", "urllib3", "sqlalchemy", "openpyxl"})


def _roots(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [name.name for name in node.names]
    return [name for name in names if name.split(".")[0] in IN_CIRCLES]


@pytest.mark.parametrize("path", sorted(APP.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_late_import_enters_a_library_by_its_front_door(path: Path) -> None:
    """Two threads that enter at different modules meet half a package: `import pydicom` comes before `pydicom.x`."""
    tree = modules()[path.relative_to(ROOT).as_posix()]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        entered: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name in _roots(node):
                    root = name.split(".")[0]
                    assert name == root or root in entered, f"{path.name}:{node.lineno} enters {name} first"
                    entered.add(root)
