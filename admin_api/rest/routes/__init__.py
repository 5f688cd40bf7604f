"""The routes of API section 1, one module for each noun. Each is behind a rule (:mod:`admin_api.http.guard`)."""
