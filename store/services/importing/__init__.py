"""Importing aliases from the lines of a file, in chunks that are each one transaction."""
