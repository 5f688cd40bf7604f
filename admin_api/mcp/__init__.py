"""MCP: tools for agents. Each asks for an operation of REST, in the name of the token that it is called with.

So a tool passes the same guard, rate limit, idempotency key and audit log as a program that uses REST itself. What is
here beside: which tools there are, what they say of themselves, who is asked before something is lost, and how answers
and refusals look to an agent (docs/mcp.md).
"""
