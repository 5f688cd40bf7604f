"""The doors besides the milter at which an MTA knocks: the socketmap server."""
