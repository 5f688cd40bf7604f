"""The REST API, the dashboard, MCP and the Message API: with a later release; nothing is here yet."""
