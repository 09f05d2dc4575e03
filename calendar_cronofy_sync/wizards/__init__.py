from . import calendar_sync_account_revoke
from . import hr_interview_swap
from . import calendar_sync_preview
