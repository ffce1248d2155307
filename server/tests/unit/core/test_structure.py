"""Rules about the code that no linter knows, kept by reading its syntax trees."""

import ast
from collections.abc import Iterator
from pathlib import Path

import vocafuse_server

SOURCE = Path(vocafuse_server.__file__).parent
# The edges where any exception at all is met: a request, a job, a batch of other people's work.
EDGES = {
    *("dialects/request_log.py", "dialects/operations.py", "jobs/tasks.py"),
    "transcription/batcher.py",
}
SQL_HOMES = {"core/database.py", "core/queue.py", "core/embedded_postgres.py", "schema.py"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith("migrations/"):
            yield name, ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    """Every name that a module imports, as `module.name`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_sql_is_written_in_queries_only() -> None:
    statements = {f"sqlalchemy.{name}" for name in ("select", "insert", "update", "delete", "text", "func")}
    statements.add("sqlalchemy.dialects.postgresql.insert")
    guilty = {
        name
        for name, tree in modules()
        if imported(tree) & statements
        and not name.endswith(("queries.py", "models.py"))
        and name not in SQL_HOMES
    }
    assert guilty == set()


def test_http_is_known_to_dialects_only() -> None:
    guilty = {
        name
        for name, tree in modules()
        if any(one.split(".")[0] in {"fastapi", "starlette", "uvicorn"} for one in imported(tree))
        and not name.startswith("dialects/")
        and name not in {"app.py", "api_server.py", "slow_clients.py"}
    }
    assert guilty == set()


def test_everything_is_caught_at_the_edges_only() -> None:
    guilty = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not any(isinstance(part, ast.Raise) for part in node.body)
        and name not in EDGES
    }
    assert guilty == set()


def test_the_environment_is_read_by_settings_only() -> None:
    readers = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    # The supervisor hands the whole of it on to its children; the engine writes one that a library reads.
    assert readers == {"supervisor.py", "core/settings.py", "transcription/__init__.py"}


def test_features_commit_nothing() -> None:
    guilty = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "commit" and name != "schema.py"
    }
    assert guilty == set()


def test_no_dependency_takes_a_thread() -> None:
    """FastAPI runs plain functions in threads, which costs a request more than all that ours do."""
    guilty = {
        f"{name}: {call.args[0].id}"
        for name, tree in modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "Depends"
        and isinstance(call.args[0], ast.Name)
        and any(isinstance(one, ast.FunctionDef) and one.name == call.args[0].id for one in ast.walk(tree))
    }
    assert guilty == set()


def test_no_module_outgrows_its_readers() -> None:
    too_long = {
        name: len((SOURCE / name).read_text().splitlines())
        for name, _ in modules()
        if len((SOURCE / name).read_text().splitlines()) > 400
    }
    assert too_long == {}
