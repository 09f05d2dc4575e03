"""What anybody but the owner can see and do: nothing, whichever way they ask.

The methods that RPC reaches are found by looking, not from a list: a new one that
nobody protected fails here.
"""

import inspect
from contextlib import contextmanager, suppress

from odoo import Command
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, mute_logger

from .common import ConnectCase

ADDON = "calendar_cronofy_sync"
INTERVIEWER = "hr_recruitment.group_hr_recruitment_interviewer"
QUIET_LOGGERS = (
    "odoo.addons.base.models.ir_model",
    "odoo.addons.base.models.ir_rule",
    "odoo.orm.models",
)
#: words that stand in the private appointment, the journal, the link and the preview
SECRET_WORDS = (
    "Oncologist",
    "biopsy",
    "Ward 7",
    "hope@clinic.example",
    "ann-secret-id",
)

#: what a stranger may call on somebody else's record, and why it does no harm
HARMLESS = {
    ("calendar.sync.account", "action_reconnect"): "an address, for administrators too",
    ("calendar.sync.account", "action_view_runs"): "a filter; its records have rules",
    ("hr.interview", "action_open_event"): "an id; the record has rules",
    ("hr.interview", "action_open_schedule"): "an id; the record has rules",
    ("hr.interview", "action_compose_offer"): "a dialog; sending it has rules",
}
#: models whose rows belong to nobody in particular, and why that is right
NOBODYS = {
    "calendar.sync.consent": "requests for consent, which nobody may read",
    "calendar.sync.place": "the data centers an administrator can choose from",
    "hr.interview.swap": "a dialog that acts on an interview with its user's rights",
}
#: methods of the ORM and of mail.thread that the addon extends; tried one by one below
EXTENDED = {"create", "write", "unlink", "copy", "default_get", "fields_get"}


def public_methods(model):
    """The names of the methods of a model that the addon made and RPC reaches."""
    return sorted(
        {
            name
            for cls in type(model).mro()
            if cls.__module__.startswith(f"odoo.addons.{ADDON}.")
            for name, value in vars(cls).items()
            if inspect.isfunction(inspect.unwrap(value)) and not name.startswith("_")
        }
        - EXTENDED
    )


class StrangersCase(ConnectCase):
    """ann has everything; others have an account of their own, or an interview."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.interviewer = new_test_user(cls.env, "ivan", INTERVIEWER)
        cls.public = cls.env.ref("base.public_user")
        internal = cls.colleague | cls.bob | cls.interviewer | cls.admin | cls.ann
        export = cls.env.ref("base.group_allow_export")
        internal.write({"group_ids": [Command.link(export.id)]})
        cls.account = cls.connect(cls, cls.ann)
        cls.connect(cls, cls.bob)
        cls.private_event()
        cls.belongings()
        cls.interview()
        cls.env.flush_all()
        cls.env.invalidate_all()

    @classmethod
    def private_event(cls):
        account = cls.account.sudo()
        cls.calendar_row = account.calendar_ids.filtered("is_primary")
        cls.event = (
            cls.env["calendar.event"]
            .with_context(calendar_sync_applying=True, no_mail_to_attendees=True)
            .create(
                {
                    "name": "Oncologist",
                    "description": "<p>biopsy</p>",
                    "location": "Ward 7",
                    "privacy": "private",
                    "start": "2026-03-30 08:00",
                    "stop": "2026-03-30 09:00",
                    "user_id": cls.ann.id,
                    "partner_ids": [Command.set(cls.ann.partner_id.ids)],
                }
            )
        )

    @classmethod
    def belongings(cls):
        """A row of each model, with the words in every column that can hold text."""
        env, account, calendar = cls.env, cls.account.sudo(), cls.calendar_row
        fields = {
            "name": "Oncologist",
            "when": ["2026-03-30T08:00:00+00:00", "2026-03-30T09:00:00+00:00", ""],
            "description": "biopsy",
            "location": "Ward 7",
            "privacy": "private",
            "show_as": "busy",
        }
        series = env["calendar.sync.series"].create(
            {
                "calendar_id": calendar.id,
                "remote_id": "ann-secret-id",
                "state": "failed",
                "error": "Oncologist",
            }
        )
        link = env["calendar.sync.link"].create(
            {
                "calendar_id": calendar.id,
                "event_id": cls.event.id,
                "remote_id": "ann-secret-id",
                "ical_uid": "ann-secret-id",
                "origin": "remote",
                "state": "failed",
                "error": "Oncologist",
                "series_id": series.id,
                "base": {
                    "local": fields,
                    "remote": fields,
                    "people": {"hope@clinic.example": "accepted"},
                },
            }
        )
        run = env["calendar.sync.run"].create(
            {"account_id": account.id, "state": "done"}
        )
        line = env["calendar.sync.run.line"].create(
            {
                "run_id": run.id,
                "calendar_id": calendar.id,
                "event_id": cls.event.id,
                "remote_id": "ann-secret-id",
                "kind": "conflict",
                "before": {"location": "Ward 7"},
                "lost": {"name": "Oncologist"},
                "message": "Oncologist",
            }
        )
        as_ann = cls.env(user=cls.ann)
        preview = as_ann["calendar.sync.preview"].create(
            {
                "account_id": account.id,
                "summary": "Oncologist",
                "line_ids": [
                    Command.create({"kind": "created", "name": "Oncologist"}),
                ],
            }
        )
        wizard = as_ann["calendar.sync.account.revoke"].create(
            {"account_id": account.id, "events": "remove_all"}
        )
        channel = env["calendar.sync.channel"].create(
            {"calendar_id": calendar.id, "name": "ann-secret-id", "secret": "x" * 64}
        )
        quota = env["calendar.sync.quota"].create(
            {"provider": "google", "paused_until": "2026-03-30 08:00"}
        )
        calendar.write({"held": {"ids": ["ann-secret-id"], "count": 20, "linked": 30}})
        cls.owned = {
            "calendar.sync.account": account,
            "calendar.sync.calendar": calendar,
            "calendar.sync.series": series,
            "calendar.sync.link": link,
            "calendar.sync.run": run,
            "calendar.sync.run.line": line,
            "calendar.sync.preview": preview,
            "calendar.sync.preview.line": preview.line_ids,
            "calendar.sync.account.revoke": wizard,
            "calendar.sync.channel": channel,
            "calendar.sync.quota": quota,
        }

    @classmethod
    def interview(cls):
        recruiter = new_test_user(
            cls.env, "rita_s", "hr_recruitment.group_hr_recruitment_user"
        )
        cls.applicant = cls.env["hr.applicant"].create(
            {"partner_name": "Alex", "user_id": recruiter.id}
        )
        interview = cls.env["hr.interview"].create(
            {
                "applicant_id": cls.applicant.id,
                "user_id": recruiter.id,
                "tz": "Europe/Berlin",
                "panel_ids": [Command.create({"user_ids": [Command.set(cls.ann.ids)]})],
            }
        )
        slot = cls.env["hr.interview.slot"].create(
            {
                "interview_id": interview.id,
                "start": "2026-03-30 08:00",
                "stop": "2026-03-30 09:00",
            }
        )
        claim = cls.env["hr.interview.claim"].create(
            {
                "interview_id": interview.id,
                "user_id": cls.ann.id,
                "start": "2026-03-30 08:00",
                "stop": "2026-03-30 09:00",
                "kind": 0,
            }
        )
        interview._ensure_token()
        cls.owned |= {
            "hr.interview": interview,
            "hr.interview.panel": interview.panel_ids,
            "hr.interview.slot": slot,
            "hr.interview.claim": claim,
        }

    @property
    def strangers(self):
        return {
            "colleague": self.colleague,
            "bob, who is connected too": self.bob,
            "interviewer": self.interviewer,
            "administrator": self.admin,
            "portal": self.portal,
            "public": self.public,
        }

    # ------------------------------------------------------------ the tools

    def models_of_the_addon(self):
        return [
            name
            for name, model in self.env.registry.items()
            if model._original_module == ADDON and not model._abstract
        ]

    def state_of(self, *more):
        """A digest of every table that a stranger could have changed."""
        self.env.flush_all()
        names = {*self.owned, "calendar.event", "calendar.attendee", *more}
        tables = {self.env[name]._table for name in names}
        return {
            table: self.env.execute_query(
                SQL(
                    "SELECT count(*), md5(string_agg(t::text, '' ORDER BY t.id))"
                    " FROM %s AS t",
                    SQL.identifier(table),
                )
            )
            for table in sorted(tables)
        }

    def call(self, user, records, method, args=(), kwargs=None):
        """Call a method as the web client does, with nothing in the cache."""
        self.env.invalidate_all()
        model = self.env(user=user, su=False)[records._name]
        ids = [] if is_model_method(model, method) else [records.ids]
        return call_kw(model, method, [*ids, *args], dict(kwargs or {}))

    @contextmanager
    def undone(self):
        """What happens in here leaves no trace."""
        savepoint = self.env.cr.savepoint(flush=True)
        try:
            yield
        finally:
            self.env.clear()
            savepoint.rollback()
            savepoint.close(rollback=False)
            self.env.invalidate_all()


def is_model_method(model, name):
    return getattr(getattr(type(model), name), "_api_model", False)


@tagged("post_install", "-at_install")
class TestMethods(StrangersCase):
    def arguments(self, model, name):
        """Arguments with which a call would succeed for the one who may."""
        slot = self.owned["hr.interview.slot"]
        return {
            ("hr.interview", "action_book"): [slot.id],
            ("hr.interview", "action_swap"): [self.ann.id, self.bob.id],
            ("hr.interview", "action_set_panels"): [[{"user_ids": [self.bob.id]}]],
            ("hr.interview", "action_ask_to_connect"): [self.ann.id],
        }.get((model, name), [])

    def test_every_model_of_the_addon_is_tried_here(self):
        missing = set(self.models_of_the_addon()) - set(self.owned)
        self.assertEqual(missing - set(NOBODYS), set())

    @mute_logger(*QUIET_LOGGERS)
    def test_a_stranger_calls_every_method_in_vain(self):
        tried = 0
        for model, records in self.owned.items():
            for name in public_methods(self.env[model]):
                for who, user in self.strangers.items():
                    with self.subTest(model=model, method=name, who=who):
                        self.check_method(user, records, name)
                        tried += 1
        self.assertGreater(tried, 100)

    def check_method(self, user, records, name):
        before = self.state_of("mail.message", "mail.activity", "mail.mail")
        with self.undone():
            refused = False
            try:
                self.call(user, records, name, self.arguments(records._name, name))
            except (AccessError, MissingError):
                refused = True
            except UserError as err:
                self.fail(f"looked at before the rights were: {err}")
            self.assertEqual(
                self.state_of("mail.message", "mail.activity", "mail.mail"), before
            )
            if not refused:
                self.assertIn((records._name, name), self.harmless)

    harmless = HARMLESS

    @mute_logger(*QUIET_LOGGERS)
    def test_the_orm_refuses_strangers_as_well(self):
        values = {
            "calendar.sync.account": {"mode": "availability"},
            "calendar.sync.calendar": {"is_source": False},
            "calendar.sync.series": {"state": "pending"},
            "calendar.sync.link": {"state": "pending"},
            "calendar.sync.run": {"state": "failed"},
            "calendar.sync.run.line": {"message": "x"},
            "calendar.sync.preview": {"summary": "x"},
            "calendar.sync.preview.line": {"name": "x"},
            "calendar.sync.account.revoke": {"events": "keep"},
            "calendar.sync.channel": {"notified": True},
            "calendar.sync.quota": {"provider": "x"},
            "hr.interview": {"duration": 15},
            "hr.interview.panel": {"required": 1},
            "hr.interview.slot": {"state": "gone"},
            "hr.interview.claim": {"held": True},
        }
        for model, records in self.owned.items():
            calls = [
                ("write", [values[model]]),
                ("unlink", []),
                ("copy", []),
                ("web_save", [values[model], {}]),
            ]
            for method, args in calls:
                for who, user in self.strangers.items():
                    with (
                        self.subTest(model=model, method=method, who=who),
                        self.undone(),
                        self.assertRaises(AccessError),
                    ):
                        self.call(user, records, method, args)

    @mute_logger(*QUIET_LOGGERS)
    def test_nobody_puts_a_row_into_somebody_elses_things(self):
        account, calendar = self.account.id, self.calendar_row.id
        run, interview = self.owned["calendar.sync.run"], self.owned["hr.interview"]
        rows = {
            "calendar.sync.account": {"user_id": self.ann.id, "provider": "cronofy"},
            "calendar.sync.calendar": {
                "account_id": account,
                "remote_id": "x",
                "name": "x",
            },
            "calendar.sync.series": {"calendar_id": calendar, "remote_id": "x"},
            "calendar.sync.link": {
                "calendar_id": calendar,
                "remote_id": "x",
                "origin": "odoo",
            },
            "calendar.sync.run": {"account_id": account},
            "calendar.sync.run.line": {"run_id": run.id, "kind": "created"},
            "calendar.sync.preview": {"account_id": account},
            "calendar.sync.preview.line": {
                "preview_id": self.owned["calendar.sync.preview"].id
            },
            "calendar.sync.account.revoke": {"account_id": account},
            "calendar.sync.channel": {
                "calendar_id": calendar,
                "name": "x",
                "secret": "x",
            },
            "calendar.sync.quota": {
                "provider": "x",
                "paused_until": "2026-03-30 08:00",
            },
            "hr.interview": {"applicant_id": self.applicant.id},
            "hr.interview.panel": {"interview_id": interview.id},
            "hr.interview.slot": {
                "interview_id": interview.id,
                "start": "2026-03-30 08:00",
                "stop": "2026-03-30 09:00",
            },
            "hr.interview.claim": {
                "interview_id": interview.id,
                "user_id": self.ann.id,
                "kind": 0,
            },
        }
        self.assertEqual(set(rows), set(self.owned))
        for model, values in rows.items():
            for who, user in self.strangers.items():
                with (
                    self.subTest(model=model, who=who),
                    self.undone(),
                    self.assertRaises(AccessError),
                ):
                    self.call(user, self.env[model], "create", [[values]])
                    self.env.flush_all()


@tagged("post_install", "-at_install")
class TestReading(StrangersCase):
    #: what administrators see of everybody: states and counts
    ADMINISTRATORS = {"calendar.sync.account", "calendar.sync.run"}

    @mute_logger(*QUIET_LOGGERS)
    def test_strangers_read_no_record(self):
        ways = [
            ("read", [["id"]], {}),
            ("web_read", [{"display_name": {}}], {}),
            ("export_data", [["display_name"]], {}),
        ]
        for model, records in self.owned.items():
            for method, args, kwargs in ways:
                for who, user in self.strangers.items():
                    if user == self.admin and model in self.ADMINISTRATORS:
                        continue
                    # only some may export at all
                    refusals = (
                        UserError
                        if method == "export_data" and user.share
                        else AccessError
                    )
                    with (
                        self.subTest(model=model, method=method, who=who),
                        self.assertRaises(refusals),
                    ):
                        self.call(user, records, method, args, kwargs)

    @mute_logger(*QUIET_LOGGERS)
    def test_strangers_find_no_record(self):
        ways = [
            ("search_count", [[]], {}),
            ("search_read", [[]], {"fields": ["id"]}),
            ("web_search_read", [[]], {"specification": {}}),
            ("name_search", [], {"name": ""}),
            ("formatted_read_group", [[]], {"aggregates": ["__count"]}),
        ]
        for model, records in self.owned.items():
            domain = [("id", "in", records.ids)]
            for method, args, kwargs in ways:
                args = [domain if arg == [] else arg for arg in args]
                if method == "name_search":
                    kwargs = {**kwargs, "domain": domain}
                for who, user in self.strangers.items():
                    if user == self.admin and model in self.ADMINISTRATORS:
                        continue
                    with self.subTest(model=model, method=method, who=who):
                        try:
                            found = self.call(user, records, method, args, kwargs)
                        except AccessError:
                            continue
                        if method == "web_search_read":
                            found = found["length"]
                        elif method == "formatted_read_group":
                            found = sum(group["__count"] for group in found)
                        self.assertFalse(found)

    # ------------------------------------------------------------ the private event

    def told(self, user):
        """Everything that a user gets to read, of every record they can find."""
        self.env.invalidate_all()
        env = self.env(user=user, su=False)
        names = {
            *self.owned,
            "calendar.event",
            "calendar.attendee",
            "calendar.recurrence",
            "mail.activity",
            "mail.message",
            "mail.tracking.value",
            "ir.attachment",
        }
        texts = []
        for name in sorted(names):
            texts += self.told_of(env[name])
        return "\n".join(texts)

    def told_of(self, model):
        try:
            found = model.with_context(active_test=False).search(
                [], limit=100, order="id desc"
            )
            fields = list(model.fields_get(attributes=["type"]))
        except AccessError:
            return
        for field in fields:
            # each in a request of its own: what sudo has read stays in the cache
            model.env.invalidate_all()
            try:
                yield str(found.read([field]))
            except (AccessError, UserError):
                continue
        model.env.invalidate_all()
        with suppress(AccessError):  # of res.users not every field
            yield str(found.read())
        model.env.invalidate_all()
        yield str(found.mapped("display_name"))
        model.env.invalidate_all()
        yield str(model.name_search("", limit=1000))
        model.env.invalidate_all()
        with suppress(UserError):  # portal users export nothing
            yield str(found.export_data(["display_name"]))
        groups = [f for f in ("name", "location", "event_id", "message") if f in fields]
        for field in groups:
            try:
                yield str(model.formatted_read_group([], [field], ["__count"]))
            except (AccessError, UserError, ValueError):
                continue

    @mute_logger(*QUIET_LOGGERS)
    def test_nobody_is_told_a_word_of_a_private_appointment(self):
        self.account.sudo()._review()
        self.assertIn("Oncologist", self.told(self.ann), "the owner is")
        for who, user in self.strangers.items():
            text = self.told(user)
            for word in SECRET_WORDS:
                with self.subTest(who=who, word=word):
                    at = text.find(word)
                    self.assertEqual(at, -1, text[max(at - 300, 0) : at + 50])

    @mute_logger(*QUIET_LOGGERS)
    def test_a_dialog_pointed_at_somebody_tells_nothing(self):
        """Names of what a record points to are read with every right."""
        account = {"account_id": {"fields": {"display_name": {}}}}
        for model, more in (
            ("calendar.sync.account.revoke", {"imported_count": {}, "provider": {}}),
            ("calendar.sync.preview", {}),
        ):
            for who, user in self.strangers.items():
                with self.subTest(model=model, who=who), self.undone():
                    values = [{"account_id": self.account.id}, ["account_id"]]
                    new = self.env[model]
                    try:
                        told = self.call(user, new, "onchange", [*values, account])
                    except AccessError:
                        self.assertNotIn(user, self.colleague + self.bob)
                        continue
                    if user != self.admin:  # who sees whom a connection belongs to
                        self.assertNotIn("@", str(told))
                    if more and user != self.admin:
                        with self.assertRaises(AccessError):
                            self.call(user, new, "onchange", [*values, more])

    def test_the_event_keeps_nothing_in_a_chatter(self):
        """Followers and tracking would tell more people than the event does."""
        about = [("model", "=", "calendar.event"), ("res_id", "=", self.event.id)]
        texts = self.env["mail.message"].search(about).mapped("body")
        self.assertFalse([text for text in texts if "Oncologist" in text])


@tagged("post_install", "-at_install")
class TestRecruiters(StrangersCase):
    """A recruiter plans interviews, and reaches nothing else through them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own_applicant = cls.env["hr.applicant"].create(
            {"partner_name": "Own", "user_id": cls.interviewer.id}
        )
        cls.mine = (
            cls.env["hr.interview"]
            .with_user(cls.interviewer)
            .create(
                {
                    "applicant_id": cls.own_applicant.id,
                    "tz": "Europe/Berlin",
                    "panel_ids": [
                        Command.create({"user_ids": [Command.set(cls.interviewer.ids)]})
                    ],
                }
            )
        )
        cls.slot = cls.env["hr.interview.slot"].create(
            {
                "interview_id": cls.mine.id,
                "start": "2026-03-30 08:00",
                "stop": "2026-03-30 09:00",
            }
        )

    @mute_logger(*QUIET_LOGGERS)
    def test_an_interview_takes_no_foreign_meeting(self):
        """Cancelling, moving and the applicant's page act on it with every right."""
        with self.assertRaises(AccessError), self.undone():
            self.mine.write({"event_id": self.event.id})
        with self.assertRaises(AccessError), self.undone():
            self.mine.copy({"event_id": self.event.id})
        with self.assertRaises(AccessError), self.undone():
            self.mine.create(
                {"applicant_id": self.own_applicant.id, "event_id": self.event.id}
            )

    @mute_logger(*QUIET_LOGGERS)
    def test_a_slot_holds_no_foreign_meeting(self):
        """Releasing a slot deletes what it holds."""
        slot = self.slot.with_user(self.interviewer)
        with self.assertRaises(AccessError), self.undone():
            slot.write({"hold_event_id": self.event.id})
        with self.assertRaises(AccessError), self.undone():
            self.mine.write(
                {
                    "slot_ids": [
                        Command.update(slot.id, {"hold_event_id": self.event.id})
                    ]
                }
            )
        self.assertTrue(self.event.exists())

    @mute_logger(*QUIET_LOGGERS)
    def test_a_sequence_is_of_one_applicant(self):
        """Who takes part in one of its interviews sees the whole sequence."""
        foreign = self.owned["hr.interview"]
        with self.assertRaises(UserError), self.undone():
            self.mine.write({"parent_id": foreign.id})
            self.env.flush_all()
        self.assertFalse(
            self.env["hr.interview"]
            .with_user(self.interviewer)
            .search([("id", "=", foreign.id)])
        )
