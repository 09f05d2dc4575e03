"""How an account reaches its service: client, hosts, sealed tokens, errors in words."""

import logging
import os
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from odoo import api, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.tools import config

from ..calsync.errors import (
    AuthExpired,
    KeyUnavailable,
    PlaceRefused,
    ScopeMissing,
    SyncError,
)
from ..calsync.providers import PROVIDERS
from ..calsync.providers.cronofy import hosts as data_center_hosts
from ..calsync.values import Application, Grant, Window
from ..calsync.vault import Vault, new_key
from .words import explain

_logger = logging.getLogger(__name__)

#: what a new connection is for, unless the user asks for the other mode
DEFAULT_MODES = {"google": "two_way", "cronofy": "availability"}

#: the data center of a new installation
DATA_CENTER = "de"

#: where the services live: system parameter that replaces it, and the real address
HOSTS = {
    "google": {
        "api_url": ("google_api_url", "https://www.googleapis.com/calendar/v3/"),
        "auth_url": ("google_auth_url", "https://accounts.google.com/o/oauth2/v2/auth"),
        "token_url": ("google_token_url", "https://oauth2.googleapis.com/token"),
        "revoke_url": ("google_revoke_url", "https://oauth2.googleapis.com/revoke"),
    },
    "cronofy": {
        "api_url": ("cronofy_api_url", "{api}"),
        "auth_url": ("cronofy_app_url", "{app}"),
        "token_url": ("", "{api_url}/oauth/token"),
        "revoke_url": ("", "{api_url}/oauth/token/revoke"),
    },
}

#: where a person withdraws the permission by hand
PERMISSIONS_PAGES = {
    "google": "https://myaccount.google.com/connections",
    "cronofy": "{auth_url}",
}

KEY_FILE = "calendar_sync.key"


class CalendarSyncAccount(models.Model):
    _inherit = "calendar.sync.account"

    # -------------------------------------------- the application

    @api.model
    def _parameter(self, name, default=""):
        # sudo: users work with the client that the administrator entered, unseen
        value = (
            self.env["ir.config_parameter"]
            .sudo()
            .get_param(f"calendar_cronofy_sync.{name}")
        )
        return (value or default).strip()

    @api.model
    def _application_of(self, provider):
        """The registered client and the hosts of a provider.

        :raises PlaceRefused: the data center is none that Cronofy has
        """
        api, app = "", ""
        if provider == "cronofy":
            # also where the addresses are replaced: a typing error never goes unseen
            api, app = data_center_hosts(self._data_center())
        hosts = {}
        for name, (parameter, address) in HOSTS[provider].items():
            known = {key: url.rstrip("/") for key, url in hosts.items()}
            own = parameter and self._parameter(parameter)
            hosts[name] = own or address.format(api=api, app=app, **known)
        return Application(
            client_id=self._parameter(f"{provider}_client_id"),
            client_secret=self._parameter(f"{provider}_client_secret"),
            **hosts,
        )

    @api.model
    def _data_center(self):
        return self._parameter("cronofy_data_center", DATA_CENTER).lower()

    @api.model
    def _check_place(self, provider, company):
        """Does the company allow the data to lie where the service keeps it?

        :raises PlaceRefused: it does not, or nobody knows where that is
        """
        if provider == "cronofy":
            data_center_hosts(self._data_center())
            # sudo: every user's connections keep to the rule, which admins see
            allowed = company.sudo()._cronofy_places()
            if allowed and self._data_center() not in allowed:
                raise PlaceRefused(reason=self._data_center())

    def _application(self):
        return self._application_of(self.provider)

    def _permissions_page(self):
        page = PERMISSIONS_PAGES[self.provider]
        try:
            return page.format(auth_url=self._application().auth_url)
        except PlaceRefused:
            return page.format(auth_url="https://app.cronofy.com")

    def _window(self):
        """Which events are synchronised now."""
        now = datetime.now(timezone.utc)
        past = self._days("past_days", 30)
        return Window(
            now - timedelta(past), now + timedelta(self._days("horizon_days", 365))
        )

    @api.model
    def _days(self, name, default):
        try:
            return min(max(int(self._parameter(name)), 0), 3650)
        except ValueError:
            return default

    # -------------------------------------------- the vault

    @api.model
    def _vault(self):
        """The vault with the keys of this installation, the first of which encrypts."""
        return Vault(self._keys())

    @api.model
    def _keys(self):
        """The keys in odoo.conf, else the one in the data directory."""
        keys = [
            key.strip() for key in (config.get("calendar_sync_key") or "").split(",")
        ]
        return [key for key in keys if key] or [self._key_of_file()]

    @api.model
    def _key_of_file(self):
        """The key in the data directory, made on first use, readable by Odoo alone."""
        path = os.path.join(config["data_dir"], KEY_FILE)
        try:
            try:
                with open(path, encoding="ascii") as file:
                    key = file.read().strip()
            except FileNotFoundError:
                key = self._create_key_file(path)
        except (OSError, ValueError) as err:
            raise KeyUnavailable("the key file cannot be read or written") from err
        if not key:
            raise KeyUnavailable("the key file is empty")
        return key

    @api.model
    def _create_key_file(self, path):
        """Several workers may come at once: the first one's file counts.

        The file appears under its name only when it is complete.
        """
        key = new_key()
        part = f"{path}.{os.getpid()}"
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(key + "\n")
            os.link(part, path)
        except FileExistsError:
            with open(path, encoding="ascii") as file:
                return file.read().strip()
        finally:
            os.unlink(part)
        return key

    @api.model
    def _rotate_key(self):
        """Seal all grants with the first key, so that older ones can be given up.

        :return: how many grants the present keys cannot open
        """
        keys = self._keys()
        newest, vault = Vault(keys[:1]), Vault(keys)
        unreadable = 0
        # sudo: the grants are closed to everybody
        for account in self.sudo().search([("grant", "!=", False)]):
            try:
                newest.open(account.grant)
            except KeyUnavailable:
                try:
                    account.grant = vault.renew(account.grant)
                except KeyUnavailable:
                    unreadable += 1
        return unreadable

    # -------------------------------------------- the grant

    def _grant(self):
        """The tokens, for the next call to the provider.

        :raises AuthExpired: there are none
        :raises KeyUnavailable: they cannot be decrypted
        """
        sealed = self.sudo().grant
        if not sealed:
            raise AuthExpired("there is no grant")
        return Grant.from_json(self._vault().open(sealed))

    def _store_grant(self, grant):
        """Keep the tokens, encrypted, where they differ from those that are kept."""
        account = self.sudo()
        try:
            if account.grant and account._grant() == grant:
                return
        except KeyUnavailable:
            _logger.info("account %s: an unreadable grant is replaced", account.id)
        account.grant = self._vault().seal(grant.to_json())

    def _provider(self):
        """The account at its service; nothing is sent yet."""
        if self.provider == "cronofy":
            self._check_place(self.provider, self.user_id.company_id)
        return PROVIDERS[self.provider](self._application(), self._grant())

    @contextmanager
    def _connected(self):
        """The provider for one conversation; a refreshed grant is kept afterwards."""
        provider = self._provider()
        try:
            yield provider
        except SyncError:
            self._store_grant(provider.grant)
            raise
        finally:
            provider.close()
        self._store_grant(provider.grant)

    def _check_scopes(self):
        """Was everything granted that the mode needs? If not, the user is told."""
        if not self.sudo().grant or self.state == "revoked":
            return True
        try:
            missing = PROVIDERS[self.provider].missing_scopes(
                self.mode, self._grant().scopes
            )
            if missing:
                raise ScopeMissing(scopes=tuple(missing))
        except (KeyUnavailable, ScopeMissing) as err:
            self._needs_attention(self._explain(err), state="reconnect")
            return False
        return True

    # -------------------------------------------- connecting

    @api.model
    def _base_url(self):
        # sudo: the address of this Odoo is no secret
        icp = self.env["ir.config_parameter"].sudo()
        return (icp.get_param("web.base.url") or "").rstrip("/")

    @api.model
    @contextmanager
    def _conversation(self, provider, grant):
        """A provider with a grant that belongs to no account yet."""
        remote = PROVIDERS[provider](self._application_of(provider), grant)
        try:
            yield remote
        finally:
            remote.close()

    @api.model
    def _current(self, provider):
        """The user's own connection to a provider, empty when there is none."""
        return self.search(
            [
                ("user_id", "=", self.env.uid),
                ("provider", "=", provider),
                ("state", "!=", "revoked"),
            ],
            limit=1,
        )

    def _of_address(self, email):
        """Those connected to this address; upper and lower case are the same."""
        return self.filtered(lambda a: (a.email or "").lower() == (email or "").lower())

    @api.model
    def _connect(self, provider, mode, email, grant, calendars):
        """The user's connection, made or renewed, with a fresh grant.

        A renewed one keeps its calendars, links and settings; so does one that was
        revoked earlier and is now connected to the same account again.
        """
        # sudo: users do not create connections but through a provider's consent
        accounts = self.sudo()
        earlier = accounts.search(
            [("user_id", "=", self.env.uid), ("provider", "=", provider)]
        )
        account = accounts._current(provider) or earlier._of_address(email)[:1]
        if not account:
            account = accounts.create(
                {"user_id": self.env.uid, "provider": provider, "mode": mode}
            )
        # who is only asked when free is never synchronised
        complete = account.last_sync or account.mode == mode == "availability"
        back = {"revoked": "setup", "reconnect": "active" if complete else "setup"}
        account._store_grant(grant)
        account.write(
            {
                "email": email,
                "state": back.get(account.state, account.state),
                "failures": 0,
                "closed_on": False,
                "closed_note": False,
            }
        )
        account._store_calendars(calendars)
        account._clear_attention()
        account.mode = mode
        account._make_due()
        _logger.info("account %s: connected to %s", account.id, provider)
        return account

    # -------------------------------------------- errors in words

    def _explain(self, error):
        """What an error means for the owner and what to do, in their language."""
        account = self._in_owners_language()
        return explain(account.env, error, account._provider_label())

    @api.model
    def _label_of(self, provider):
        return dict(self._fields["provider"]._description_selection(self.env))[provider]

    def _provider_label(self):
        return self._label_of(self.provider)

    @contextmanager
    def _explained(self):
        """Foreseen errors end what the user does with a message, never a traceback."""
        try:
            yield
        except SyncError as err:
            _logger.info("account %s: %s (%s)", self.id, type(err).__name__, err.reason)
            text = self._explain(err)
            if isinstance(err, (AuthExpired, KeyUnavailable, ScopeMissing)):
                raise RedirectWarning(
                    text, self.action_reconnect(), self.env._("Connect again")
                ) from None
            raise UserError(text) from None
