"""What goes over the wire: bodies that are taken, and answers that are given. Fields: docs/api.md, "Objects"."""
