from . import interview
from . import notify
from . import oauth
