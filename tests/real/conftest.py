"""Real parts: emulators of AWS, the AWS CLI, shells. Nothing here is skipped; `.ci/run` installs what it needs."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import boto3
import pytest
import trustme

BINARY = os.environ["ECS_TRACE_BIN"]
TOOLS = pathlib.Path(sys.executable).parent
REGION = "eu-west-1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the emulator ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"nothing listens on {port} after {seconds} s")


class Cloud:
    """An emulated AWS at a URL, and the programs that talk to it."""

    def __init__(self, url, home):
        self.url = url
        self.env = {
            "PATH": f"{TOOLS}:{os.environ['PATH']}", "HOME": str(home), "TZ": "UTC", "AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEONCALL001", "AWS_SECRET_ACCESS_KEY": "example", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
            "NO_PROXY": "127.0.0.1",
        }

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"], aws_secret_access_key="example")

    def aws(self, *arguments):
        """The real AWS CLI."""
        ran = subprocess.run([str(TOOLS / "aws"), *arguments], env=self.env, capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def ecs_trace(self, *arguments, **more):
        return subprocess.run([BINARY, *arguments], env=self.env, capture_output=True, text=True, timeout=120, **more)


def emulator(command, port, env, home):
    log = open(home / "emulator.log", "w")
    process = subprocess.Popen(command, env={**os.environ, **env}, stdout=log, stderr=subprocess.STDOUT, cwd=home)
    try:
        wait_for(port, process)
        yield Cloud(f"http://127.0.0.1:{port}", home)
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    port = free_port()
    env = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "CLOUDTRAIL_RECORDING": "1", "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0"}
    yield from emulator([str(TOOLS / "ministack")], port, env, tmp_path_factory.mktemp("ministack"))


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    port = free_port()
    yield from emulator([str(TOOLS / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], port, {}, tmp_path_factory.mktemp("moto"))


@pytest.fixture(scope="session")
def moto_over_tls(tmp_path_factory):
    """The same emulator behind a certificate that only a bundle of our own vouches for."""
    home = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home / "bundle.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost", f"sts.{REGION}.amazonaws.com")
    certificate.private_key_pem.write_to_path(home / "key.pem")
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(home / "cert.pem", append=True)
    port = free_port()
    command = [str(TOOLS / "moto_server"), "-H", "127.0.0.1", "-p", str(port), "-s", "-c", str(home / "cert.pem"), "-k", str(home / "key.pem")]
    for cloud in emulator(command, port, {}, home):
        cloud.env["AWS_ENDPOINT_URL"] = f"https://127.0.0.1:{port}"
        cloud.bundle = home / "bundle.pem"
        cloud.env["AWS_CA_BUNDLE"] = str(cloud.bundle)
        yield cloud


@pytest.fixture
def on_path(tmp_path):
    """A folder with ecs-trace in it, to stand in front of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    os.symlink(BINARY, folder / "ecs-trace")
    return folder


def need(tool):
    assert shutil.which(tool), f"{tool} is not installed"
    return tool
