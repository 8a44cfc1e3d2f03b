"""`aws ecs-trace` through both real AWS CLIs: what they swallow is won back, and what they know of MFA is asked for."""

import os
import pathlib
import pty
import select
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import BINARY, REGION, TOOLS

ID = "00000000000000000000000000000001"
FOLDERS = {"1": TOOLS, "2": pathlib.Path("/usr/bin")}


class Aws:
    """One version of the AWS CLI with the alias in its home."""

    def __init__(self, version, on_path, home):
        self.version = version
        self.home = home
        # What the test's own environment adds is its own: aws v1 is only in its venv, and v2 must not be shadowed by it.
        path = [on_path, FOLDERS[version], "/usr/bin", "/bin"]
        self.env = {
            "PATH": ":".join(map(str, path)), "HOME": str(home), "TZ": "UTC", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", "NO_PROXY": "127.0.0.1",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLEONCALL001", "AWS_SECRET_ACCESS_KEY": "example",
        }
        told = self("--version")
        assert (told.stdout + told.stderr).startswith(f"aws-cli/{version}."), told
        installed = subprocess.run([BINARY, "alias", "--install", "--yes"], env=self.env, capture_output=True, text=True)
        assert installed.returncode == 0, installed.stderr

    def __call__(self, *arguments, **more):
        return subprocess.run(["aws", *arguments], env={**self.env, **more}, capture_output=True, text=True, timeout=120)


@pytest.fixture(params=sorted(FOLDERS))
def aws(request, on_path, tmp_path):
    return Aws(request.param, on_path, tmp_path)


@pytest.fixture
def aws_v2(on_path, tmp_path):
    return Aws("2", on_path, tmp_path)


def on_a_terminal(command, env, answers=(), seconds=60):
    """Runs a command under a terminal, and types each answer when what it answers has come. Code, and all that was shown."""
    child, screen = pty.fork()
    if child == 0:
        try:
            os.execvpe(command[0], command, env)
        finally:
            os._exit(127)
    shown, answers, end = "", list(answers), time.monotonic() + seconds
    while True:
        if answers and answers[0][0] in shown:
            # getpass throws away what was typed before it asked.
            time.sleep(0.3)
            os.write(screen, answers.pop(0)[1].encode())
        if not select.select([screen], [], [], 0.2)[0]:
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                raise AssertionError(f"still running after {seconds} s:\n{shown}")
            continue
        try:
            more = os.read(screen, 65536)
        except OSError:
            more = b""
        if not more:
            break
        shown += more.decode(errors="replace")
    _, status = os.waitpid(child, 0)
    os.close(screen)
    return os.waitstatus_to_exitcode(status), shown.replace("\r\n", "\n")


@pytest.mark.parametrize("line", [
    "ecs-trace why demo:out-of-memory --query verdict.cause --output json",
    "--query verdict.cause --output json ecs-trace why demo:out-of-memory",
    "ecs-trace --out=json why --q=verdict.cause demo:out-of-memory",
    "ecs-trace why --qu verdict.cause demo:out-of-memory --outp json --no-pag",
])
def test_what_aws_swallowed_is_won_back_in_every_spelling(aws, line):
    ran = aws(*line.split())
    assert (ran.returncode, ran.stdout) == (0, '"out-of-memory"\n'), ran.stderr
    assert ran.stderr == "using --query verdict.cause --output json from the aws command line\n"


def test_an_expression_with_blanks_and_quotes_arrives_whole(aws):
    ran = aws("ecs-trace", "why", "demo:out-of-memory", "--query", "task.containers[?name == 'app'].{n: name}", "--output", "json")
    assert (ran.returncode, ran.stdout.split()) == (0, ["[", "{", '"n":', '"app"', "}", "]"]), ran.stderr


def test_the_region_profile_and_endpoint_given_to_aws_are_asked(aws, moto):
    config = aws.home / "config"
    config.write_text("[profile oncall]\nregion = us-west-2\naws_access_key_id = AKIAEXAMPLEONCALL001\naws_secret_access_key = x\n")
    asking = ["ecs-trace", "timeline", ID, "-c", "nosuch", "-v", "--timeout", "15s", "--endpoint-url", moto.url]
    by_region = aws(*asking, "--reg", "eu-north-1", AWS_REGION=REGION)
    assert by_region.returncode == 4 and " eu-north-1 " in by_region.stderr and f" {REGION} " not in by_region.stderr, by_region.stderr
    assert f"using --region eu-north-1 --endpoint-url {moto.url} from the aws command line" in by_region.stderr
    by_profile = aws("--prof", "oncall", *asking, AWS_CONFIG_FILE=str(config))
    assert by_profile.returncode == 4 and " us-west-2 " in by_profile.stderr, by_profile.stderr
    unknown = aws("--profile", "nosuch", *asking, AWS_CONFIG_FILE=str(config))
    assert unknown.returncode == 253 and "no profile `nosuch`" in unknown.stderr, unknown.stderr


def test_debug_of_aws_is_verbose_here(aws, moto):
    ran = aws("ecs-trace", "timeline", ID, "-c", "nosuch", "--timeout", "15s", "--debug", "--endpoint-url", moto.url, "--region", REGION)
    assert ran.returncode == 4 and "--debug (as -v)" in ran.stderr and "ecs:" in ran.stderr, ran.stderr


def test_a_bundle_given_to_aws_is_trusted(aws, moto_over_tls):
    asking = ["ecs-trace", "timeline", ID, "-c", "nosuch", "--timeout", "10s", "--region", REGION, "--endpoint-url", moto_over_tls.env["AWS_ENDPOINT_URL"]]
    ran = aws(*asking, "--ca-bundle", str(moto_over_tls.bundle))
    assert ran.returncode == 4 and "no cluster `nosuch`" in ran.stderr, ran.stderr
    unsafe = aws(*asking, "--no-verify-ssl")
    assert unsafe.returncode == 255 and "--no-verify-ssl, given to aws, is not taken over" in unsafe.stderr, unsafe.stderr


def test_what_was_given_to_ecs_trace_itself_wins_and_passes_untouched(aws):
    ran = aws("ecs-trace", "why", "demo:out-of-memory", "-o", "json", "-r", REGION, "--region", "us-east-1", "--output", "table")
    assert ran.returncode == 0 and ran.stdout.startswith("{") and ran.stderr == "", ran.stderr
    ran = aws("ecs-trace", "why", "demo:out-of-memory", "--format", "jsonl")
    assert ran.returncode == 0 and ran.stdout.startswith('{"') and ran.stderr == "", ran.stderr


def test_a_format_that_only_aws_has_is_bad_usage(aws):
    ran = aws("ecs-trace", "why", "demo:out-of-memory", "--output", "table")
    assert ran.returncode == 252 and ran.stdout == "" and "there are: text, json" in ran.stderr, ran.stderr


def test_return_codes_and_quiet_come_through(aws):
    assert aws("ecs-trace", "why", "demo:nosuch").returncode == 252
    assert aws("ecs-trace", "why", ID).returncode == 253
    ran = aws("ecs-trace", "why", "demo:out-of-memory", "-q", "--region", REGION)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_nothing_is_won_back_from_behind_two_dashes(aws):
    ran = aws("ecs-trace", "explain", "--", "--region", "eu-west-9")
    assert "using" not in ran.stderr and "lost" not in ran.stderr, ran.stderr


def test_aliases_of_ones_own_work_too(aws):
    with open(aws.home / ".aws/cli/alias", "a") as file:
        file.write("[command s3]\nx = y\n")
    text = (aws.home / ".aws/cli/alias").read_text().replace("[toplevel]\n", '[toplevel]\nfn = !f() { ECS_TRACE_VIA=aws-alias ecs-trace "$@" -q; }; f\nexecuted = !exec env ECS_TRACE_VIA=aws-alias ecs-trace\nwhy = !ECS_TRACE_VIA=aws-alias ecs-trace why\n')
    (aws.home / ".aws/cli/alias").write_text(text)
    for line, told in [("fn why", False), ("executed why", True), ("why", True)]:
        ran = aws(*line.split(), "demo:out-of-memory", "--query", "verdict.cause", "--output", "json")
        assert (ran.returncode, ran.stdout, "using --query" in ran.stderr) == (0, '"out-of-memory"\n', told), ran.stderr


def test_below_ecs_it_is_a_command_of_version_2(aws):
    ran = aws("ecs", "trace", "why", "demo:out-of-memory", "--query", "verdict.cause", "--output", "json")
    if aws.version == "2":
        assert (ran.returncode, ran.stdout) == (0, '"out-of-memory"\n'), ran.stderr
    else:
        assert ran.returncode != 0 and "Invalid choice" in ran.stderr


def test_the_line_is_dim_on_a_terminal(aws):
    code, shown = on_a_terminal(["aws", "ecs-trace", "who-stopped", "demo:out-of-memory", "--region", REGION], {**aws.env, "TERM": "xterm-256color"})
    assert code == 0 and f"\x1b[2musing --region {REGION} from the aws command line\x1b[0m\n" in shown, shown


def test_the_change_is_shown_and_made_when_agreed_to(on_path, tmp_path):
    file = tmp_path / ".aws/cli/alias"
    file.parent.mkdir(parents=True)
    mine = "# mine\n[toplevel]\nwhoami = sts get-caller-identity\necs-trace = !old\n"
    file.write_text(mine)
    env = {"PATH": f"{on_path}:/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "xterm-256color"}
    for answer, code in [("n\n", 0), ("\n", 0), ("\x04", 0)]:
        ran, shown = on_a_terminal(["ecs-trace", "alias", "--install"], env, [("[y/n] ", answer)])
        assert ran == code and "-ecs-trace = !old\n+ecs-trace = !ECS_TRACE_VIA" in shown and "replace the alias ecs-trace" in shown and "nothing was changed" in shown, shown
        assert file.read_text() == mine
    ran, shown = on_a_terminal(["ecs-trace", "alias", "--install"], env, [("[y/n] ", "y\n")])
    assert ran == 0 and "written to" in shown, shown
    assert file.read_text() == mine.replace("!old", "!ECS_TRACE_VIA=aws-alias ecs-trace") + "\n[command ecs]\ntrace = !ECS_TRACE_VIA=aws-alias ecs-trace\n"
    assert sorted(os.listdir(file.parent)) == ["alias"]


@pytest.fixture
def proxy(moto_over_tls):
    """An HTTPS proxy that leads every name to the emulator: version 2.9 of the AWS CLI knows no other endpoint for STS."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(moto_over_tls.env["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])

    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            asked = b""
            while b"\r\n\r\n" not in asked and (data := client.recv(65536)):
                asked += data
            emulator = socket.create_connection(("127.0.0.1", port))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for ends in ((client, emulator), (emulator, client)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_a_code_is_asked_for_by_version_2_and_version_1_is_too_old(aws, moto_over_tls, proxy):
    config = aws.home / "config"
    config.write_text(
        f"[profile base]\naws_access_key_id = AKIAEXAMPLEONCALL001\naws_secret_access_key = x\n"
        f"[profile mfa]\nregion = {REGION}\nrole_arn = arn:aws:iam::123456789012:role/reader\nsource_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/ines\n"
    )
    env = {**aws.env, "AWS_CONFIG_FILE": str(config), "AWS_ENDPOINT_URL": moto_over_tls.env["AWS_ENDPOINT_URL"], "AWS_CA_BUNDLE": str(moto_over_tls.bundle), "HTTPS_PROXY": proxy}
    command = ["ecs-trace", "timeline", ID, "-c", "nosuch", "-p", "mfa", "--timeout", "20s"]
    code, shown = on_a_terminal(command, env, [("Enter MFA code for arn:aws:iam::123456789012:mfa/ines: ", "123456\n")])
    if aws.version == "2":
        assert code == 4 and "Enter MFA code" in shown and "no cluster `nosuch`" in shown, shown
        # The AWS CLI keeps the session it got, and asks no second time.
        code, shown = on_a_terminal(command, env)
        assert code == 4 and "Enter MFA code" not in shown, shown
    else:
        assert code == 253 and "too old" in shown and "2.9 or newer" in shown, shown
