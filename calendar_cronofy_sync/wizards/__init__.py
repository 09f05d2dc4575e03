from . import calendar_sync_account_revoke
from . import calendar_sync_preview
from . import hr_interview_swap
