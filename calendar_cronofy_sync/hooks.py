"""What installing and uninstalling does beyond the tables."""

import logging

_logger = logging.getLogger(__name__)


def uninstall_hook(env):
    """Withdraw every permission before the tokens are dropped with their table.

    A service that does not answer does not stop the uninstallation.
    """
    accounts = env["calendar.sync.account"].search([("state", "!=", "revoked")])
    for account in accounts:
        if account._withdraw():
            _logger.warning(
                "account %s: the permission has to be withdrawn by hand", account.id
            )
        account.grant = False
    env["ir.config_parameter"].search(
        [("key", "=like", "calendar_cronofy_sync.%")]
    ).unlink()
