"""Backups: the whole store in one file, and its way back while mail flows (docs/backup.md)."""
