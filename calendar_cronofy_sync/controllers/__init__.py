from . import interview, oauth
