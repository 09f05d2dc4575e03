"""What installing and uninstalling does beyond the tables."""

import logging
import os
from contextlib import closing, suppress

import psycopg2

from odoo import sql_db
from odoo.tools import config

from .calsync.errors import SyncError, Unavailable
from .models.calendar_sync_grant import KEY_FILE

_logger = logging.getLogger(__name__)


def uninstall_hook(env):
    """Withdraw every permission before the tokens are dropped with their table, and
    leave nothing behind: no parameter, no to-do, no key.

    A service that does not answer does not stop the uninstallation, and is not asked
    for every connection.
    """
    every = env["calendar.sync.account"].search([])
    connected = every.filtered(lambda account: account.state != "revoked")
    for accounts in connected.grouped("provider").values():
        _withdraw(accounts)
    every.attention_activity_id.unlink()
    env["ir.config_parameter"].search(
        [("key", "=like", "calendar_cronofy_sync.%")]
    ).unlink()
    if not _installed_elsewhere(env):
        env.cr.postcommit.add(_forget_key)


def _forget_key():
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(config["data_dir"], KEY_FILE))


def _installed_elsewhere(env):
    """Does another database need the key? It belongs to the data directory, which they
    share; one that cannot be asked may need it."""
    env.cr.execute(
        """SELECT datname FROM pg_database
            WHERE datallowconn AND NOT datistemplate AND datname != %s""",
        [env.cr.dbname],
    )
    return any(_installed_in(name) for (name,) in env.cr.fetchall())


def _installed_in(database):
    try:
        # (a connection of our own: the pool's are for those who work there)
        info = sql_db.connection_info_for(database)[1]
        with closing(psycopg2.connect(**info)) as connection:
            cr = connection.cursor()
            cr.execute("SELECT to_regclass('ir_module_module')")
            if cr.fetchone() == (None,):  # none of Odoo's
                return False
            cr.execute(
                """SELECT 1 FROM ir_module_module
                    WHERE name = 'calendar_cronofy_sync'
                      AND state NOT IN ('uninstalled', 'uninstallable')"""
            )
            return bool(cr.fetchone())
    except psycopg2.Error as err:
        _logger.info("%s cannot be asked: %s", database, type(err).__name__)
        return True


def _withdraw(accounts):
    """Withdraw the permissions of one provider, and forget them."""
    answers = True
    for account in accounts:
        done = False
        try:
            if answers:
                account._give_back()
                done = True
        except SyncError as err:
            answers = not isinstance(err, Unavailable)
        if not done:
            _logger.warning(
                "account %s: the permission has to be withdrawn by hand", account.id
            )
        account.grant = False
