"""The doors besides the milter at which an MTA knocks: the socketmap server and the LMTP server."""
