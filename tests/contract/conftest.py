def pytest_configure(config):
    config.addinivalue_line(
        "markers", "needs(*features): runs in the worlds whose provider has them"
    )
