"""Completion of commands and options by the shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from helpers.command import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_accepts(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("completion", shell) == 0
    script = capsys.readouterr().out
    assert "evaluate" in script
    if not shutil.which(shell):
        pytest.skip(f"{shell} is absent")
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is absent")
@pytest.mark.parametrize(
    ("line", "completed"), [("dvplug eval", {"evaluate"}), ("dvplug call --max", {"--max-memory"})]
)
def test_bash_completes(line: str, completed: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", "bash") == 0
    script = capsys.readouterr().out
    ask = f"""
COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
function=$(complete -p dvplug | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "$function"; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash"], input=script + ask, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == completed
