from . import test_sync_basic
from . import test_sync_series
from . import test_account
from . import test_rights
from . import test_interview_slots
from . import test_oauth
from . import test_interview_booking
