from . import interview, notify, oauth
