"""What people do in Odoo's own calendar, in the words of its screens.

Each function writes what the web client of Odoo 19 sends when somebody uses the form
(``calendar_form``: ``web_save`` with what was changed), drags an entry in the calendar
(``attendee_calendar_model.js``: start, stop, duration and allday together), ticks rows
of the list (``calendar_list_controller.js``), or answers one of the two questions about
a series (``ask_recurrence_update_policy_dialog.js``,
``calendar_popover_delete_wizard``). ``event`` comes with the rights of the user who is
at work.
"""

from datetime import datetime, time, timedelta

from odoo import Command

from odoo.addons.calendar.models.calendar_event import get_weekday_occurence

#: "this", "following", "all": as Odoo calls them
SCOPES = ("self_only", "future_events", "all_events")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: what the form sends for a rule, by its name; ``start`` is a date
RULES = {
    "daily": lambda start: _rule("daily"),
    "every other day": lambda start: _rule("daily", "custom", interval=2),
    "weekly": lambda start: _weekly(start.weekday()),
    "weekly on three days": lambda start: _weekly(
        *((start.weekday() + step) % 7 for step in (0, 2, 3))
    ),
    "weekly on another day": lambda start: _weekly((start.weekday() + 1) % 7),
    "monthly by date": lambda start: _rule(
        "monthly", month_by="date", day=start.day, **_nth(start)
    ),
    # (the form begins with the first of the month)
    "monthly on the first": lambda start: _rule(
        "monthly", month_by="date", day=1, **_nth(start)
    ),
    "monthly by day": lambda start: _rule("monthly", month_by="day", **_nth(start)),
    "yearly": lambda start: _rule("yearly"),
}
#: days between two occurrences, roughly
STEPS = {"daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}


def _rule(kind, ui="", interval=1, **values):
    return {
        "recurrency": True,
        "rrule_type": kind,
        "rrule_type_ui": ui or kind,
        "interval": interval,
        "month_by": "date",
        "day": 1,
        **values,
    }


def _weekly(*days):
    return _rule("weekly", **{name: n in days for n, name in enumerate(WEEKDAYS)})


def _nth(start):
    return {
        "byday": str(get_weekday_occurence(start)),
        "weekday": WEEKDAYS[start.weekday()].upper(),
    }


def repeating(rule, end, count, start, tz="Europe/Berlin"):
    """What the form sends for a series.

    :param end: count, end_date or forever
    """
    values = {**RULES[rule](start), "end_type": end, "event_tz": tz}
    if end == "end_date":
        days = STEPS[values["rrule_type"]] * values["interval"] * count
        return {**values, "count": 1, "until": start + timedelta(days=days)}
    return {**values, "count": count if end == "count" else 1, "until": False}


# ------------------------------------------------------------------------ making


def make(events, name, start, stop, *, allday=False, guests=(), series=None):
    """A new meeting from the form.

    :param start, stop: datetimes, all-day: the first and the last day
    :param guests: partners beside the user
    :param series: what :func:`repeating` gives
    """
    user = events.env.user
    partners = user.partner_id.ids + [guest.id for guest in guests]
    return events.create(
        {
            "recurrence_update": "self_only",
            "active": True,
            "name": name,
            **_times(start, stop, allday),
            "location": False,
            "show_as": "busy",
            "privacy": False,
            "partner_ids": [Command.link(partner) for partner in partners],
            "user_id": user.id,
            "description": False,
            "alarm_ids": [],
            "categ_ids": [],
            "recurrence_id": False,
            **(series or {"recurrency": False}),
        }
    )


def _times(start, stop, allday):
    if not allday:
        hours = (stop - start).total_seconds() / 3600
        return {
            "allday": False,
            "start_date": False,
            "stop_date": False,
            "start": start,
            "stop": stop,
            "duration": hours,
        }
    first, last = start, stop
    start, stop = datetime.combine(first, time(8)), datetime.combine(last, time(18))
    return {
        "allday": True,
        "start_date": first,
        "stop_date": last,
        "start": start,
        "stop": stop,
        "duration": (stop - start).total_seconds() / 3600,
    }


def duplicate(event):
    return event.copy()


# ----------------------------------------------------------------------- changing


def edit(event, scope, **values):
    """Some fields in the form."""
    if event.recurrence_id:
        values["recurrence_update"] = scope
    event.write(values)


def reschedule(event, scope, shift, longer=timedelta()):
    """Another time, or day where it is all-day, in the form."""
    if event.allday:
        days = timedelta(days=shift.days or 1)
        first, last = event.start_date + days, event.stop_date + days
        last += timedelta(days=longer.days)
        edit(event, scope, **_but(_times(first, last, True), "allday"))
    else:
        start, stop = event.start + shift, event.stop + shift + longer
        values = _times(start, stop, False)
        edit(event, scope, **_but(values, "allday", "start_date", "stop_date"))


def drag(event, scope, shift):
    """The entry is moved in the calendar."""
    if event.allday:
        days = timedelta(days=shift.days or 1)
        first, last = event.start_date + days, event.stop_date + days
        times = {"start": str(first), "stop": str(last)}
        hours = (last - first).days * 24
    else:
        times = {"start": str(event.start + shift), "stop": str(event.stop + shift)}
        hours = event.duration
    values = {"allday": event.allday, "duration": hours, **times}
    # (the calendar asks wherever the entry is part of a series)
    if event.recurrency:
        values["recurrence_update"] = scope
    event.write(values)


def make_allday(event, scope):
    day = event.start.date()
    edit(event, scope, **_times(day, day, True))


def make_timed(event, scope, hour=9):
    start = datetime.combine(event.start_date or event.start.date(), time(hour))
    edit(event, scope, **_times(start, start + timedelta(hours=1), False))


def repeat(event, rule, end, count):
    """A single meeting becomes a series."""
    event.write(repeating(rule, end, count, event.start.date()))


def another_rule(event, scope, rule, end, count):
    edit(event, scope, **repeating(rule, end, count, event.start.date()))


def another_count(event, scope, count):
    edit(event, scope, end_type="count", count=count)


def stop_repeating(event, scope):
    edit(
        event,
        scope,
        recurrency=False,
        rrule_type=False,
        rrule_type_ui=False,
        interval=0,
        month_by=False,
        day=0,
        byday=False,
        weekday=False,
        end_type=False,
        count=0,
        event_tz=False,
    )


def invite(event, scope, partner):
    edit(event, scope, partner_ids=[Command.link(partner.id)])


def dismiss(event, scope, partner):
    edit(event, scope, partner_ids=[Command.unlink(partner.id)])


def answer(event, state):
    """The buttons of the user's own answer."""
    mine = event.attendee_ids.filtered(
        lambda a: a.partner_id == event.env.user.partner_id
    )
    {
        "accepted": mine.do_accept,
        "tentative": mine.do_tentative,
        "declined": mine.do_decline,
    }[state]()


# ----------------------------------------------------------------------- ending


def delete(event, scope):
    """The trash of the calendar, with its question about a series."""
    if not event.recurrence_id or scope == "self_only":
        event.unlink()
    else:
        event.action_mass_deletion(scope)


def archive(event, scope):
    """The list's and the form's way for others' entries and for series."""
    if event.recurrence_id:
        event.action_mass_archive(scope)
    else:
        event.action_archive()


def archive_rows(events):
    """ "Archive" in the list's menu, of some rows."""
    events.action_archive()


def delete_rows(events):
    events.unlink()


def unarchive(events):
    events.action_unarchive()


def _but(values, *names):
    return {name: value for name, value in values.items() if name not in names}
