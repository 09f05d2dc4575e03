"""What installing and uninstalling does beyond the tables."""

import logging

from .calsync.errors import SyncError, Unavailable

_logger = logging.getLogger(__name__)


def uninstall_hook(env):
    """Withdraw every permission before the tokens are dropped with their table.

    A service that does not answer does not stop the uninstallation, and is not asked
    for every connection.
    """
    accounts = env["calendar.sync.account"].search([("state", "!=", "revoked")])
    for connected in accounts.grouped("provider").values():
        _withdraw(connected)
    env["ir.config_parameter"].search(
        [("key", "=like", "calendar_cronofy_sync.%")]
    ).unlink()


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
