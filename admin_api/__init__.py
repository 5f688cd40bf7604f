"""The doors over HTTP, in one process: the REST API (docs/api.md) over the services of the store."""
