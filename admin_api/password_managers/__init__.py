"""The two ways in which password managers ask a server for an alias: that of addy.io and that of SimpleLogin.

Both are other people's interfaces: here is read and answered what their clients send and read (docs/aliases.md).
"""
