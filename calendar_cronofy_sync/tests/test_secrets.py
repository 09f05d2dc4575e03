"""Tokens, secrets and verifiers: where they must not be, looked for everywhere.

The service is the simulator of this repository, over HTTP, so that every library on the
way logs what it logs; an addon that was installed alone has none.
"""

import logging
import time
import traceback
import unittest
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from odoo.exceptions import AccessError, UserError
from odoo.http import root
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import BaseCase, HttpCase, TransactionCase, new_test_user, tagged
from odoo.tests.common import _super_send
from odoo.tools import SQL, config, mute_logger

from ..calsync.errors import KeyUnavailable, SyncError
from ..calsync.vault import new_key
from .common import KEY, ConnectCase

try:
    from simulators.google import GoogleSimulator
except ImportError:
    GoogleSimulator = None

CLIENT, SECRET = "the-client", "-".join(("GOCSPX", "the-secret-of-the-client"))
#: Odoo's own log of requests names the address, code and state included; both are used
#: up by then, and worth nothing without the verifier and the client's secret
ACCESS_LOG = "werkzeug"
#: all that is hidden of each model
HIDDEN = {
    "calendar.sync.account": ("grant", "claim", "attention_text"),
    "calendar.sync.calendar": ("sync_token", "held"),
    "calendar.sync.channel": ("name", "secret", "channel_ref", "resource_ref"),
    "calendar.sync.link": ("base",),
    "calendar.sync.series": ("master", "exceptions", "base"),
}
#: ways to a hidden field over other records
PATHS = (
    ("calendar.sync.calendar", "account_id.grant"),
    ("calendar.sync.run", "account_id.grant"),
    ("res.users", "calendar_sync_account_ids.grant"),
    ("calendar.event", "sync_link_ids.account_id.grant"),
    ("calendar.event", "sync_link_ids.base"),
)


class _Everything(logging.Handler):
    """Keeps each record as it would be written, tracebacks included."""

    def __init__(self):
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.lines = []

    def emit(self, record):
        if record.name != ACCESS_LOG and not record.name.startswith("simulators"):
            self.lines.append(self.format(record))


@contextmanager
def everything_logged():
    """Every logger of the process at its most talkative."""
    handler = _Everything()
    loggers = [
        logging.getLogger(name)
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
    ]
    loggers.append(logging.root)
    before = [(logger, logger.level, logger.disabled) for logger in loggers]
    others = logging.root.handlers[:]
    logging.root.handlers = [handler]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
    try:
        yield handler.lines
    finally:
        logging.root.handlers = others
        for logger, level, disabled in before:
            logger.setLevel(level)
            logger.disabled = disabled


class GoogleCase(TransactionCase):
    """ann at the simulator of Google, and a list of all that is secret."""

    @classmethod
    def _request_handler(cls, s, r, /, **kw):
        # Odoo's guard does not understand two time limits; the simulator is local
        if urlsplit(r.url).hostname == "127.0.0.1":
            return _super_send(s, r, **kw)
        return BaseCase._request_handler.__func__(cls, s, r, **kw)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sim = GoogleSimulator().start()
        cls.addClassCleanup(cls.sim.stop)
        cls.sim.register_client(CLIENT, SECRET)
        cls.sim.set_behaviour(http_loopback=True)
        cls.sim.create_user("ann@example.com")
        cls.env["calendar.sync.account"].search([]).write({"state": "paused"})
        cls.ann = new_test_user(
            cls.env, "ann_g", email="ann@example.com", tz="Europe/Berlin"
        )
        icp = cls.env["ir.config_parameter"].sudo()
        for name, value in {
            "google_client_id": CLIENT,
            "google_client_secret": SECRET,
            "google_api_url": f"{cls.sim.url}/calendar/v3/",
            "google_auth_url": f"{cls.sim.url}/o/oauth2/v2/auth",
            "google_token_url": f"{cls.sim.url}/token",
            "google_revoke_url": f"{cls.sim.url}/revoke",
        }.items():
            icp.set_param(f"calendar_cronofy_sync.{name}", value)
        cls.startClassPatcher(patch.dict(config.options, calendar_sync_key=KEY))

    def setUp(self):
        super().setUp()
        self.secrets = {SECRET}
        oauth, watch = self.sim.oauth, self.sim.watch
        keep, verify, start = oauth._keep, oauth._verify, watch.start

        def keeping(value, *args):
            self.secrets.add(value)
            return keep(value, *args)

        def verifying(code, verifier):
            self.secrets.add(verifier)
            return verify(code, verifier)

        def starting(resource, call):
            self.secrets.add(call.body["token"])
            return start(resource, call)

        self.startPatcher(patch.object(oauth, "_keep", keeping))
        self.startPatcher(patch.object(oauth, "_verify", verifying))
        self.startPatcher(patch.object(watch, "start", starting))

    def sync(self):
        accounts = self.env["calendar.sync.account"].search([("state", "=", "active")])
        accounts.write({"next_sync": datetime(2020, 1, 1)})
        self.env.flush_all()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            user = self.env.ref("base.user_root").id
            self.env(cr=cr, user=user)["calendar.sync.account"]._cron_sync()
        self.env.invalidate_all()

    def put(self, **body):
        start = datetime.now(timezone.utc) + timedelta(days=1)
        times = {
            "start": {"dateTime": start.isoformat()},
            "end": {"dateTime": (start + timedelta(hours=1)).isoformat()},
        }
        return self.sim.insert_event("ann@example.com", times | body)

    def found_in(self, text):
        return sorted(secret for secret in self.secrets if secret in text)


@tagged("post_install", "-at_install")
@unittest.skipUnless(GoogleSimulator, "the simulator is no part of the addon")
class TestWhereSecretsAre(GoogleCase, HttpCase):
    def connect(self):
        """Over both sides' pages, as a person does."""
        self.ann.password = "ann_g-password"
        self.authenticate("ann_g", "ann_g-password")
        consent = self.url_open(
            "/calendar_sync/connect/google", allow_redirects=False
        ).headers["Location"]
        back = urlsplit(self.sim.authorize(consent, "ann@example.com"))
        self.waiting = self.tables_holding(parse_qs(back.query)["state"][0])
        query = {name: value for name, [value] in parse_qs(back.query).items()}
        self.state, self.code = query["state"], query["code"]
        answer = self.url_open(f"{back.path}?{back.query}", allow_redirects=False)
        self.assertEqual(answer.status_code, 303, answer.text[:500])
        self.env.invalidate_all()
        return self.env["calendar.sync.account"].search([("user_id", "=", self.ann.id)])

    def live(self, account):
        """What happens to a connection in its life, good and bad."""
        account.with_user(self.ann).action_activate()
        self.put(summary="Lunch")
        self.sync()
        self.sim.expire_tokens("access")
        account.with_user(self.ann).action_refresh_calendars()
        meeting = self.env["calendar.event"].with_user(self.ann)
        meeting.with_context(no_mail_to_attendees=True).create(
            {
                "name": "Made here",
                "start": datetime.now() + timedelta(days=2),
                "stop": datetime.now() + timedelta(days=2, hours=1),
            }
        )
        account.target_calendar_id = account.calendar_ids.filtered("is_primary")
        self.sync()
        now = datetime.now(timezone.utc)
        self.env["calendar.sync.account"]._busy(self.ann, now, now + timedelta(days=7))
        self.sync()

    def suffer(self, account):
        """Every way in which the service can refuse or break, for token and API."""
        faults = ("drop", "garbage", "truncate", "503", "401", "403", "400")
        words = ("invalid_grant", "invalid_client", "temporarily_unavailable")
        for path, names in (("/token", faults + words), ("/calendar/", faults)):
            for fault in names:
                self.sim.clear_faults()
                self.sim.expire_tokens("access")
                self.sim.set_fault(fault, {"path": path}, times=0)
                self.env.flush_all()
                account.write({"state": "active", "failures": 0})
                with patch.object(time, "sleep"):
                    self.sync()
        self.sim.clear_faults()
        account.write({"state": "active", "failures": 0})

    def test_no_secret_in_a_log_of_any_level(self):
        with everything_logged() as lines:
            account = self.connect()
            self.live(account)
            self.suffer(account)
            account.with_user(self.ann)._revoke("keep")
        text = "\n".join(lines)
        for library in ("urllib3", "googleapiclient", "odoo.sql_db"):
            self.assertIn(library, text, "it does listen")
        self.assertGreater(len(self.secrets), 5)
        for secret in self.found_in(text):
            at = text.index(secret)
            self.fail(f"{text[max(0, at - 400) : at]}<<HERE>>")

    def test_no_secret_in_any_table_nor_in_the_session(self):
        account = self.connect()
        # neither while the consent is waited for: state and verifier lie side by side
        self.assertEqual(self.waiting, [])
        session = root.session_store.get(self.opener.cookies["session_id"])
        self.assertEqual(self.found_in(str(dict(session))), [])
        self.assertNotIn(self.state, str(dict(session)))
        self.live(account)
        self.assertTrue(
            self.env["calendar.sync.channel"].search_count([("state", "=", "open")])
        )
        self.env.flush_all()
        tables = {}
        for secret in [*self.secrets, self.code, self.state]:
            for table in self.tables_holding(secret):
                tables.setdefault(table, set()).add(secret)
        # the administrator's client secret is a system parameter, and nothing else is
        self.assertEqual(tables, {"ir_config_parameter": {SECRET}})

    def tables_holding(self, text):
        self.env.cr.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema"
        )
        found = []
        for (table,) in self.env.cr.fetchall():
            rows = SQL(
                "SELECT 1 FROM %s AS t WHERE position(%s in t::text) > 0 LIMIT 1",
                SQL.identifier(table),
                text,
            )
            if self.env.execute_query(rows):
                found.append(table)
        return found

    def test_no_secret_in_an_exception(self):
        """Neither in its text nor in the traceback with all that it was caused by."""
        account = self.connect()
        for path, fault in (
            ("/token", "drop"),
            ("/token", "garbage"),
            ("/token", "invalid_grant"),
            ("/calendar/", "drop"),
            ("/calendar/", "401"),
            ("/calendar/", "truncate"),
        ):
            with self.subTest(path=path, fault=fault):
                self.sim.clear_faults()
                self.sim.expire_tokens("access")
                self.sim.set_fault(fault, {"path": path}, times=0)
                try:
                    with patch.object(time, "sleep"), account._connected() as provider:
                        provider.calendars()
                except SyncError as err:
                    text = "".join(traceback.format_exception(err))
                    self.assertEqual(self.found_in(text + repr(err)), [])
                else:
                    self.fail("it should have failed")
        self.sim.clear_faults()

    def test_nothing_secret_reaches_the_browser(self):
        account = self.connect()
        sealed = account.grant
        self.assertTrue(sealed)
        texts = [self.url_open("/odoo").text]
        info = self.make_jsonrpc_request("/web/session/get_session_info", {})
        texts.append(str(info))
        own = [
            n for n in self.env["res.users"]._fields if n.startswith("calendar_sync")
        ]
        for model, args in (
            ("calendar.sync.account", [account.ids]),
            ("res.users", [self.ann.ids, own]),
        ):
            params = {"model": model, "method": "read", "args": args, "kwargs": {}}
            texts.append(str(self.make_jsonrpc_request("/web/dataset/call_kw", params)))
        for text in texts:
            self.assertEqual(self.found_in(text), [])
            self.assertNotIn(sealed, text)


@tagged("post_install", "-at_install")
class TestHiddenFields(ConnectCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.account = cls.connect(cls, cls.ann)
        calendar = cls.account.sudo().calendar_ids[:1]
        calendar.sync_token = "a-token"
        env = cls.env
        env["calendar.sync.channel"].create(
            {"calendar_id": calendar.id, "name": "x", "secret": "x"}
        )
        event = env["calendar.event"].create(
            {"name": "x", "start": "2026-03-30 08:00", "stop": "2026-03-30 09:00"}
        )
        env["calendar.sync.link"].create(
            {
                "calendar_id": calendar.id,
                "event_id": event.id,
                "remote_id": "x",
                "origin": "remote",
                "base": {"local": {}},
            }
        )
        env["calendar.sync.series"].create(
            {"calendar_id": calendar.id, "remote_id": "x"}
        )
        everybody = cls.ann | cls.colleague | cls.admin
        export = cls.env.ref("base.group_allow_export")
        everybody.write({"group_ids": [(4, export.id)]})

    def users(self):
        return {"owner": self.ann, "colleague": self.colleague, "admin": self.admin}

    @mute_logger("odoo.models", "odoo.orm.models", "odoo.addons.base.models.ir_model")
    def test_no_way_to_read_a_hidden_field(self):
        ways = {
            "read": lambda r, f: r.read([f]),
            "web_read": lambda r, f: r.web_read({f: {}}),
            "export_data": lambda r, f: r.export_data([f]),
            "search_read": lambda r, f: r.search_read([], [f]),
            "web_search_read": lambda r, f: r.web_search_read([], {f: {}}),
            "domain": lambda r, f: r.search([(f, "like", "a")]),
            "domain set": lambda r, f: r.search([(f, "!=", False)]),
            "search_count": lambda r, f: r.search_count([(f, "=like", "g%")]),
            "order": lambda r, f: r.search([], order=f),
            "group": lambda r, f: r.formatted_read_group([], [f], ["__count"]),
            "aggregate": lambda r, f: r.formatted_read_group([], [], [f"{f}:max"]),
            "filtered": lambda r, f: r.filtered_domain([(f, "!=", False)]),
            "mapped": lambda r, f: r.mapped(f),
            "name_search": lambda r, f: r.name_search("", domain=[(f, "like", "a")]),
            "write": lambda r, f: r.write({f: "x"}),
            "default": lambda r, f: r.with_context(**{f"default_{f}": 1}).create(
                {f: 1}
            ),
        }
        for model, names in HIDDEN.items():
            every = self.env[model].search([])
            self.assertTrue(every, model)
            for name in names:
                for who, user in self.users().items():
                    records = every.with_user(user)
                    self.assertNotIn(name, self.fields_of(records))
                    for way, ask in ways.items():
                        with self.subTest(model=model, field=name, who=who, way=way):
                            self.check_refused(records, name, ask)

    def fields_of(self, records):
        try:
            return records.fields_get()
        except AccessError:
            return {}

    def check_refused(self, records, name, ask):
        self.env.invalidate_all()
        with self.env.cr.savepoint():
            try:
                answer = ask(records, name)
            except AccessError:
                return
            except ValueError:  # a column that cannot be grouped by at all
                return
        self.assertFalse(answer)

    @mute_logger("odoo.models", "odoo.orm.models", "odoo.addons.base.models.ir_model")
    def test_no_way_over_other_records(self):
        for model, path in PATHS:
            for who, user in self.users().items():
                with self.subTest(model=model, path=path, who=who):
                    self.env.invalidate_all()
                    found = self.env[model].with_user(user)
                    with self.assertRaises(AccessError), self.env.cr.savepoint():
                        found.search([(path, "like", "a")])

    def test_the_words_of_the_attention_cannot_be_searched_for(self):
        self.account.sudo()._needs_attention("Look at the series “Oncologist”")
        accounts = self.env["calendar.sync.account"]
        for who, user in self.users().items():
            with self.subTest(who=who):
                mine = accounts.with_user(user)
                # (a colleague sees no connection at all)
                seen = mine.search([("attention", "!=", False)])
                self.assertEqual(bool(seen), user != self.colleague)
                self.assertFalse(
                    mine.search([("attention", "=", False)]) & self.account
                )
                for operator in ("like", "ilike", "=", "=ilike", "not like"):
                    with self.assertRaises(UserError):
                        mine.search([("attention", operator, "%Oncologist%")])
        self.assertIn("Oncologist", self.account.attention)
        shown = self.account.with_user(self.admin).attention
        self.assertTrue(shown)
        self.assertNotIn("Oncologist", shown)


@tagged("post_install", "-at_install")
class TestKeys(ConnectCase):
    def test_a_lost_key_leads_to_reconnect(self):
        """Not to a crash: for a run, a click, a search for busy times, a revocation."""
        account = self.connect(self.ann)
        for keys in (new_key(), "no key at all", f"{new_key()},broken"):
            with (
                self.subTest(keys=keys[:6]),
                patch.dict(config.options, calendar_sync_key=keys),
            ):
                account.sudo().write({"state": "active"})
                self.sync()
                self.assertEqual(account.state, "reconnect")
                self.assertIn("decrypted", account.attention)
                now = datetime.now(timezone.utc)
                answer = account.sudo()._busy(self.ann, now, now + timedelta(days=1))
                self.assertIsNone(answer[self.ann.id].intervals)
                account.sudo()._clear_attention()
        with patch.dict(config.options, calendar_sync_key=new_key()):
            self.assertIn("withdraw", account.sudo()._revoke("keep"))
        self.assertEqual(account.state, "revoked")

    def sync(self):
        self.env["calendar.sync.account"].search([("state", "=", "active")]).write(
            {"next_sync": datetime(2020, 1, 1)}
        )
        self.env.flush_all()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            user = self.env.ref("base.user_root").id
            self.env(cr=cr, user=user)["calendar.sync.account"]._cron_sync()
        self.env.invalidate_all()

    def test_a_key_is_changed_without_anybody_connecting_again(self):
        account = self.connect(self.ann).sudo()
        before, new = account.grant, new_key()
        with patch.dict(config.options, calendar_sync_key=f"{new},{KEY}"):
            self.assertEqual(account._grant().refresh_token, "ann@example.com")
            account._cron_housekeeping()
        self.assertNotEqual(account.grant, before)
        with patch.dict(config.options, calendar_sync_key=new):
            self.assertEqual(account._grant().refresh_token, "ann@example.com")
        with self.assertRaises(KeyUnavailable):
            account._grant()


@tagged("post_install", "-at_install")
class TestNeutralized(ConnectCase):
    #: fields of the addon's models that let something be sent, and what stops them
    STOPPED = {
        "calendar.sync.account": {"grant", "claim", "next_sync"},
        "calendar.sync.calendar": {"sync_token"},
    }

    def test_a_copy_sends_nothing_whatever_is_clicked(self):
        """Also with the key of the original, and after its crons were run by hand."""
        account = self.connect(self.ann).sudo()
        account.calendar_ids.sync_token = "token"
        account.claim = "claim"
        self.env["calendar.sync.channel"].create(
            {"calendar_id": account.calendar_ids[:1].id, "name": "n", "secret": "s"}
        )
        self.env.flush_all()
        for query in get_neutralization_queries(["calendar_cronofy_sync"]):
            self.cr.execute(query)
        self.env.invalidate_all()
        self.env.registry.clear_all_caches()
        for model, names in self.STOPPED.items():
            for name in names:
                self.assertFalse(any(self.env[model].search([]).mapped(name)), name)
        self.assertFalse(self.env["calendar.sync.channel"].search([]))
        crons = self.env["ir.cron"].with_context(active_test=False)
        ours = crons.browse(
            self.env["ir.model.data"]
            .search(
                [("module", "=", "calendar_cronofy_sync"), ("model", "=", "ir.cron")]
            )
            .mapped("res_id")
        )
        self.assertGreaterEqual(len(ours), 3)
        self.assertFalse(any(ours.mapped("active")))
        self.server.requests.clear()
        own = account.with_user(self.ann)
        for act in (
            own.action_resume,
            own.action_refresh_calendars,
            account._cron_housekeeping,
            lambda: account._busy(
                self.ann, datetime.now(timezone.utc), datetime.now(timezone.utc)
            ),
            lambda: account._revoke("remove_all"),
        ):
            try:
                act()
            except Exception as err:  # refused with a word is as good as done nothing
                self.assertNotIsInstance(err, (AttributeError, TypeError))
        self.assertEqual(self.server.requests, [])
