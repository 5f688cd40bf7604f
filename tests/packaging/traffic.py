"""Mail from outside without pause, for as long as a file is there: run inside the machine, by its Python alone.

A mail that gets 4xx is tried again, as senders do. Prints what became of all of them, as JSON:
``{"accepted": [ids], "deferred": number of 4xx, "refused": [replies], "longest_wait": seconds}``.
"""

import json
import smtplib
import sys
import threading
import time
from pathlib import Path

_SENDERS = 4
_PAUSE = 0.2  # seconds until a mail is tried again, and between two mails of one sender
_ATTEMPTS_END = 180.0  # seconds after which a mail that is still deferred counts as refused


class Traffic:
    """What became of the mails so far."""

    def __init__(self, running: Path, recipient: str) -> None:
        self._running = running
        self._recipient = recipient
        self._guard = threading.Lock()
        self.accepted: list[str] = []
        self.refused: list[str] = []
        self.deferred = 0
        self.longest_wait = 0.0

    def send_without_pause(self, name: int) -> None:
        """Send one mail after the other until the file is gone, and the last one to its end."""
        number = 0
        while self._running.exists():
            number += 1
            self._send_until_taken(f"{name}.{number}@outside.example")
            time.sleep(_PAUSE)

    def _send_until_taken(self, mail: str) -> None:
        began = time.monotonic()
        while (reply := self._send(mail)) is not None:
            if reply[0] >= 500 or time.monotonic() - began > _ATTEMPTS_END:
                self.refused.append(f"{mail}: {reply}")
                return
            with self._guard:
                self.deferred += 1
            time.sleep(_PAUSE)
        with self._guard:
            self.accepted.append(mail)
            self.longest_wait = max(self.longest_wait, time.monotonic() - began)

    def _send(self, mail: str) -> tuple[int, str] | None:
        """Return None when it was taken, else the reply; a connection that broke is as good as 421."""
        content = f"Message-ID: <{mail}>\r\nFrom: <x@outside.example>\r\nSubject: {mail}\r\n\r\nx\r\n"
        try:
            with smtplib.SMTP("127.0.0.1", 25, timeout=60) as smtp:
                smtp.sendmail("x@outside.example", [self._recipient], content)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return code, text.decode(errors="replace")
        except smtplib.SMTPResponseException as error:
            return error.smtp_code, str(error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return 421, str(error)
        return None


def main() -> None:
    """Send until the file ``sys.argv[1]`` is gone, to ``sys.argv[2]``."""
    traffic = Traffic(Path(sys.argv[1]), sys.argv[2])
    senders = [threading.Thread(target=traffic.send_without_pause, args=(name,)) for name in range(_SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    found = {"accepted": traffic.accepted, "deferred": traffic.deferred, "refused": traffic.refused}
    json.dump(found | {"longest_wait": round(traffic.longest_wait, 1)}, sys.stdout)


if __name__ == "__main__":
    main()
