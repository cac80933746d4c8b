"""How far the worker has come along the queue, and why no event is passed over.

A settled event keeps its place: taking it off the index was two thirds of what settling it cost MongoDB (DECISIONS 42). So the
worker does not see in the index what is left to do, and looks only where something can be.

MongoDB gives an event its place as it begins to store it, by one clock for all senders that never goes back. The event can be read
a moment later, when others behind it are there already. So the worker claims ahead of where it has come to, and looks again at
what it has passed: soon, once more when whoever is still storing there has long been refused, and a last time, for which each
writer begins at the beginning: so a restored backup, or a fault of ours, is looked through at every start.

    recent       what health counts from: all but stragglers is settled up to here
    settled_to   everything up to here that was acknowledged is settled, or released
    closed_to    and everything else that was stored within `CLOSED_S`

An event that took longer than `PROMPT_S` to be stored, or was there before, is looked up before it is acknowledged, and released
where the worker has been (`EventStore`).
"""

from collections import deque
from typing import Any, Final, NamedTuple

from bson import Timestamp
from pymongo.asynchronous.database import AsyncDatabase

from gateway.events.standing import waiting_behind

BEGINNING: Final = Timestamp(0, 1)
"""Before the first place. MongoDB would take two zeros for "now"."""
RECENT_S: Final = 2.0
"""Almost every event can be read so soon after it got its place."""
PROMPT_S: Final = 5.0
"""An event that was stored faster is acknowledged without being looked up. In seconds of the sender's own clock."""
SETTLED_S: Final = 3 * PROMPT_S
"""After which the worker takes it that no such event is on its way any more. In seconds of the worker's own clock."""
CLOSED_S: Final = 120.0
TOLD_EVERY_S: Final = 0.25
"""With a batch, when only `recent` has moved: health steps over what was settled since."""
AT_ONCE: Final = {"settled_to": 50_000, "closed_to": 5_000}
"""Events that one look goes through to move these, in some 100 and 10 ms of MongoDB; the first is seldom reached. A store that has
lost its marks is looked through in such pieces."""

_MARK: Final = "queue"


class Progress(NamedTuple):
    """Places in the queue, as they are stored."""

    recent: Timestamp = BEGINNING
    settled_to: Timestamp = BEGINNING
    closed_to: Timestamp = BEGINNING

    def to_document(self) -> dict[str, Any]:
        """For the collection `marks`."""
        return {"_id": _MARK, **self._asdict()}


async def read_progress(database: AsyncDatabase[dict[str, Any]]) -> Progress:
    found = await database["marks"].find_one({"_id": _MARK})
    return Progress(**{name: found[name] for name in Progress._fields}) if found else Progress()


async def waiting_condition(database: AsyncDatabase[dict[str, Any]]) -> dict[str, Any]:
    """The condition on all events that wait for the worker."""
    return waiting_behind((await read_progress(database)).settled_to)


class Place:
    """Where the worker is, and what it has to look at again. `now` in seconds of a clock that is never set."""

    def __init__(self) -> None:
        self.ahead = BEGINNING
        """Behind this, events are claimed in order of arrival."""
        self._progress = self._stored = Progress()
        self._times: deque[tuple[float, Timestamp]] = deque()
        self._tell_at = 0.0

    def take_up(self, stored: Progress, *, now: Timestamp) -> None:
        """Go on from what is stored, which another writer may have told. What was found out before stays true. `now`: MongoDB's
        time; marks beyond it are of another MongoDB, whose clock was ahead, and what comes from now on would be before them."""
        self._stored = stored
        credible = Progress(*(min(mark, now) for mark in stored))._replace(closed_to=BEGINNING)
        self._progress = Progress(*map(max, self._progress, credible))
        self.ahead = max(self.ahead, self._progress.settled_to)

    def next_look(self, *, now: float) -> "Look":
        """When nothing that was claimed is unsettled."""
        aims = (self.ahead, self._place_before(now - SETTLED_S), self._place_before(now - CLOSED_S))
        return Look(
            Progress(*(max(old, min(aim, self.ahead)) for old, aim in zip(self._progress, aims, strict=True))),
            self._progress,
            self._place_before(now - RECENT_S),
            self.ahead,
        )

    def looked(self, look: "Look", at: Timestamp, *, now: float) -> None:
        """Nothing that waits is left there. `at`: MongoDB's time when it began, which is durable; `now`: a moment after that."""
        self._progress = look.aim
        self._times.append((now, at))
        while len(self._times) > 1 and self._times[1][0] <= now - CLOSED_S:
            self._times.popleft()

    def claimed(self, last: Timestamp) -> None:
        """All up to there is settled."""
        self.ahead = max(self.ahead, last)

    def stored(self, progress: Progress) -> None:
        """It is durable, with its batch if there was one."""
        self._stored = progress
        self._progress = self._progress._replace(recent=max(self._progress.recent, progress.recent))

    def with_batch(self, last: Timestamp | None, *, now: float) -> Progress | None:
        """What is to be stored with a batch that ends there; None: one of what was released."""
        progress = self._progress._replace(recent=max(self._progress.recent, last or BEGINNING))
        if progress == self._stored or (progress[1:] == self._stored[1:] and now < self._tell_at):
            return None
        self._tell_at = now + TOLD_EVERY_S
        return progress

    @property
    def without_batch(self) -> Progress | None:
        """What is to be stored when none comes, so that whoever looks an event up knows where the worker has been. The last look,
        which may go on for hours, is told of when it has come to where the worker is."""
        now, told = self._progress, self._stored
        moved = now[:2] != told[:2] or now.closed_to == self.ahead != told.closed_to
        return now if moved else None

    def _place_before(self, moment: float) -> Timestamp:
        """What MongoDB gave out no more after this moment."""
        found = BEGINNING
        for at, place in self._times:
            if at > moment:
                break
            found = place
        return found


class Look(NamedTuple):
    """What is looked at again, so that the progress comes from `since` to `aim`."""

    aim: Progress
    since: Progress
    young: Timestamp
    """Behind this it is so young that not everything can be read yet."""
    ahead: Timestamp

    @property
    def spans(self) -> list[tuple[Timestamp, Timestamp]]:
        """Behind the one place, up to the other. What is young is not known before the worker has worked for a while."""
        spans = [
            (self.young if self.young > BEGINNING else self.ahead, self.ahead),
            (self.since.settled_to, self.aim.settled_to),
            (self.since.closed_to, self.aim.closed_to),
        ]
        return [(after, up_to) for after, up_to in spans if after < up_to]

    def only_to(self, **places: Timestamp) -> "Look":
        """With a nearer aim for the marks of these names."""
        return self._replace(aim=self.aim._replace(**places))
