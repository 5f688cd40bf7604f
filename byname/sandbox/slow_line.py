"""A slow and lossy line between two network namespaces: a program in place of ``tc netem``, which not each kernel has.

    python -m byname.sandbox.slow_line NAMESPACE DEVICE NAMESPACE DEVICE MILLISECONDS LOSS

It makes a TAP device in each namespace, prints ``ready``, and carries frames from one to the other: each so many
milliseconds late, and a part of them, drawn at random, not at all. So it is the two ends' own TCP that meets the loss
and sends again. The devices go with the program.
"""

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque
from pathlib import Path

from byname.sandbox.network import enter

_SET_DEVICE, _TAP, _BARE = 0x400454CA, 0x0002, 0x1000  # TUNSETIFF, IFF_TAP, IFF_NO_PI: linux/if_tun.h
_LONGEST = 65536  # bytes of a frame


def made(namespace: str, device: str) -> int:
    """Make a TAP device in a namespace, and return the descriptor that its frames go through. Raises SandboxError."""
    place = os.open(Path("/run/netns") / namespace, os.O_RDONLY)
    enter(place)
    os.close(place)
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, _SET_DEVICE, struct.pack("16sH22x", device.encode(), _TAP | _BARE))
    return tap


def carry(ends: tuple[int, int], seconds: float, loss: float) -> None:
    """Carry frames for ever."""
    dice, under_way = random.Random(5), deque[tuple[float, int, bytes]]()  # noqa: S311 - of frames
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for end in select.select(ends, [], [], wait)[0]:
            frame = os.read(end, _LONGEST)
            if dice.random() >= loss:
                under_way.append((time.monotonic() + seconds, other[end], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, end, frame = under_way.popleft()
            try:
                os.write(end, frame)
            except OSError:  # the device is down
                continue


if __name__ == "__main__":
    near, near_device, far, far_device, milliseconds, part = sys.argv[1:]
    taps = made(near, near_device), made(far, far_device)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(taps, float(milliseconds) / 1000, float(part))
