"""saying - what is said again and again, ever more rarely, until it is answered."""
from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

NEVER = math.inf
WAITS_S = (2.0, 4.0, 8.0, 10.0)


@dataclass(eq=False)
class Saying:
    frame: bytes
    answered: bool = False
    times: int = 0
    due: float = 0.0


class Sayings:
    def __init__(self) -> None:
        self.due = NEVER  # no later than the first that was said is to be said again
        self._outgoing: deque[Saying] = deque()
        self._said: dict[Saying, None] = {}  # in the order in which they were

    def add(self, frame: bytes) -> Saying:
        saying = Saying(frame)
        self._outgoing.append(saying)
        return saying

    def answered(self, saying: Saying) -> None:
        saying.answered = True
        self._said.pop(saying, None)

    def next(self, now: float) -> bytes | None:
        """The next frame to send."""
        while self._outgoing:
            saying = self._outgoing.popleft()
            if not saying.answered:
                saying.due = now + WAITS_S[min(saying.times, len(WAITS_S) - 1)]
                saying.times += 1
                self._said[saying] = None
                self.due = min(self.due, saying.due)
                return saying.frame
        return None

    def again(self, now: float) -> None:
        """Say those whose time has come."""
        self._resume([each for each in self._said if each.due <= now])
        self.due = min((each.due for each in self._said), default=NEVER)

    def renew(self) -> None:
        """Say all, as if for the first time."""
        for saying in self._said:
            saying.times = 0
        self._resume(list(self._said))
        self.due = NEVER

    def _resume(self, sayings: list[Saying]) -> None:
        for saying in sayings:
            del self._said[saying]
        self._outgoing.extend(sayings)
