"""What every feature stands on: settings, database, queue, errors, ids. Imports no feature."""
