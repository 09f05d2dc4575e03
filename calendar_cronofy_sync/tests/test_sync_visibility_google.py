"""Visibility "default" at Google, where the source follows the user's Odoo default."""

from odoo.tests import new_test_user, tagged

from ..calsync.values import Fields, RemoteEvent
from .google_case import GoogleCase, needs_simulator

ANN = "ann@example.com"
BOSS = "boss@customer.example"


@needs_simulator
@tagged("post_install", "-at_install")
class TestSyncVisibilityGoogle(GoogleCase):
    def setUp(self):
        super().setUp()
        self.account = self.connect(self.ann, sync_private=True)
        self.colleague = new_test_user(
            self.env, "carl_sync", groups="base.group_user", email="carl@example.com"
        )

    def default(self, privacy):
        self.ann.with_user(self.ann).calendar_default_privacy = privacy

    def imported(self, owner=ANN, *guests, **values):
        remote = self.server.put(
            owner,
            RemoteEvent(
                remote_id=f"event{next(self.numbers)}",
                fields=Fields(name="Dentist", when=self.at(), **values),
                attendees=tuple(self.person(guest) for guest in guests),
            ),
        )
        self.sync()
        return self.event_of(remote, ANN), remote

    def seen(self, event):
        """The title that a colleague sees."""
        self.env.invalidate_all()
        return event.with_user(self.colleague).display_name

    def visibility(self, remote):
        return self.server.events(ANN)[remote.remote_id].fields.privacy

    def test_an_appointment_without_visibility_follows_the_user_in_odoo(self):
        event, remote = self.imported()
        for default, seen in (("public", "Dentist"), ("private", "Busy")) * 2:
            self.default(default)
            self.sync()
            self.assertFalse(event.privacy)
            self.assertEqual(self.seen(event), seen)
            # and an edit of something else does not carry it there
            event.with_user(self.ann).write({"location": f"{default} place"})
            self.sync()
            self.assertEqual(self.visibility(remote), "default")
            self.assertFalse(event.privacy)
            self.assertQuiet()

    def test_a_visibility_that_a_person_chooses_goes_there_and_back(self):
        self.default("private")
        event, remote = self.imported()
        for chosen, told in (("public", "public"), ("private", "private")):
            event.with_user(self.ann).write({"privacy": chosen})
            self.sync()
            self.assertEqual(self.visibility(remote), told)
            self.assertQuiet()
        self.server.edit(ANN, remote.remote_id, privacy="default")
        self.sync()
        self.assertFalse(event.privacy)
        self.assertEqual(self.seen(event), "Busy")
        self.assertQuiet()

    def test_no_visibility_here_makes_nothing_visible_that_was_hidden_there(self):
        self.default("private")
        event, remote = self.imported(privacy="private")
        event.with_user(self.ann).write({"privacy": False})
        self.sync()
        self.assertEqual(self.visibility(remote), "private")
        self.assertEqual(self.seen(event), "Busy")
        self.assertQuiet()

    def test_an_invitation_of_a_stranger_is_as_hidden_as_the_users_own(self):
        """It has no organiser in Odoo whose default could count."""
        self.server.add_account(BOSS)
        self.default("private")
        event, remote = self.imported(BOSS, ANN)
        self.assertFalse(event.user_id)
        self.assertEqual(self.seen(event), "Busy")
        self.assertEqual(self.visibility(remote), "default")
        self.assertQuiet()
