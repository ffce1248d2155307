"""Migrations run while the version before serves: what that can't bear is found before it is run."""

import re
from pathlib import Path

import pytest
from support.migrations import blocking_operations

import vocafuse_server

VERSIONS = Path(vocafuse_server.__file__).parent / "migrations" / "versions"
# Fleets came after this one: up to it everything was made for one machine, where nothing serves meanwhile.
LAST_BEFORE_FLEETS = "0011"
# Operations that are let pass all the same, by revision and beginning, each with its reason.
EXCEPTIONS: dict[tuple[str, str], str] = {}


def test_no_migration_holds_up_the_version_that_serves() -> None:
    guilty = {
        f"{path.name}: {operation}"
        for path in VERSIONS.glob("[0-9]*.py")
        if path.name[:4] > LAST_BEFORE_FLEETS
        for operation in blocking_operations(path.read_text())
        if not any(path.name[:4] == of and operation.startswith(what) for of, what in EXCEPTIONS)
    }
    assert guilty == set()


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        ('op.create_index("ix", "notes", ["title"])', "create_index on notes"),
        ('op.drop_index("ix", "notes")', "drop_index on notes"),
        ('op.drop_column("notes", "title")', "drop_column notes"),
        ('op.drop_table("notes")', "drop_table notes"),
        ('op.rename_table("notes", "memos")', "rename_table notes"),
        ('op.alter_column("notes", "title", new_column_name="name")', "alter_column of notes"),
        ('op.add_column("notes", sa.Column("n", sa.Integer(), nullable=False))', "add_column to notes"),
        ('op.create_foreign_key("fk", "notes", "tenants", ["a"], ["id"])', "create_foreign_key on notes"),
        ('op.execute("UPDATE notes SET title = 1")', "execute UPDATE"),
        ('op.execute("ALTER TABLE notes ADD CHECK (true)")', "execute ALTER TABLE"),
        ('op.execute("CREATE INDEX ix ON notes (title)")', "execute CREATE INDEX"),
    ],
)
def test_what_holds_it_up_is_found(operation: str, complaint: str) -> None:
    [found] = blocking_operations(f"def upgrade():\n    {operation}\n\ndef downgrade():\n    {operation}\n")
    assert re.match(rf"{complaint}: \w+", found)


@pytest.mark.parametrize(
    "operation",
    [
        'op.create_index("ix", "notes", ["title"], postgresql_concurrently=True)',
        'op.execute("CREATE INDEX CONCURRENTLY ix ON notes (title)")',
        'op.add_column("notes", sa.Column("n", sa.Integer()))',
        'op.add_column("notes", sa.Column("n", sa.Integer(), nullable=False, server_default="0"))',
        'op.create_table("pages", sa.Column("n", sa.Integer()))\n    op.create_index("ix", "pages", ["n"])',
        'op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$")',
    ],
)
def test_what_adds_without_holding_up_is_let_pass(operation: str) -> None:
    assert blocking_operations(f"def upgrade():\n    {operation}\n") == []
