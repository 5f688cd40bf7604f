"""What an agent's client is told to use the demo: a configuration that works as it stands."""

import json
import sys

from byname.sandbox.site import PrivateSite

ACCOUNT = "brands"


def configuration(site: PrivateSite) -> str:
    """Return the configuration, with a token of its own, as most clients read it: over HTTP and as a process."""
    made = site.run("token", "create", "--account", ACCOUNT, "--name", "demo agent", "--expires-in", "1d")
    made.check_returncode()
    token = made.stdout.strip()
    api = site.mcp_url.removesuffix("/mcp")
    servers = {
        "byname": {"type": "http", "url": site.mcp_url, "headers": {"Authorization": f"Bearer {token}"}},
        "byname-stdio": {
            "command": sys.executable,
            "args": ["-m", "byname", "mcp", "--url", api],
            "env": {"BYNAME_TOKEN": token},
        },
    }
    return json.dumps({"mcpServers": servers}, indent=2)
