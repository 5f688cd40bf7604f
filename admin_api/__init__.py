"""The REST API (docs/api.md): FastAPI over the store's services. Dashboard, MCP and Message API come later."""
