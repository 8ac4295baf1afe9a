"""A PostgreSQL on another machine: TLS on both sides, and a password by SCRAM."""

import contextlib
import pathlib
import subprocess

import psycopg2
import pytest
from harness.servers import Postgres, free_port

PASSWORD = "a secret of the database"


class Authority:
    """Certificates of one authority, made by openssl."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.file = self._make(name, "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, common_name, host=None):
        """Returns the files of certificate and key."""
        return self._make(common_name, "-CA", self.file[0], "-CAkey", self.file[1], "-addext",
                          "basicConstraints=critical,CA:false", *(["-addext", f"subjectAltName={host}"] if host else []))

    def _make(self, common_name, *more):
        certificate, key = (self.folder / f"{self.name}-{common_name}.{kind}" for kind in ("pem", "key"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={common_name}", "-keyout", key, "-out", certificate, *more], check=True, capture_output=True)
        return certificate, key


class RemotePostgres(Postgres):
    """Also listens on 127.0.0.1, where it takes only TLS, a client's certificate that names the role, and its password."""

    def __init__(self, folder, authority, host):
        self.port = free_port()
        own = pathlib.Path(folder) / "postgres"
        own.mkdir()
        certificate, key = authority.issue("database", host)
        for file in (certificate, key, authority.file[0]):
            (own / file.name).write_bytes(file.read_bytes())
        (own / key.name).chmod(0o600)
        (own / "settings.conf").write_text(
            f"listen_addresses = '127.0.0.1'\nport = {self.port}\nssl = on\nssl_cert_file = '{own / certificate.name}'\n"
            f"ssl_key_file = '{own / key.name}'\nssl_ca_file = '{own / authority.file[0].name}'\n", encoding="utf-8")
        (own / "hba").write_text("hostssl all tellercast_run 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n", encoding="utf-8")
        super().__init__(folder)


class Remote:
    def __init__(self, stack, folder, host="IP:127.0.0.1"):
        self.authority = Authority(folder, "bank")
        self.other = Authority(folder, "other")
        self.postgres = RemotePostgres(folder, self.authority, host)
        self.name = stack.database.value("SELECT current_database()")
        self.postgres.create_migrated(self.name)
        stack.database.lead_to(self.postgres)
        stack.database.rows(f"ALTER ROLE tellercast_run PASSWORD '{PASSWORD}'")
        self.password_file = self.write_password(folder / "password", PASSWORD)

    def write_password(self, file, password):
        """Writes a file as libpq reads it."""
        file.write_text(f"*:*:*:tellercast_run:{password}\n", encoding="utf-8")
        file.chmod(0o600)
        return file

    def address(self, **changed):
        """The connection string of docs/operations.md."""
        certificate, key = self.authority.issue("tellercast_run")
        values = {"host": "127.0.0.1", "port": self.postgres.port, "user": "tellercast_run", "dbname": self.name,
                  "sslmode": "verify-full", "sslrootcert": self.authority.file[0], "sslcert": certificate, "sslkey": key,
                  "passfile": self.password_file, **changed}
        return " ".join(f"{key}={value}" for key, value in values.items() if value is not None)


@pytest.fixture
def folder(stack):
    made = stack.folder / "remote"
    made.mkdir()
    return made


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def remote(stack, folder, opened):
    made = Remote(stack, folder)
    opened.callback(made.postgres.stop)
    opened.callback(stack.database.lead_to, stack.postgres)
    return made


def test_a_rollout_runs_over_tls_with_certificates_and_a_password(stack, remote):
    stack.orchestrator(database=remote.address())
    stack.import_fleet({"B1": ["A1"]}, ["P1"])
    stack.add_artifact()
    stack.client("pull", "P1")
    rollout = stack.submit(selector={"devices": ["P1"]})
    stack.wait_for_rollout(rollout)
    sessions = stack.database.rows("SELECT a.usename, s.ssl, s.version, s.client_dn FROM pg_stat_activity a JOIN pg_stat_ssl s "
                                   "USING (pid) WHERE a.application_name LIKE 'tellercastd%%'")
    assert sessions
    for session in sessions:
        assert session == {"usename": "tellercast_run", "ssl": True, "version": "TLSv1.3", "client_dn": "/CN=tellercast_run"}
    assert PASSWORD not in stack.orchestrators[0].text()


def refused(stack, address, reason):
    orchestrator = stack.orchestrator(ready=False, database=address)
    orchestrator.wait_until(lambda: reason in orchestrator.text(), f"it says: {reason}")
    lines = [line for line in orchestrator.text().splitlines() if reason in line]
    assert all("database.unavailable" in line for line in lines) and not orchestrator.is_ready()
    assert PASSWORD not in orchestrator.text()
    orchestrator.kill()


def test_a_server_is_refused_whose_certificate_another_authority_signed(stack, remote):
    refused(stack, remote.address(sslrootcert=remote.other.file[0]), "certificate verify failed")


def test_a_server_is_refused_whose_certificate_is_for_another_host(stack, folder, opened):
    remote = Remote(stack, folder, "DNS:another.example")
    opened.callback(remote.postgres.stop)
    opened.callback(stack.database.lead_to, stack.postgres)
    refused(stack, remote.address(), "does not match host name")


def test_the_server_refuses_a_wrong_password_a_missing_or_foreign_certificate_and_no_tls(stack, remote, folder):
    wrong = remote.write_password(folder / "wrong", "guess")
    certificate, key = remote.other.issue("tellercast_run")
    foreign, foreign_key = remote.authority.issue("somebody")
    refused(stack, remote.address(passfile=wrong), "password authentication failed")
    refused(stack, remote.address(sslcert="/none", sslkey="/none"), "connection requires a valid client certificate")
    refused(stack, remote.address(sslcert=certificate, sslkey=key), "unknown ca")
    refused(stack, remote.address(sslcert=foreign, sslkey=foreign_key), "authentication failed")
    refused(stack, remote.address(sslmode="disable"), "no encryption")
    refused(stack, remote.address(user="tellercast_migrate"), "no pg_hba.conf entry")
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(remote.address(user="tellercast"))
    stack.orchestrator(ready=False, database=remote.address()).wait_until_ready()
