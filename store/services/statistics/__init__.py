"""What came through aliases (docs/aliases.md, "Who writes"): merged from the mail processes, read, and forgotten."""
