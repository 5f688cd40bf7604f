"""The routes of docs/api.md, "Paths", one module for each noun. Each is behind a rule (:mod:`admin_api.http.guard`)."""
