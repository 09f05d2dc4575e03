from . import models


def connect_everybody(env):
    env["res.users"].search([("share", "=", False)])._connect_for_test()
