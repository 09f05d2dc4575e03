"""The web page."""


class Pages:
    ROUTES = ()

    def __init__(self, simulator):
        self.simulator = simulator
