"""analyticsd dev: a service with a PostgreSQL of its own."""
import os
import subprocess

from fixture.service import binary


def test_it_is_not_taken_for_another_service_on_its_ports(service, tmp_path):
    p = subprocess.run(
        [binary(), "dev", "--demo", "--data", str(tmp_path / "data")],
        env={**os.environ, **service.settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert p.returncode == 1 and p.stdout == b"", p
    assert f"GRPC_PORT: cannot listen on 127.0.0.1 port {service.grpc_port}" in p.stderr.decode()
    assert service.metric("events_received_total") == 0, "nothing was played into it"
