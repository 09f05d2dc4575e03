"""The synchronisation with Cronofy: accepted is not written, and there are no series.

The service is the simulator of this repository, over HTTP.
"""

from datetime import datetime, timedelta, timezone
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import requests

from odoo.exceptions import UserError
from odoo.tests import Form, HttpCase, new_test_user, tagged
from odoo.tools import config

from ..calsync.vault import new_key
from .cronofy_case import (
    CronofyCase,
    CronofyMixin,
    needs_simulator,
    set_parameters,
)


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofySync(CronofyCase):
    def test_foreign_events_come_and_change_and_go(self):
        uid = self.enter(
            description="1 < 2\nand more", location="Room 5", private=False
        )
        self.sync()
        event = self.here("Lunch")
        self.assertEqual(event.location, "Room 5")
        self.assertIn("1 &lt; 2<br>and more", str(event.description))
        self.quiet()
        self.sim.change_event(uid, summary="Late lunch")
        self.sync()
        self.assertEqual(event.name, "Late lunch")
        self.sim.delete_event(uid)
        self.sync()
        self.assertFalse(event.active)
        self.quiet()

    def test_private_events_stay_away(self):
        self.enter("Secret", private=True)
        self.sync()
        self.assertFalse(self.here("Secret"))

    def test_a_meeting_travels_and_keeps_its_markup(self):
        html = "<p>Bring <b>paper</b></p><ul><li>one</li></ul>"
        event = self.meeting(name="Board", description=html)
        before = event.description
        self.sync()
        there = self.there()["Board"]
        self.assertEqual(there["description"], "Bring paper\n- one")
        self.assertNotIn("attendees", there)
        self.quiet()
        self.sim.change_event(there["event_id"], location="Room 7")
        self.sync()
        self.assertEqual((event.location, event.description), ("Room 7", before))
        event.name = "The board"
        self.sync()
        self.assertEqual(
            self.there()["The board"]["location"], {"description": "Room 7"}
        )
        self.quiet()
        self.sim.change_event(there["event_id"], description="Bring nothing")
        self.sync()
        self.assertIn("Bring nothing", str(event.description))
        event.unlink()
        self.sync()
        self.assertEqual(self.there(), {})

    def test_a_meeting_without_a_title_has_none_on_either_side(self):
        event = self.meeting(name="")
        self.sync()
        self.assertEqual(set(self.there()), {"(No title)"})
        self.quiet()
        self.sim.change_event(self.there()["(No title)"]["event_id"], location="Room 7")
        self.sync()
        self.assertEqual((event.location, event.name), ("Room 7", ""))

    def test_what_goes_beyond_one_batch_goes_out_as_well(self):
        for number in range(55):
            self.meeting(name=f"Meeting {number}")
        self.sync()
        self.assertEqual(len(self.there()), 55)
        self.quiet()

    def test_a_long_text_is_cut_there_and_whole_here(self):
        html = "<p>" + "word " * 1200 + "</p>"
        event = self.meeting(name="Long", description=html)
        before = event.description
        self.sync()
        self.assertLess(len(self.there()["Long"]["description"]), 4097)
        self.quiet()
        self.assertEqual(event.description, before)

    def test_a_write_that_gets_lost_is_made_again_and_stops_nobody(self):
        self.meeting(name="First")
        self.meeting(name="Second")
        self.sim.fail_writes(1)
        self.sync()
        self.sync()
        self.sync()
        self.assertEqual(set(self.there()), {"First", "Second"})
        self.quiet()

    def test_what_odoo_changed_while_cronofy_was_writing_is_not_lost(self):
        event = self.meeting(name="One")
        self.sync()
        self.sim.set_write_delay(60)
        event.name = "Two"
        self.sync()
        event.name = "Three"
        self.sim.advance_clock(70)
        self.sim.set_write_delay(0)
        self.sync()
        self.sync()
        self.assertEqual(event.name, "Three")
        self.assertEqual(set(self.there()), {"Three"})

    def test_a_foreign_event_cannot_be_changed_from_here(self):
        self.enter()
        self.sync()
        event = self.here("Lunch")
        event.name = "Mine"
        self.sync()
        self.assertEqual(event.name, "Lunch", "the provider's view is the truth")
        event.unlink()
        self.sync()
        self.assertEqual(set(self.there("Calendar")), {"Lunch"})
        self.quiet()

    def test_a_refused_event_stops_nobody(self):
        self.sim.set_fault("422", {"method": "POST", "path": "/calendars/.*/events$"})
        self.meeting(name="First")
        self.meeting(name="Second")
        self.sync()
        self.assertEqual(len(self.there()), 1)
        [failed] = self.env["calendar.sync.link"].search([("state", "=", "failed")])
        self.assertIn("refused on request", failed.error)

    def test_what_the_refusal_of_one_write_leads_to(self):
        """Whoever can do something about it is told; what passes is tried again."""
        for status, failed, state, told in (
            ("402", "administrator", "active", "could not be synchronised"),
            ("422", "refused on request", "active", "could not be synchronised"),
            ("403", "", "reconnect", "needs more permissions"),
            ("423", "", "reconnect", "connect again"),
            ("404", "", "active", ""),
            ("429", "", "active", ""),
            ("503", "", "active", ""),
        ):
            with self.subTest(status=status):
                path = {"method": "POST", "path": "/calendars/.*/events$"}
                self.sim.set_fault(status, path)
                event = self.meeting(name=f"For {status}")
                other = self.meeting(name=f"Beside {status}")
                self.cron()
                links = event.sync_link_ids, other.sync_link_ids
                self.assertEqual(links[1].state, "synced", "one write of two")
                self.assertEqual(links[0].state, "failed" if failed else "pending")
                self.assertIn(failed, links[0].error or "")
                self.assertEqual(self.account.state, state)
                self.assertIn(told, self.account.attention or "")
                self.account._clear_attention()
                self.env["calendar.sync.quota"].search([]).unlink()
                self.account.write(
                    {"state": "active", "failures": 0, "push_after": False}
                )
                links[0].action_retry()
                self.cron()
                self.assertEqual(links[0].state, "synced")
                self.assertIn(f"For {status}", self.there())

    def test_a_disconnected_profile_asks_to_connect_again(self):
        self.meeting(name="Waits")
        self.sim.disconnect_profile("ann")
        self.sync(fails=True)
        self.assertEqual(self.account.state, "reconnect")
        self.assertTrue(self.account.attention)

    def test_occurrences_come_one_by_one(self):
        start, end = self.local()
        self.sim.add_series("ann", "Calendar", "Jour", start, end, 7, 4)
        self.sync()
        self.assertEqual(len(self.here("Jour")), 4)
        self.quiet()

    def test_only_the_original_of_a_series(self):
        self.account.recurrence_policy = "original"
        start, end = self.local()
        uids = self.sim.add_series("ann", "Calendar", "Jour", start, end, 7, 4)
        self.sync()
        self.assertEqual(len(self.here("Jour")), 1)
        self.sim.change_event(uids[2], location="Elsewhere")
        self.sync()
        self.assertEqual(len(self.here("Jour")), 1)
        self.quiet()

    def test_who_wants_originals_later_loses_the_other_occurrences(self):
        start, end = self.local()
        self.sim.add_series("ann", "Calendar", "Jour", start, end, 7, 4)
        self.sync()
        self.account.recurrence_policy = "original"
        self.account.calendar_ids.sync_token = False
        self.sync()
        [event] = self.here("Jour").filtered("active")
        self.assertEqual(str(event.start)[:10], start[:10])
        self.assertEqual(len(self.sim.events("ann", "Calendar")), 4)
        self.quiet()

    def test_a_series_made_in_odoo_is_written_as_its_occurrences(self):
        event = self.meeting(name="Weekly", recurrency=True, **WEEKLY)
        self.sync()
        events = self.sim.events("ann", "Odoo")
        self.assertEqual(len(events), 4)
        self.assertEqual(len({e["event_id"] for e in events}), 4)
        self.quiet()
        event.recurrence_id.calendar_event_ids.unlink()
        self.sync()
        self.assertEqual(self.sim.events("ann", "Odoo"), [])


@tagged("post_install", "-at_install")
@needs_simulator
class TestCronofyConnect(CronofyMixin, HttpCase):
    """From the link in the preferences through both consent pages and back."""

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.dict(config.options, calendar_sync_key=new_key()))
        self.sim.reset()
        self.calendars = self.sim.add_person(
            "ann", service="icloud", calendars=["Home", "Work"]
        )["calendars"]
        set_parameters(self.env, self.sim)
        self.ann = new_test_user(
            self.env, "ann_cronofy", email="ann@odoo.example", password="ann_cronofy"
        )
        self.authenticate("ann_cronofy", "ann_cronofy")

    def connect(self, mode="", **how):
        """Go where the link leads; what was asked for, and the account."""
        query = f"?mode={mode}" if mode else ""
        answer = self.url_open(
            f"/calendar_sync/connect/cronofy{query}", allow_redirects=False
        )
        asked = answer.headers["Location"]
        back = urlsplit(self.sim.authorize(asked, "ann", **how))
        self.url_open(f"{back.path}?{back.query}", allow_redirects=False)
        account = self.env["calendar.sync.account"].search(
            [("user_id", "=", self.ann.id), ("provider", "=", "cronofy")]
        )
        return parse_qs(urlsplit(asked).query), account

    def busy(self, first=0, last=7):
        now = datetime.now(timezone.utc)
        return self.env["calendar.sync.account"]._busy(
            self.ann, now + timedelta(days=first), now + timedelta(days=last)
        )[self.ann.id]

    def test_availability_only_is_what_one_gets_and_asks_for_least(self):
        asked, account = self.connect()
        self.assertEqual(
            set(asked["scope"][0].split()),
            {"free_busy", "list_calendars", "read_account"},
        )
        self.assertEqual(asked["avoid_linking"], ["true"])
        self.assertEqual(
            (account.mode, account.email), ("availability", "ann@example.com")
        )
        self.assertEqual(set(account.calendar_ids.mapped("name")), {"Home", "Work"})

    def test_busy_times_are_asked_live_and_stale_ones_are_unknown(self):
        _asked, account = self.connect()
        account.with_user(self.ann).action_activate()
        account.calendar_ids.is_busy = True
        day = datetime.now(timezone.utc).date() + timedelta(days=2)
        self.sim.add_event("ann", "Work", "Secret", f"{day} 09:00", f"{day} 10:00")
        answer = self.busy()
        self.assertEqual(len(answer.intervals), 1)
        self.env.flush_all()
        self.assertFalse(self.env["calendar.event"].search([("name", "=", "Secret")]))
        self.sim.disconnect_profile("ann")
        answer = self.busy()
        self.assertIsNone(answer.intervals)
        self.assertTrue(answer.problem)

    def test_as_far_as_cronofy_knows_busy_times_are_known(self):
        _asked, account = self.connect()
        account.with_user(self.ann).action_activate()
        account.calendar_ids.is_busy = True
        day = datetime.now(timezone.utc).date() + timedelta(days=2)
        self.sim.add_event("ann", "Work", "Secret", f"{day} 09:00", f"{day} 10:00")
        answer = self.busy(0, 300)
        self.assertEqual(len(answer.intervals), 1)
        now = datetime.now(timezone.utc)
        self.assertLess(answer.until, now + timedelta(days=201))
        self.assertGreater(answer.until, now + timedelta(days=198))
        self.assertIn("201 days", answer.problem)
        answer = self.busy(210, 220)
        self.assertIsNone(answer.intervals)
        self.assertIn("201 days", answer.problem)
        answer = self.busy(0, 190)
        self.assertEqual((answer.until, answer.problem), (None, ""))

    def test_two_way_asks_for_what_it_needs(self):
        asked, account = self.connect("two_way")
        self.assertIn("read_events", asked["scope"][0].split())
        self.assertEqual(account.mode, "two_way")

    def test_who_denies_is_not_connected(self):
        _asked, account = self.connect(deny=True)
        self.assertFalse(account)

    def test_revoking_ends_it_at_cronofy_and_erases_where_that_is_wanted(self):
        for erase in (False, True):
            _asked, account = self.connect()
            account = account.with_user(self.ann)
            wizard = self.env["calendar.sync.account.revoke"].with_user(self.ann)
            form = Form(wizard.with_context(default_account_id=account.id))
            self.assertFalse(form.erase, "nobody erases by accident")
            form.erase = erase
            form.save().action_confirm()
            self.assertEqual(account.state, "revoked")
            grants = self.sim.dump()["authorizations"]
            self.assertTrue(all(grant["revoked"] for grant in grants))
            self.assertEqual([grant["erased"] for grant in grants][-1], erase)
            told = "asked to delete" in account.sudo().closed_note
            self.assertEqual(told, erase)

    def test_changes_are_allowed_on_cronofys_page_and_asked_for_on_the_way_back(self):
        _asked, account = self.connect("two_way")
        own = account.with_user(self.ann)
        own.action_activate()
        self.assertTrue(own.restricted)
        for decision, restricted in (("deny", True), ("allow", False)):
            action = own.action_allow_changes()
            self.assertTrue(action["url"].startswith(self.sim.url))
            answer = requests.post(
                action["url"], data={"do": decision}, allow_redirects=False, timeout=5
            )
            back = urlsplit(answer.headers["Location"])
            self.assertEqual(back.path, "/calendar_sync/permissions/cronofy")
            answer = self.url_open(back.path, allow_redirects=False)
            self.env.invalidate_all()
            self.assertEqual(own.restricted, restricted)
            home = f"/odoo/calendar-connections/{account.id}"
            self.assertEqual(answer.headers["Location"].endswith(home), not restricted)

    def test_a_refresh_token_that_is_replaced_with_each_use_is_kept(self):
        _asked, account = self.connect("two_way")
        account.with_user(self.ann).action_activate()
        self.sim.set_tokens(rotating=True)
        for _time in range(3):
            self.sim.expire_tokens()
            account.with_user(self.ann).action_refresh_calendars()
        self.assertEqual(account.state, "active")

    def test_a_wrong_secret_ends_no_connection(self):
        """Cronofy answers 400 to it, as to a permission that is gone."""
        _asked, account = self.connect("two_way")
        account.with_user(self.ann).action_activate()
        self.sim.expire_tokens()
        self.env["ir.config_parameter"].sudo().set_param(
            "calendar_cronofy_sync.cronofy_client_secret", "wrong"
        )
        with self.assertRaisesRegex(UserError, "administrator"):
            account.with_user(self.ann).action_refresh_calendars()
        self.assertEqual(account.state, "active")
        self.assertTrue(account.sudo().grant)


WEEKLY = {
    "rrule_type": "weekly",
    "interval": 1,
    "end_type": "count",
    "count": 4,
    "mon": True,
    "tue": True,
    "wed": True,
    "thu": True,
    "fri": True,
    "sat": True,
    "sun": True,
}
