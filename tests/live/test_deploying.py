"""docs/how-to/deploy.md, as written: each file that it shows is checked by whoever reads it."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis

from realtime.conf import Options
from tests.helpers.environment import clean_environment
from tests.helpers.live_browser import Browser
from tests.helpers.live_clients import Caller, Client, PlainClient, PythonClient
from tests.helpers.live_server import Clerk, LiveServer, free_port
from tests.helpers.postgres import empty_database
from tests.helpers.services import POSTGRES_URL, REDIS_URL, ROOT, skip_unless_ci

PAGE = (ROOT / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
UNIT = FILES["/etc/systemd/system/roomkey@.service"]
NGINX = FILES["/etc/nginx/conf.d/roomkey.conf"]
NAMESPACE = "/live"


def environment_of(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def value_of(name: str) -> str:
    return str(re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)[0])


def test_the_page_shows_every_file() -> None:
    assert set(FILES) == {
        "/etc/roomkey.env",
        "/etc/systemd/system/roomkey@.service",
        "/etc/nginx/conf.d/roomkey.conf",
        "/etc/redis/redis.conf",
        "/etc/postgresql/15/main/conf.d/roomkey.conf",
        "/etc/prometheus/prometheus.yml",
        "/etc/prometheus/roomkey.rules.yml",
        "restart.sh",
    }


def test_the_settings_pass_the_check_for_deployment(tmp_path: Path) -> None:
    given = environment_of(FILES["/etc/roomkey.env"])
    given["DATABASE_URL"] = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env=clean_environment(**given),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_systemd_waits_longer_than_a_drain_may_take() -> None:
    assert int(value_of("TimeoutStopSec")) > Options().drain_s + 5
    assert value_of("KillSignal") == "SIGTERM"


@pytest.mark.systemd
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "roomkey@8001.service"
    unit.write_text(UNIT.replace("/opt/roomkey/.venv/bin/python", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # Units of the machine's own may have faults; ours has none.
    assert not [line for line in done.stderr.splitlines() if "roomkey@8001" in line], done.stderr


def test_what_the_unit_starts_is_a_command(tmp_path: Path) -> None:
    words = value_of("ExecStart").replace("%i", str(free_port())).split()
    assert words[:2] == ["/opt/roomkey/.venv/bin/python", "manage.py"]
    server = LiveServer(
        tmp_path,
        command=[*words[2:-1], "{port}"],
        environment={"SECRET_KEY": "k", "ALLOWED_HOSTS": "127.0.0.1"},
    )
    server.manage("migrate", "--verbosity", "0")
    server.start()
    server.stop()


def test_the_shell_script_is_one() -> None:
    subprocess.run(["sh", "-n"], input=FILES["restart.sh"], text=True, check=True, timeout=10)


@pytest.mark.redis
def test_redis_takes_its_settings(tmp_path: Path) -> None:
    program = shutil.which("redis-server")
    if program is None:
        skip_unless_ci("redis-server is not installed here")
    port = free_port()
    config = tmp_path / "redis.conf"
    config.write_text(
        FILES["/etc/redis/redis.conf"].replace("port 6379", f"port {port}") + f"dir {tmp_path}\n"
    )
    process = subprocess.Popen([program, str(config)], stdout=subprocess.DEVNULL)
    try:
        client = Redis(port=port)
        _until(client.ping)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("save") == {"save": ""}
        client.close()
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.postgres
def test_postgresql_knows_its_settings() -> None:
    lines = FILES["/etc/postgresql/15/main/conf.d/roomkey.conf"].splitlines()
    settings = dict(line.split(" = ") for line in lines)
    with psycopg.connect(POSTGRES_URL) as connection:
        for name in settings:
            found = connection.execute("SELECT 1 FROM pg_settings WHERE name = %s", [name])
            assert found.fetchone() == (1,), name


def test_the_alerts_ask_for_metrics_that_there_are() -> None:
    rules = FILES["/etc/prometheus/roomkey.rules.yml"]
    reference = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    asked = set(re.findall(r"roomkey_\w+", "\n".join(re.findall(r"expr: (.*)", rules))))
    assert len(asked) > 8
    for name in asked:
        short = name.removesuffix("_bucket").replace("roomkey_process", "…")
        assert name.removesuffix("_bucket") in reference or short in reference, name


@pytest.mark.promtool
def test_prometheus_takes_its_files(tmp_path: Path) -> None:
    rules = FILES["/etc/prometheus/roomkey.rules.yml"]
    (tmp_path / "roomkey.rules.yml").write_text(rules)
    (tmp_path / "prometheus.yml").write_text(FILES["/etc/prometheus/prometheus.yml"])
    done = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 rules found" in done.stdout


class Nginx:
    """The page's proxy on ports of its own, before two processes."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        site = NGINX.replace("/var/log/nginx", str(folder))
        site = site.replace("listen 80;", "listen 127.0.0.1:1;")
        for shown, port in zip(("8001", "8002"), ports, strict=True):
            site = site.replace(f"127.0.0.1:{shown}", f"127.0.0.1:{port}")
        self.with_tls = site.replace("listen 443", f"listen 127.0.0.1:{self.port}")
        # Clients know no certificate of this machine's: the same without TLS.
        plain = re.sub(r"    ssl_\w+ .*\n", "", site)
        plain = plain.replace("listen 443 ssl http2", f"listen 127.0.0.1:{self.port}")
        plain = re.sub(r"server \{\n    listen 127.0.0.1:1;.*?^\}\n", "", plain, flags=re.S | re.M)
        self.plain = plain.replace("server_name rooms.example", "server_name 127.0.0.1")

    def write(self, site: str) -> Path:
        config = self.folder / "nginx.conf"
        config.write_text(
            f"daemon off;\nuser root;\npid {self.folder}/nginx.pid;\n"
            f"error_log {self.folder}/error.log;\nevents {{ worker_connections 512; }}\n"
            f"http {{\n{site}\n}}\n"
        )
        return config

    def check(self, site: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nginx", "-t", "-p", str(self.folder), "-c", str(self.write(site))],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.mark.nginx
def test_nginx_takes_the_page_s_file_with_its_certificate(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path, [free_port(), free_port()])
    paths = {name: tmp_path / f"rooms.{name}" for name in ("crt", "key")}
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *(
                "-subj",
                "/CN=rooms.example",
                "-keyout",
                str(paths["key"]),
                "-out",
                str(paths["crt"]),
            ),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    site = nginx.with_tls
    for name, path in paths.items():
        site = site.replace(f"/etc/ssl/rooms.example.{name}", str(path))
    done = nginx.check(site)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Nginx, list[LiveServer]]]:
    """nginx as the page has it, before two processes with the page's settings."""
    folder = tmp_path_factory.mktemp("site")
    with empty_database() as database:
        given = environment_of(FILES["/etc/roomkey.env"])
        given |= {
            "DATABASE_URL": database,
            "REDIS_URL": REDIS_URL,
            "REDIS_PREFIX": f"deploy-{free_port()}",
            "ALLOWED_HOSTS": "127.0.0.1",
            "HTTPS_ONLY": "0",
            "REALTIME_DRAIN_S": "1",
        }
        servers = [
            LiveServer(
                folder,
                name=f"server-{kind}",
                command=["serve", "--server", kind, "--host", "127.0.0.1", "--port", "{port}"],
                environment=given,
            )
            for kind in ("uvicorn", "daphne")
        ]
        servers[0].manage("migrate", "--verbosity", "0")
        for server in servers:
            server.start()
        clerk = Clerk(servers[0].environment)
        clerk.do("namespace", path=NAMESPACE, title="Live", welcome="Hi")
        clerk.do("room", namespace=NAMESPACE, name="csgo")
        clerk.stop()
        nginx = Nginx(folder, [server.port for server in servers])
        process = subprocess.Popen(
            ["nginx", "-p", str(folder), "-c", str(nginx.write(nginx.plain))],
            stderr=subprocess.DEVNULL,
        )
        try:
            _until(lambda: Browser(nginx.url).get("/healthz").status == 200)
            yield nginx, servers
        finally:
            process.terminate()
            process.wait(20)
            for server in servers:
                server.end()


@pytest.mark.nginx
@pytest.mark.postgres
@pytest.mark.redis
async def test_clients_meet_through_nginx_whatever_carries_them(
    site: tuple[Nginx, list[LiveServer]],
) -> None:
    nginx, servers = site
    origin = {"Origin": nginx.url}
    clients: list[Client] = [
        await PlainClient.connect(Caller(nginx.url, NAMESPACE, {}, origin)),
        await PythonClient.connect(Caller(nginx.url, NAMESPACE, {}, origin, ["polling"])),
        await PythonClient.connect(Caller(nginx.url, NAMESPACE, {}, origin, ["websocket"])),
    ]
    for client in clients:
        await client.hear("welcome")
        await client.hear("identity")
        assert (await client.ask("joinRoom", "csgo"))["ok"]
    assert (await clients[1].ask("message", {"room": "csgo", "text": "Hello"}))["ok"]
    for client in clients:
        heard = [args for event, args in await client.take_all() if event == "message"]
        assert [args[0]["text"] for args in heard] == ["Hello"]
    # The proxy's word on who it is counts, and a client's own does not pass.
    assert "127.0.0.1" in servers[0].manage("who", NAMESPACE)
    spoofed = Browser(nginx.url).get("/", X_Forwarded_Host="evil.example")
    assert spoofed.status == 200
    # What is read at each process's own port is not read here; queries are in no log.
    assert Browser(nginx.url).get("/metrics").status == 404
    assert Browser(servers[0].url).get("/metrics").status == 200
    log = (nginx.folder / "roomkey.log").read_text()
    assert "/socket.io/" in log
    assert "sid=" not in log
    for client in clients:
        await client.close()


def _until(is_there: Callable[[], object]) -> None:
    """Ask until it is there; what does not listen yet refuses."""
    deadline = time.monotonic() + 30
    while True:
        with suppress(OSError, RedisConnectionError):
            if is_there():
                return
        assert time.monotonic() < deadline, "it did not start"
        time.sleep(0.05)
