"""The archive's CloudFormation template, as CloudFormation's own linter reads it."""

import subprocess

from conftest import BINARY, TOOLS


def test_the_template_is_valid(tmp_path):
    template = tmp_path / "archive.yaml"
    template.write_text(subprocess.run([BINARY, "archive", "template"], capture_output=True, text=True, check=True).stdout)
    lint = subprocess.run([str(TOOLS / "cfn-lint"), str(template)], capture_output=True, text=True)
    assert lint.returncode == 0, lint.stdout + lint.stderr
    # The linter does find faults.
    template.write_text(template.read_text().replace("AWS::Logs::LogGroup", "AWS::Logs::LogGrope"))
    assert subprocess.run([str(TOOLS / "cfn-lint"), str(template)], capture_output=True).returncode != 0
