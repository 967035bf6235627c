"""Runs the tests of the named kinds and counts every case: count.py BUILD_DIR KIND...

unit         the Criterion programs of test/unit, which need nothing
storage      the Criterion programs of test/integration, against a PostgreSQL started here
integration  pytest on test/integration: the service as its clients see it
"""
import glob
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM_TIMEOUT_S = 600
PYTEST_TIMEOUT_S = 2400


def run(command, timeout, env=None):
    """Exit status; a hang counts as a failure, not as a wait."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, timeout=timeout, env=env, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"{command[0]}: not done after {timeout} s", flush=True)
        return -1


def criterion(programs, env=None):
    passed = failed = 0
    for program in programs:
        tap = program + ".tap"
        if os.path.exists(tap):
            os.remove(tap)
        status = run([program, f"--tap={tap}"], PROGRAM_TIMEOUT_S, env)
        lines = open(tap, encoding="utf-8").read().splitlines() if os.path.exists(tap) else []
        bad = sum(line.startswith("not ok") for line in lines)
        skipped = sum(line.startswith("ok") and "# SKIP" in line for line in lines)
        good = sum(line.startswith("ok") for line in lines) - skipped
        if status and not bad:
            print(f"{program}: exit status {status}", flush=True)
            bad = 1
        if not good + bad + skipped:
            print(f"{program}: no test ran", flush=True)
            bad = 1
        passed, failed = passed + good, failed + bad
    return passed, failed


def unit(build):
    return criterion(sorted(p for p in glob.glob(f"{build}/unit/*") if is_program(p)))


def storage(build):
    programs = sorted(p for p in glob.glob(f"{build}/integration/*") if is_program(p))
    if not programs:
        return 0, 0
    sys.path.insert(0, HERE)
    from fixture.postgres import Postgres

    server = Postgres().create(os.environ["ANALYTICSD"])
    try:
        env = {
            "TEST_DB_HOST": "127.0.0.1",
            "TEST_DB_PORT": str(server.port),
            "TEST_DB_NAME": "postgres",
            "TEST_DB_USER": "postgres",
        }
        return criterion(programs, {**os.environ, **env})
    finally:
        server.destroy()


def integration(build):
    report = f"{build}/pytest.xml"
    if os.path.exists(report):
        os.remove(report)
    status = run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
         os.path.join(HERE, "integration")],
        PYTEST_TIMEOUT_S,
    )
    if not os.path.exists(report):
        return 0, 1
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    n = {k: sum(int(s.get(k)) for s in suites) for k in ("tests", "failures", "errors", "skipped")}
    bad = n["failures"] + n["errors"]
    if status and not bad:
        bad = 1
    return n["tests"] - bad - n["skipped"], bad


def is_program(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def main():
    build, kinds = sys.argv[1], sys.argv[2:]
    known = {"unit": unit, "storage": storage, "integration": integration}
    passed = failed = 0
    for kind in kinds:
        if kind not in known:
            sys.exit(f"{kind}: none of {', '.join(known)}")
        good, bad = known[kind](build)
        print(f"{kind}: {good} passed, {bad} failed", flush=True)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not passed else 0)


main()
