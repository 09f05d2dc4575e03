# Where everything is; sourced by every verb, which runs in the checkout's top folder.
# shellcheck shell=bash
set -euo pipefail

ROOT=$PWD
CACHE=$(readlink -m "${CALENDAR_SYNC_CACHE:-$ROOT/.cache}")
VENV=$CACHE/venv
PYTHON=$VENV/bin/python
CONF=$CACHE/odoo.conf
ARTEFACTS=$CACHE/artefacts
STAMPS=$CACHE/stamps
ADDON=calendar_cronofy_sync

export PYTHONPATH=$ROOT PYTHONDONTWRITEBYTECODE=1
unset ODOO_RC OPENERP_SERVER PYTEST_DB_USE_ENV_VARS PYTEST_ADDOPTS

say() { printf '\033[2m[%3ds] %s\033[0m\n' "$SECONDS" "$*" >&2; }
die() {
  printf '%s\n' "$@" >&2
  exit 1
}
