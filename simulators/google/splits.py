"""What Google's own calendar does with "this and following": a series is cut in two.

The tail is a new series called ``<base>_R<start>``, the UTC digits of its first start,
with an iCalUID of its own; its occurrences, changed and cancelled ones too, are named
``<base>_<time>``, as if nothing had been cut, and name the tail as their series
(payloads in dwyl/gcal, odoo/odoo#120798 and googleapis/google-api-php-client#2009).
Exceptions after the cut are reset
(developers.google.com/workspace/calendar/api/guides/recurringevents).
"""

import re
from datetime import timedelta

from . import errors, recurrence
from .calls import Call
from .content import content, merge_patch
from .events import WRITER, Events
from .moments import Moment, base_id
from .shape import WRITABLE
from .store import Calendar, Copy

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Splits:
    def __init__(self, events: Events) -> None:
        self.events = events
        self.tail_first = False
        """The tail takes its change number before the head, which nobody recorded."""

    def split(self, call: Call) -> Copy:
        """Cut at the occurrence of the path; the body says what is other from there."""
        calendar = call.calendar(WRITER)
        occurrence = self.events.find(calendar, call.path["eventId"])
        if not occurrence.master_id:
            raise errors.invalid("Not an occurrence of a series.")
        head = calendar.events[occurrence.master_id]
        steps = [
            lambda: self._trim(call, calendar, head, occurrence.original),
            lambda: self._append(call, calendar, tail),
        ]
        tail = self._tail(call, calendar, head, occurrence.original)
        self._reset(calendar, head, occurrence.original)
        for step in reversed(steps) if self.tail_first else steps:
            step()
        return tail

    def _tail(self, call: Call, calendar: Calendar, head: Copy, cut: Moment) -> Copy:
        kept = {name: head.fields[name] for name in WRITABLE if name in head.fields}
        times = {
            "start": cut.json(calendar.timezone),
            "end": cut.plus(head.duration).json(calendar.timezone),
        }
        lines = [_less(line, head, cut) for line in head.fields["recurrence"]]
        body = merge_patch({**kept, **times, "recurrence": lines}, call.body)
        fields, start, stop = content(body, calendar, call.args)
        event_id = f"{base_id(head.id)}_R{start.stamp().removesuffix('Z')}"
        fields = {
            **{k: v for k, v in head.fields.items() if k not in WRITABLE},
            "status": "confirmed",
            **fields,
            "iCalUID": f"{event_id}@google.com",
            "sequence": 0,
        }
        return Copy(event_id, calendar.id, fields, start, stop)

    def _append(self, call: Call, calendar: Calendar, tail: Copy) -> None:
        self.events.store.put(tail)
        self.events.guests.spread(tail, [], call.args, call.user)

    def _trim(self, call: Call, calendar: Calendar, head: Copy, cut: Moment) -> None:
        lines = [_until(line, cut) for line in head.fields["recurrence"]]
        self.events.change(call, calendar, head, {"recurrence": lines})

    def _reset(self, calendar: Calendar, head: Copy, cut: Moment) -> None:
        tz = calendar.timezone
        for copy in calendar.exceptions(head.id):
            if copy.original.instant(tz) >= cut.instant(tz):
                for other in [copy, *self.events.store.copies(copy.id, calendar.id)]:
                    self.events.store.forget(other)


def _until(line: str, cut: Moment) -> str:
    if not line.startswith("RRULE"):
        return line
    last = cut.plus(-DAY if cut.all_day else -SECOND).stamp()
    return re.sub(r";?(UNTIL|COUNT)=[^;]*", "", line) + f";UNTIL={last}"


def _less(line: str, head: Copy, cut: Moment) -> str:
    """COUNT without the occurrences that stay with the head."""
    count = re.search(r"(?<=COUNT=)\d+", line)
    if not line.startswith("RRULE") or not count:
        return line
    before = 0
    for start in recurrence.starts([line], head.start):
        if (start.day or start.at) >= (cut.day or cut.at):
            break
        before += 1
    return line.replace(f"COUNT={count[0]}", f"COUNT={int(count[0]) - before}")
