import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from fixture.postgres import Postgres  # noqa: E402
from fixture.service import Service, binary  # noqa: E402


@pytest.fixture(scope="session")
def postgres():
    """The server that tests share; whoever stops one takes own_postgres."""
    server = Postgres().create(binary())
    yield server
    server.destroy()


@pytest.fixture
def ending():
    """What a test started, by kind: services end first, and well, whatever the order in which the
    test named them."""
    services, later = [], []
    yield services, later
    failures = []
    for s in reversed(services):
        try:
            s.stop()
        except AssertionError as e:
            failures.append(str(e))
        finally:
            s.kill()
            shutil.rmtree(s.dir, ignore_errors=True)
    for end in later:
        end()
    assert not failures, "\n".join(failures)


@pytest.fixture
def db(postgres, ending):
    database = postgres.database()
    ending[1].append(lambda: postgres.drop(database))
    return database


@pytest.fixture
def own_postgres(ending):
    """A server for one test, which may stop it, start it and kill it."""
    server = Postgres(fsync=True).create(binary())
    ending[1].append(server.destroy)
    return server


@pytest.fixture
def launch(ending):
    """launch(db, workers=1, **settings): starts a service that ends with the test, and ends
    well."""

    def start(db=None, workers=1, wait_for="ready", **settings):
        s = Service(db, workers, **settings)
        ending[0].append(s)
        return s.start(wait_for)

    return start


@pytest.fixture
def service(db, launch):
    """A service with one worker on the test's database."""
    return launch(db)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its services said."""
    report = (yield).get_result()
    if report.when == "call" and report.failed and "ending" in item.funcargs:
        for s in item.funcargs["ending"][0]:
            report.sections.append(("stderr of the service", s.stderr()[-6000:]))
