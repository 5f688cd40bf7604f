"""``byname doctor``: facts gathered by probes, judged by a table of small pure checks (docs/troubleshoot.md)."""
