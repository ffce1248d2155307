"""What a migration does that the version which still serves would feel: found by reading its syntax tree."""

import ast
import re
from collections.abc import Iterator

# What the version before may still read or write, or what rewrites or locks a table for as long as it is big.
_TAKEN_AWAY = {"drop_column", "drop_table", "rename_table"}
_CHECKED_AT_ONCE = {
    *("create_foreign_key", "create_check_constraint", "create_unique_constraint"),
    *("create_primary_key", "create_exclude_constraint"),
}
_WRITTEN_STATEMENT = re.compile(
    r"\b(UPDATE|DELETE\s+FROM|ALTER\s+TABLE|DROP\s+(TABLE|COLUMN)|LOCK\s+TABLE|TRUNCATE"
    r"|CREATE\s+(UNIQUE\s+)?INDEX(?!\s+CONCURRENTLY))\b",
    re.IGNORECASE,
)


def blocking_operations(source: str) -> list[str]:
    """The operations of a migration's `upgrade` that must not run while the version before serves."""
    upgrade = next(
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
    )
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    fresh = {_text(call.args[0]) for call in calls if _name(call) == "create_table"}
    return [found for call in calls for found in _found_in(call, fresh)]


def _found_in(call: ast.Call, fresh: set[str]) -> Iterator[str]:
    name = _name(call)
    if name in _TAKEN_AWAY:
        yield f"{name} {_text(call.args[0])}: the version before still uses it; take it away one later"
    elif name in {"create_index", "drop_index"} and not _is_said(call, "postgresql_concurrently"):
        table = _text(call.args[1])
        if table not in fresh:
            yield f"{name} on {table}: holds up every write; build it concurrently, in an autocommit_block"
    elif name in _CHECKED_AT_ONCE and _text(call.args[1]) not in fresh:
        yield f"{name} on {_text(call.args[1])}: reads the whole table under a lock; add it NOT VALID first"
    elif name == "alter_column":
        yield f"alter_column of {_text(call.args[0])}: may rewrite the table, or refuse what is written now"
    elif name == "add_column" and _is_required(call.args[1]):
        yield f"add_column to {_text(call.args[0])}: the version before writes rows without it"
    elif name == "execute" and (found := _WRITTEN_STATEMENT.search(_text(call.args[0]))):
        yield f"execute {found[0]}: touches rows or tables that are in use; do it in portions, in a job"


def _name(call: ast.Call) -> str:
    """`create_index` of `op.create_index(...)`; nothing of what isn't alembic's."""
    is_operation = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "op"
    return call.func.attr if is_operation and isinstance(call.func, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


def _is_said(call: ast.Call, keyword: str) -> bool:
    return any(one.arg == keyword and _text(one.value) == "True" for one in call.keywords)


def _is_required(column: ast.expr) -> bool:
    """Whether a new column can't be empty and has no value by itself."""
    if not isinstance(column, ast.Call):
        return False
    said = {one.arg: _text(one.value) for one in column.keywords}
    return said.get("nullable") == "False" and "server_default" not in said
