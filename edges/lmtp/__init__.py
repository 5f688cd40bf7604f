"""The LMTP server ``byname lmtp`` (RFC 2033) and its connections to the mail store."""
