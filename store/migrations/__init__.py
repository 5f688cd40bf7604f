"""The migrations, run by :mod:`store.migrations.migrate`. A new one gets the next number and a place in REVISIONS."""
