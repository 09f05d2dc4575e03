"""Shared meetings: one event for copies that name each other, nothing for forgers."""

from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..calsync.values import RemoteEvent
from .sync_case import SyncCase

ANN, BOB = "ann@example.com", "bob@example.com"


class SharedCase(SyncCase):
    def setUp(self):
        super().setUp()
        self.at_ann, self.at_bob = self.connect(self.ann), self.connect(self.bob)

    def sync(self, **how):
        """Until all is written: what one run marks for the other user may be written by
        a run that is going on beside it, or only by the next."""
        result = super().sync(**how)
        for _again in range(3):
            if not self.env["calendar.sync.link"].search_count(
                [("state", "=", "pending")]
            ):
                break
            super().sync(**how)
        return result

    def copy_of(
        self, owner, *, organizer=ANN, guests=(ANN, BOB), uid="uid@x", **values
    ):
        """One person's copy of a meeting, as their calendar shows it."""
        answers = values.pop("answers", {})
        return self.put(
            owner,
            remote_id=values.pop("remote_id", f"copyof{owner[:3]}"),
            ical_uid=uid,
            organizer=self.person(organizer, is_self=organizer == owner),
            attendees=tuple(
                self.person(
                    guest,
                    is_self=guest == owner,
                    response=answers.get(guest, "accepted"),
                )
                for guest in guests
            ),
            writable=values.pop("writable", organizer == owner),
            **values,
        )

    def sync_of(self, account):
        """Only this account synchronises."""
        others = (self.at_ann | self.at_bob) - account
        others.state = "paused"
        self.sync()
        others.state = "active"

    def lunches(self):
        return self.env["calendar.event"].search(
            [("user_id", "in", (self.ann | self.bob).ids)]
        )

    def shared(self):
        """A meeting of Ann with Bob, in both calendars and in Odoo."""
        mine, theirs = self.copy_of(ANN), self.copy_of(BOB)
        self.sync()
        event = self.event_of(mine, ANN)
        self.assertEqual(self.event_of(theirs, BOB), event)
        return event, mine, theirs


@tagged("post_install", "-at_install")
class TestSyncShared(SharedCase):
    def test_two_copies_that_name_each_other_are_one_event(self):
        for first, second in ((ANN, BOB), (BOB, ANN)):
            with self.subTest(first=first):
                uid = f"{first}-first"
                accounts = {ANN: self.at_ann, BOB: self.at_bob}
                answers = {BOB: "tentative"}
                one = self.copy_of(
                    first, uid=uid, remote_id=uid[:3] + "1", answers=answers
                )
                self.sync_of(accounts[first])
                two = self.copy_of(
                    second, uid=uid, remote_id=uid[:3] + "2", answers=answers
                )
                self.sync_of(accounts[second])
                event = self.event_of(one, first)
                self.assertTrue(event.active)
                self.assertEqual(self.event_of(two, second), event)
                self.assertEqual(event.user_id, self.ann)
                self.assertEqual(
                    event.partner_ids, self.ann.partner_id | self.bob.partner_id
                )
                answers_here = {a.partner_id: a.state for a in event.attendee_ids}
                self.assertEqual(answers_here[self.bob.partner_id], "tentative")
        self.assertQuiet()

    def test_both_copies_in_one_run_are_one_event(self):
        self.shared()
        self.assertEqual(len(self.lunches()), 1)
        self.assertFalse(self.remote(f"odoo-{ANN}") + self.remote(f"odoo-{BOB}"))
        self.assertQuiet()

    def test_the_organiser_moves_it_for_everybody(self):
        event, mine, theirs = self.shared()
        for owner, copy in ((ANN, mine), (BOB, theirs)):
            self.server.edit(owner, copy.remote_id, when=self.at(3))
        self.sync()
        self.assertEqual(event.start, self.at(3).start.replace(tzinfo=None))
        self.assertQuiet()

    def test_an_edit_in_odoo_travels_with_the_copy_that_may_carry_it(self):
        event, mine, theirs = self.shared()
        event.with_user(self.bob).write({"name": "Late lunch"})
        self.sync()
        self.assertEqual(event.name, "Late lunch")
        self.assertEqual(
            self.server.events(ANN)[mine.remote_id].fields.name, event.name
        )
        # the provider carries it on to the guests' copies
        self.server.edit(BOB, theirs.remote_id, name="Late lunch")
        self.sync()
        self.assertEqual(event.name, "Late lunch")
        self.assertQuiet()

    def test_an_edit_waits_for_an_organiser_whose_connection_is_lost(self):
        event, mine, _theirs = self.shared()
        self.at_ann.state = "reconnect"
        event.with_user(self.ann).write({"name": "Late lunch"})
        self.sync()
        self.assertEqual(event.name, "Late lunch", "a guest's copy does not undo it")
        self.at_ann.state = "active"
        self.sync()
        self.assertEqual(
            self.server.events(ANN)[mine.remote_id].fields.name, event.name
        )

    def test_a_guest_who_deletes_their_copy_declines(self):
        event, mine, theirs = self.shared()
        self.server.remove(BOB, theirs.remote_id)
        self.sync()
        self.assertTrue(event.active)
        answers = {a.partner_id: a.state for a in event.attendee_ids}
        self.assertEqual(answers[self.bob.partner_id], "declined")
        self.assertEqual(answers[self.ann.partner_id], "accepted")
        self.assertIn(mine.remote_id, self.server.events(ANN))
        self.assertFalse(self.remote(f"odoo-{BOB}"), "and gets no other one")
        self.assertQuiet()

    def test_the_organiser_who_deletes_it_removes_it_for_all(self):
        event, mine, theirs = self.shared()
        self.server.remove(ANN, mine.remote_id)
        self.sync()
        self.assertFalse(event.active)
        self.assertNotIn(theirs.remote_id, self.server.events(BOB))
        self.assertQuiet()

    def test_a_meeting_of_odoo_has_one_copy_per_connected_participant(self):
        event = self.meeting(partner_ids=(self.ann | self.bob).partner_id.ids)
        self.sync()
        for owner in (ANN, BOB):
            [copy] = self.remote(f"odoo-{owner}")
            self.assertEqual(copy.fields.name, "Meeting")
            self.assertFalse(copy.attendees)
        self.assertEqual(len(event.sync_link_ids), 2)
        self.assertQuiet()

    def test_a_guest_who_deletes_the_copy_of_an_odoo_meeting_declines(self):
        event = self.meeting(partner_ids=(self.ann | self.bob).partner_id.ids)
        self.sync()
        [copy] = self.remote(f"odoo-{BOB}")
        self.server.remove(f"odoo-{BOB}", copy.remote_id)
        self.sync()
        self.assertTrue(event.active, "only the organiser cancels a meeting")
        answers = {a.partner_id: a.state for a in event.attendee_ids}
        self.assertEqual(answers[self.bob.partner_id], "declined")
        self.assertEqual(len(self.remote(f"odoo-{ANN}")), 1)
        self.assertQuiet()

    def test_the_organiser_of_an_odoo_meeting_who_deletes_the_copy_cancels_it(self):
        event = self.meeting(partner_ids=(self.ann | self.bob).partner_id.ids)
        self.sync()
        [copy] = self.remote(f"odoo-{ANN}")
        self.server.remove(f"odoo-{ANN}", copy.remote_id)
        self.sync()
        self.assertFalse(event.active)
        self.assertFalse(self.remote(f"odoo-{BOB}"))
        self.assertQuiet()

    def test_participants_who_come_and_go_in_odoo(self):
        event = self.meeting(partner_ids=self.ann.partner_id.ids)
        self.sync()
        self.assertFalse(self.remote(f"odoo-{BOB}"))
        event.with_user(self.ann).with_context(no_mail_to_attendees=True).write(
            {"partner_ids": [(4, self.bob.partner_id.id)]}
        )
        self.sync()
        self.assertEqual(len(self.remote(f"odoo-{BOB}")), 1)
        event.with_user(self.ann).with_context(no_mail_to_attendees=True).write(
            {"partner_ids": [(3, self.bob.partner_id.id)]}
        )
        self.sync()
        self.assertFalse(self.remote(f"odoo-{BOB}"))
        self.assertEqual(len(self.remote(f"odoo-{ANN}")), 1)
        self.assertTrue(event.active)
        self.assertQuiet()

    def test_who_declines_in_odoo_loses_the_copy_and_who_accepts_gets_it_back(self):
        event = self.meeting(partner_ids=(self.ann | self.bob).partner_id.ids)
        self.sync()
        answer = event.attendee_ids.filtered(
            lambda a: a.partner_id == self.bob.partner_id
        )
        for state, copies in (("declined", 0), ("accepted", 1), ("declined", 0)):
            answer.with_user(self.bob).write({"state": state})
            self.sync()
            self.assertEqual(len(self.remote(f"odoo-{BOB}")), copies, state)
            self.assertEqual(len(self.remote(f"odoo-{ANN}")), 1)
            self.assertTrue(event.active)
        self.assertQuiet()

    def test_an_imported_meeting_reaches_a_participant_who_connects_later(self):
        self.at_bob.state = "paused"
        mine = self.copy_of(ANN, guests=(ANN,))
        self.sync()
        event = self.event_of(mine, ANN)
        event.with_context(no_mail_to_attendees=True).write(
            {"partner_ids": [(4, self.bob.partner_id.id)]}
        )
        self.at_bob.state = "active"
        self.sync()
        [copy] = self.remote(f"odoo-{BOB}")
        self.assertEqual(copy.fields.name, event.name)
        self.assertEqual(len(self.remote(ANN)), 1)
        self.assertQuiet()

    def test_a_guest_does_not_change_what_is_read_only_at_home(self):
        """A participant added in Odoo has a copy, which does not reach the source."""
        self.server.share(ANN, ANN, "reader")
        mine = self.copy_of(ANN, guests=())
        self.sync()
        event = self.event_of(mine, ANN)
        event.with_context(no_mail_to_attendees=True).write(
            {"partner_ids": [(4, self.bob.partner_id.id)]}
        )
        self.sync()
        [copy] = self.remote(f"odoo-{BOB}")
        self.server.edit(f"odoo-{BOB}", copy.remote_id, name="Theirs")
        self.sync()
        self.assertEqual(event.name, "Lunch")
        self.assertEqual(self.remote(f"odoo-{BOB}")[0].fields.name, "Lunch")
        lost = self.env["calendar.sync.run.line"].search([("event_id", "=", event.id)])
        self.assertIn({"name": "Theirs"}, lost.mapped("lost"))
        self.assertQuiet()

    def test_a_copied_event_has_copies_of_its_own(self):
        mine = self.copy_of(ANN, guests=())
        self.sync()
        event = self.event_of(mine, ANN)
        twin = event.with_user(self.ann).with_context(no_mail_to_attendees=True).copy()
        self.assertFalse(twin.sudo().sync_link_ids & event.sync_link_ids)
        self.sync()
        self.assertEqual(len(self.remote(ANN)), 1)
        self.assertEqual(len(self.remote(f"odoo-{ANN}")), 1)
        self.assertQuiet()

    def test_an_imported_event_is_not_copied_to_another_connection_of_its_user(self):
        mine = self.copy_of(ANN, guests=())
        self.sync()
        self.ann.email = "ann@other.example.com"
        other = self.connect(self.ann, provider="cronofy")
        self.sync()
        self.assertFalse(self.remote("odoo-ann@other.example.com"))
        self.assertEqual(self.event_of(mine, ANN).sync_link_ids.account_id, self.at_ann)
        self.assertFalse(other.link_ids)


@tagged("post_install", "-at_install")
class TestSyncForgery(SharedCase):
    """Bob writes what he likes into his own calendar, and gains nothing."""

    def secret(self, **values):
        self.at_ann.sync_private = True
        values.setdefault("guests", ())
        copy = self.copy_of(
            ANN,
            uid="secret@x",
            name="Dentist",
            description="root canal",
            privacy="private",
            remote_id="secret01",
            **values,
        )
        return copy

    def forge(self, **values):
        values = {
            "uid": "secret@x",
            "remote_id": "forged01",
            "writable": True,
            **values,
        }
        return self.copy_of(BOB, **values)

    def assertUntouched(self, copy):
        event = self.event_of(copy, ANN)
        self.assertTrue(event.active)
        self.assertEqual(event.name, "Dentist")
        self.assertIn("root canal", event.description)
        self.assertEqual(event.user_id, self.ann)
        self.assertNotIn(self.bob.partner_id, event.partner_ids)
        self.assertNotEqual(event.with_user(self.bob).display_name, "Dentist")
        there = self.server.events(ANN)[copy.remote_id]
        self.assertEqual(there.fields.name, "Dentist")
        # the forgery is an event of Bob's own, without anything of the secret
        forged = self.event_of(RemoteEvent(remote_id="forged01"), BOB)
        self.assertNotEqual(forged, event)
        self.assertNotIn(self.ann, forged.sync_link_ids.user_id)

    def test_a_forged_icaluid_gains_nothing_whichever_comes_first(self):
        for first in ("the secret", "the forgery"):
            for organizer in (ANN, BOB):
                with self.subTest(first=first, organizer=organizer):
                    self.env["calendar.sync.link"].search([]).event_id.unlink()
                    self.env["calendar.sync.link"].search([]).unlink()
                    steps = [self.secret, lambda o=organizer: self.forge(organizer=o)]
                    if first == "the forgery":
                        steps.reverse()
                    for step in steps:
                        step()
                        self.sync()
                    secret = self.server.events(ANN)["secret01"]
                    self.assertUntouched(secret)
                    self.server.edit(BOB, "forged01", name="Mine", description="mine")
                    self.sync()
                    self.assertUntouched(secret)
                    self.server.remove(BOB, "forged01")
                    self.sync()
                    self.assertTrue(self.event_of(secret, ANN).active)
                    self.assertIn("secret01", self.server.events(ANN))

    def test_naming_must_be_mutual(self):
        # Ann's copy names a third person, Bob's copy names Ann
        secret = self.secret(guests=(ANN, "carl@example.com"))
        self.sync()
        self.forge()
        self.sync()
        self.assertUntouched(secret)

    def test_a_copy_that_names_nobody_matches_nobody(self):
        secret = self.secret(guests=(ANN, BOB))
        self.sync()
        self.forge(organizer=BOB, guests=())
        self.sync()
        self.assertUntouched(secret)

    def test_our_own_mark_and_an_event_id_prove_nothing(self):
        secret = self.secret()
        meeting = self.meeting(name="Board")
        self.sync()
        [exported] = self.remote(f"odoo-{ANN}")
        for remote_id in (secret.remote_id, exported.remote_id, "forged01"):
            self.forge(remote_id=remote_id, mark=exported.mark, uid=exported.ical_uid)
        self.sync()
        self.assertUntouched(secret)
        self.assertEqual(meeting.sync_link_ids.user_id, self.ann)
        for remote_id in (secret.remote_id, exported.remote_id, "forged01"):
            self.server.edit(BOB, remote_id, name="Mine")
        self.sync()
        self.assertUntouched(secret)
        self.assertEqual(meeting.name, "Board")
        for remote_id in (secret.remote_id, exported.remote_id):
            self.server.remove(BOB, remote_id)
        self.sync()
        self.assertUntouched(secret)
        self.assertTrue(meeting.active)

    def test_a_former_guest_changes_nothing_any_more(self):
        event, mine, theirs = self.shared()
        event.with_context(no_mail_to_attendees=True).write(
            {"partner_ids": [(3, self.bob.partner_id.id)]}
        )
        self.sync()
        self.server.edit(BOB, theirs.remote_id, name="Mine", writable=True)
        self.sync()
        self.assertEqual(event.name, "Lunch")
        self.assertEqual(self.server.events(ANN)[mine.remote_id].fields.name, "Lunch")
        self.server.remove(BOB, theirs.remote_id)
        self.sync()
        self.assertTrue(event.active)
        self.assertIn(mine.remote_id, self.server.events(ANN))

    def test_an_address_may_not_be_claimed_by_writing_it(self):
        """The address of a connection comes from the provider, not from its user."""
        with self.assertRaises(AccessError):
            self.at_bob.with_user(self.bob).write({"email": ANN})
