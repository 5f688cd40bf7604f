"""Counting mail in the processes that see it, and handing the counts on (docs/aliases.md, "Who writes")."""
