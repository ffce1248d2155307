"""How Alembic reaches the database: on the connection that `migrate` holds."""

from alembic import context
from sqlalchemy import Connection, MetaData

connection: Connection = context.config.attributes["connection"]
target_metadata: MetaData | None = context.config.attributes.get("target_metadata")

context.configure(connection=connection, target_metadata=target_metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
