"""The applicant's page: choose a slot, see the booking, move it, cancel it.

No login: the token in the address is the key. The page works without JavaScript, loads
nothing from other hosts, sets no cookie, and shows of the interviewers nothing but
their names.
"""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytz
from werkzeug.exceptions import NotFound, TooManyRequests

from odoo import fields, http
from odoo.exceptions import UserError
from odoo.http import request
from odoo.modules.module import get_manifest
from odoo.tools import format_date, format_time, groupby
from odoo.tools.image import image_data_uri

from ..models.hr_interview_booking import CalendarUnreachable
from ..models.hr_interview_claim import SlotTaken
from ..models.hr_interview_people import aware
from .limit import Limit
from .methods import route

#: wrong tokens per address and minute
WRONG = Limit(60, 60)
#: requests per token and minute
RIGHT = Limit(240, 60)
#: those of them in which the calendars are asked
ASKED = Limit(30, 60)
#: days shown at once
DAYS = 14
#: characters of a message
MESSAGE = 2000
#: faces of the page of an offer that has ended (410 Gone, RFC 9110, 15.5.11)
ENDED = frozenset({"expired", "withdrawn"})
SLOT_ID = re.compile(r"[0-9]{1,9}")
#: makes browsers fetch style and script anew after an update
STAMP = get_manifest("calendar_cronofy_sync")["version"]
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address holds the token
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; "
    "script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
}


def day_of(moment, zone):
    """The day on which a moment (naive UTC) falls in a zone."""
    return aware(moment).astimezone(pytz.timezone(zone)).date()


def plain(value):
    """What was sent as text that a database can hold; a file is none."""
    return value.replace("\x00", "") if isinstance(value, str) else ""


def page(path, **options):
    """A route of this page.

    csrf=False: there is no session to ride on, the secret token is in the address.
    """
    return route(
        f"/interview/<string:token>{path}",
        type="http",
        auth="public",
        csrf=False,
        save_session=False,
        website=False,
        sitemap=False,
        **options,
    )


class InterviewPage(http.Controller):
    @page("", methods=["GET"])
    def show(self, token, **params):
        """The slots to choose from, or what became of the interview."""
        return self._page(self._find(token, params), params)

    @page("/book", methods=["POST"])
    def book(self, token, slot_id=None, **params):
        """Take a slot; when somebody was faster, show what is still free."""
        interview = self._find(token, params)
        if interview.state == "booked":  # in another tab
            error = request.env._(
                "This interview is booked already, for the time below."
            )
            return self._page(interview, params, error=error, status=409)
        if self._view(interview) != "choose":
            return self._page(interview, params, status=409)
        if not interview._may("book"):
            return self._too_often(interview, params)
        return self._take(interview, slot_id, params)

    @page("/move", methods=["GET", "POST"])
    def move(self, token, slot_id=None, **params):
        """Choose another slot for a booked interview."""
        interview = self._find(token, params)
        if not interview._changeable():
            return self._page(interview, params, status=409)
        if request.httprequest.method == "POST":
            if not interview._may("move"):
                return self._too_often(interview, params)
            return self._take(interview, slot_id, params, moving=True)
        return self._page(interview, params, moving=True)

    @page("/cancel", methods=["POST"])
    def cancel(self, token, message="", **params):
        """Cancel a booked interview, with a word to the recruiter."""
        interview = self._find(token, params)
        if not interview._changeable():
            return self._page(interview, params, status=409)
        interview._applicant_cancels(plain(message).strip()[:MESSAGE])
        return self._back(interview, params)

    @page("/none", methods=["POST"])
    def none_suits(self, token, message="", **params):
        """None of the slots suits: a word to the recruiter."""
        interview = self._find(token, params)
        if self._view(interview) != "choose":
            return self._page(interview, params, status=409)
        if not interview._may("none"):
            return self._too_often(interview, params)
        interview._none_suits(plain(message).strip()[:MESSAGE])
        return self._back(interview, params, thanks=1)

    @page("/calendar.ics", methods=["GET"])
    def ics(self, token, **params):
        """The booked interview for the applicant's calendar."""
        interview = self._find(token, params)
        if interview.state not in ("booked", "done"):
            raise request.not_found()
        headers = {
            **HEADERS,
            "Content-Type": "text/calendar; charset=utf-8",
            "Content-Disposition": 'attachment; filename="interview.ics"',
        }
        return request.make_response(interview._ics(), headers=list(headers.items()))

    @page("/<path:rest>", methods=["GET", "POST"])
    def nothing(self, token, rest, **params):
        """An address below a link that is none."""
        self._knock_wrong()
        return self._unknown(params)

    # ------------------------------------------------------------------ who asks

    def _find(self, token, params):
        """The interview behind the token, in the reader's language; 404 for none."""
        params.update({name: plain(value) for name, value in params.items()})
        interview = request.env["hr.interview"]._from_token(token)
        if interview and not RIGHT.knock(token):
            raise TooManyRequests(retry_after=60)
        if not interview:
            self._knock_wrong()
            raise NotFound(response=self._unknown(params))
        lang = self._lang(params.get("lang")) or self._lang(interview.lang)
        if lang:
            request.update_context(lang=lang)
            interview = interview.with_context(lang=lang)
        return interview

    def _knock_wrong(self):
        """By address: whoever guesses does not lock out those who hold a link."""
        if not WRONG.knock(request.httprequest.remote_addr or ""):
            raise TooManyRequests(retry_after=60)

    def _unknown(self, params):
        """What a wrong token is told: an applicant may hold half a link."""
        accepted = request.httprequest.accept_languages.best
        lang = self._lang(params.get("lang")) or self._lang(accepted)
        if lang:
            request.update_context(lang=lang)
        lang = request.env.context.get("lang") or "en_US"
        response = request.render(
            "calendar_cronofy_sync.interview_page_unknown",
            {"stamp": STAMP, "html_lang": lang.replace("_", "-")},
        )
        response.flatten()
        response.status_code = 404
        response.headers.update(HEADERS)
        return response

    def _lang(self, wanted):
        """An installed language for ``de``, ``de_DE`` or ``de-AT``, or None."""
        if not wanted:
            return None
        codes = [code for code, _name in request.env["res.lang"].get_installed()]
        wanted = str(wanted)[:10].replace("-", "_")
        short = wanted.partition("_")[0].lower()
        return next(
            (code for code in codes if code == wanted),
            next((code for code in codes if code.partition("_")[0] == short), None),
        )

    def _zone(self, interview, params):
        """The zone the reader chose, else the interview's."""
        zone = params.get("tz")
        return zone if zone in pytz.all_timezones_set else interview.tz

    # ------------------------------------------------------------------ what is done

    def _take(self, interview, slot_id, params, moving=False):
        if not interview._alone("book"):  # sent twice
            error = request.env._(
                "Your choice is just being confirmed. Please load this page again in "
                "a few seconds."
            )
            return self._page(interview, params, moving, error=error, status=409)
        text = plain(slot_id)
        slot = request.env["hr.interview.slot"].sudo()
        if SLOT_ID.fullmatch(text):
            slot = slot.browse(int(text)).exists()
        if not slot or slot.interview_id != interview:
            error = (
                request.env._("This time is no longer free. Please choose another one.")
                if text
                else request.env._("Please choose one of the times first.")
            )
            status = 409 if text else 400
            return self._page(interview, params, moving, error=error, status=status)
        try:
            with request.env.cr.savepoint():
                interview._applicant_books(slot)
                interview._did("move" if moving else "book")
        except CalendarUnreachable:
            error = request.env._(
                "We cannot confirm this time right now, because a calendar does not "
                "answer. Please try again in a few minutes."
            )
            return self._page(interview, params, moving, error=error, status=503)
        except SlotTaken:
            interview._slot_lost(slot)
            error = request.env._(
                "Somebody was faster: this time has just been taken. Please choose "
                "another one."
            )
            return self._page(interview, params, moving, error=error, status=409)
        except UserError as err:
            return self._page(interview, params, error=str(err), status=409)
        return self._back(interview, params)

    def _too_often(self, interview, params):
        error = request.env._(
            "That was often enough for now: nothing was changed. Please try again "
            "later, or write to us."
        )
        return self._page(interview, params, error=error, status=429)

    def _back(self, interview, params, **more):
        """Back to the page by GET, in the same zone and language."""
        kept = {key: params[key] for key in ("tz", "lang") if params.get(key)} | more
        query = f"?{urlencode(kept)}" if kept else ""
        response = request.redirect(
            f"/interview/{interview.access_token}{query}", code=303
        )
        response.headers.update(HEADERS)
        return response

    # ------------------------------------------------------------------ what is shown

    def _page(self, interview, params, moving=False, error="", status=200):
        zone = self._zone(interview, params)
        view = self._view(interview, moving)
        start = self._first_day(params)
        slots, looking = self._slots(interview, moving) if view == "choose" else ([], 0)
        days, later = self._days(slots, zone, start)
        zone_chosen = params.get("tz") == zone
        kept = {key: params[key] for key in ("lang",) if params.get(key)}
        query = kept | ({"tz": zone} if zone_chosen else {})
        lang = request.env.context.get("lang") or "en_US"
        path = f"/interview/{interview.access_token}"
        company = interview.company_id.sudo() or request.env.company.sudo()
        values = {
            "interview": interview,
            "company": company,
            "stamp": STAMP,
            "logo": company.logo_web and image_data_uri(company.logo_web),
            "path": path,
            "here": f"{path}/move" if moving and view == "choose" else path,
            "view": view,
            "moving": moving,
            "error": error,
            "thanks": bool(params.get("thanks")),
            "days": days,
            "looking": looking,
            "minutes": self._minutes(interview, slots),
            "later": later and {**kept, "tz": zone, "day": later},
            "zone": zone,
            "zones": pytz.common_timezones,
            "zone_chosen": zone_chosen,
            "query": f"?{urlencode(query)}" if query else "",
            "own_zone": interview.tz,
            "zone_label": lambda name: self._zone_label(name, interview, slots),
            "lang": lang,
            "html_lang": lang.replace("_", "-"),
            "languages": self._languages(params, zone),
            "param_lang": params.get("lang") or "",
            "when": self._when(interview, zone),
            "when_there": self._when(interview, interview.tz),
            "changeable": interview._changeable(),
            "names": interview._interviewers().sudo().mapped("name")
            if interview.show_names
            else [],
            "video_url": interview._events().sudo()[:1].videocall_location,
            "links": self._links(interview),
            "message": MESSAGE,
            "urlencode": urlencode,
        }
        response = request.render("calendar_cronofy_sync.interview_page", values)
        response.status_code = 410 if view in ENDED else status
        response.headers.update(HEADERS)
        return response

    def _view(self, interview, moving=False):
        """Which of the page's faces."""
        if moving and interview._changeable():
            return "choose"
        if interview.state == "offered":
            return "expired" if interview._expired() else "choose"
        if interview.state == "draft":
            return "withdrawn"
        return interview.state

    def _slots(self, interview, moving):
        """The slots to choose from, and whether they are being looked for elsewhere.

        Each look keeps a worker waiting for the calendars: of those who look too often
        or at the same time only one gets to ask, and the others see what is offered. A
        slot is asked for again anyway when it is confirmed.
        """
        if ASKED.knock(interview.access_token) and interview._alone("look"):
            return interview._slots_for_page(moving), False
        slots = interview._choosable()
        return slots, not slots

    def _minutes(self, interview, slots):
        """How long it takes: the slots, else the meeting; 0 where there is no one
        answer."""
        if interview.child_ids:
            return 0
        spans = slots or interview.filtered("start")
        lengths = {span.stop - span.start for span in spans}
        return len(lengths) == 1 and lengths.pop() // timedelta(minutes=1)

    def _first_day(self, params):
        try:
            return fields.Date.to_date(params.get("day"))
        except ValueError:
            return None

    def _days(self, slots, zone, start):
        """The slots by day in the reader's zone, and the day on which to go on."""
        env = request.env
        days = []
        for day, members in groupby(slots, lambda slot: day_of(slot.start, zone)):
            if start and day < start:
                continue
            if len(days) == DAYS:
                return days, fields.Date.to_string(day)
            days.append(
                {
                    "id": fields.Date.to_string(day),
                    "name": format_date(env, day, date_format="full"),
                    "slots": [self._slot(slot, zone) for slot in members],
                }
            )
        return days, None

    def _slot(self, slot, zone):
        env = request.env
        interview = slot.interview_id

        def clock(moment, tz):
            return format_time(env, moment, tz=tz, time_format="short")

        there = ""
        if zone != interview.tz:
            there = clock(slot.start, interview.tz)
            if day_of(slot.start, zone) != day_of(slot.start, interview.tz):
                day = day_of(slot.start, interview.tz)
                there = f"{format_date(env, day, date_format='EEEE')} {there}"
        return {
            "id": slot.id,
            "start": clock(slot.start, zone),
            "stop": clock(slot.stop, zone),
            "there": there,
            "parts": [
                f"{clock(part.start, zone)} – {clock(part.stop, zone)}"
                for part in slot.part_ids.sorted("start")
            ],
        }

    def _when(self, interview, zone):
        if not interview.start:
            return ""
        env = request.env
        return "{}, {} – {}".format(
            format_date(env, day_of(interview.start, zone), date_format="full"),
            format_time(env, interview.start, tz=zone, time_format="short"),
            format_time(env, interview.stop, tz=zone, time_format="short"),
        )

    def _zone_label(self, name, interview, slots):
        """``Europe/Berlin (UTC+01:00)``, with the offset of the day in question."""
        moment = slots[0].start if slots else interview.start or fields.Datetime.now()
        offset = aware(moment).astimezone(pytz.timezone(name)).strftime("%z")
        return f"{name.replace('_', ' ')} (UTC{offset[:3]}:{offset[3:]})"

    def _languages(self, params, zone):
        """The languages of this database, each with its address."""
        chosen = {"tz": zone} if params.get("tz") else {}
        installed = request.env["res.lang"].sudo().search([])
        return [
            {
                "code": lang.code,
                "html": lang.code.replace("_", "-"),
                "name": lang.name.partition("/")[2].strip() or lang.name,
                "query": urlencode({**chosen, "lang": lang.code}),
            }
            for lang in installed
        ]

    def _links(self, interview):
        """Addresses that enter the booking into web calendars, in UTC."""
        if interview.state != "booked" or not interview.start:
            return []
        title = interview._public_title()
        details = interview._public_description()
        place = interview.location or ""
        stamp = "%Y%m%dT%H%M%SZ"
        start, stop = interview.start, interview.stop
        google = {
            "action": "TEMPLATE",
            "text": title,
            "dates": f"{start.strftime(stamp)}/{stop.strftime(stamp)}",
            "details": details,
            "location": place,
        }
        outlook = {
            "path": "/calendar/action/compose",
            "rru": "addevent",
            "subject": title,
            "startdt": f"{start.isoformat()}Z",
            "enddt": f"{stop.isoformat()}Z",
            "body": details,
            "location": place,
        }
        label = request.env._("Google Calendar")
        return [
            (
                label,
                f"https://calendar.google.com/calendar/render?{urlencode(google)}",
            ),
            (
                "Outlook",
                "https://outlook.office.com/calendar/0/deeplink/compose?"
                + urlencode(outlook),
            ),
        ]
