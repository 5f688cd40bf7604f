"""The REST API (API.md section 1): FastAPI over the store's services. Dashboard, MCP and Message API come later."""
