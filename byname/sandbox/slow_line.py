"""A slow and lossy line between two ports of a network: a program in place of ``tc netem``, which not each kernel has.

    python -m byname.sandbox.slow_line PORT PORT MILLISECONDS LOSS

It prints ``ready``, and carries frames from one network device of its namespace to the other: each so many milliseconds
late, and a part of them, drawn at random, not at all. So it is the two ends' own TCP that meets the loss and sends
again. The devices are ends of veth pairs, and the frames pass through packet sockets (packet(7)), with the header that
says which checksums are still to be written, as a pair passes them on (linux/virtio_net.h).
"""

import random
import select
import socket
import sys
import time
from collections import deque

_EVERY_KIND = 0x0003  # ETH_P_ALL, linux/if_ether.h
_LEVEL, _WITH_HEADER = 263, 15  # SOL_PACKET, PACKET_VNET_HDR: linux/if_packet.h
_LONGEST = 65536 + 64  # bytes of a frame with its headers


def opened(port: str) -> socket.socket:
    """Return what frames come out of and go into a device through. Raises OSError."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_KIND))
    end.setsockopt(_LEVEL, _WITH_HEADER, 1)
    end.bind((port, _EVERY_KIND))
    return end


def carry(ends: tuple[socket.socket, socket.socket], seconds: float, loss: float) -> None:
    """Carry frames for ever."""
    dice, under_way = random.Random(5), deque[tuple[float, socket.socket, bytes]]()  # noqa: S311 - of frames
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for end in select.select(ends, [], [], wait)[0]:
            frame, (_, _, kind, *_) = end.recvfrom(_LONGEST)
            if kind != socket.PACKET_OUTGOING and dice.random() >= loss:
                under_way.append((time.monotonic() + seconds, other[end], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, end, frame = under_way.popleft()
            try:
                end.send(frame)
            except OSError:  # the device is down
                continue


if __name__ == "__main__":
    one, another, milliseconds, part = sys.argv[1:]
    lines = opened(one), opened(another)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(lines, float(milliseconds) / 1000, float(part))
