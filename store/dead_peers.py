"""How soon a machine that is gone is noticed at the other end of a TCP connection: by the kernel, while nobody waits.

A machine that lost its power or its cable says nothing any more, not even that its programs have ended. An idle
connection to it then stays for hours, and one over which something was asked for as long as the asker has patience. So
each is probed once a second, and ends when nothing at all was heard for five, neither an answer nor the kernel's word
that it has the question (tcp(7), TCP_USER_TIMEOUT). A server that works on its answer, or is stopped dead, is no such
thing: its kernel has that word. A line of 200 ms that loses 5 % would have to lose four probes in a row.
"""

import socket

PROBED_EVERY = 1  # seconds, of a connection that is idle
GIVEN_UP_AFTER = 5  # seconds of silence

SOCKET_OPTIONS = {
    socket.TCP_KEEPIDLE: PROBED_EVERY,
    socket.TCP_KEEPINTVL: PROBED_EVERY,
    socket.TCP_USER_TIMEOUT: GIVEN_UP_AFTER * 1000,
}
LIBPQ = {
    "keepalives_idle": str(PROBED_EVERY),
    "keepalives_interval": str(PROBED_EVERY),
    "tcp_user_timeout": str(GIVEN_UP_AFTER * 1000),
}
