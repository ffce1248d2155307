"""How Alembic reaches the database: on the connection that `migrate` holds."""

from alembic import context
from sqlalchemy import Connection, MetaData

connection: Connection = context.config.attributes["connection"]
target_metadata: MetaData | None = context.config.attributes.get("target_metadata")

# Each by itself: a lock that one takes is not held while the next ones run, and one may build an index
# concurrently, which no transaction can.
context.configure(
    connection=connection,
    target_metadata=target_metadata,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
