from . import calendar_sync_account
from . import calendar_sync_calendar
from . import calendar_sync_series
from . import calendar_sync_link
from . import calendar_sync_run
from . import calendar_event
