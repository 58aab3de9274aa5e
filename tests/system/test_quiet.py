"""Libraries are not heard, unless they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.training_toys import toy_examples, write_shard

PROGRAM = """
import os, sys, warnings
from dvplug.errors import InputError
from dvplug.system import console
from dvplug.system.quiet import libraries_kept_quiet

console.info("before")
try:
    with libraries_kept_quiet():
        os.write(2, b"native noise\\n")
        with libraries_kept_quiet():
            warnings.warn("python noise")
        console.info("ours")
        console.warn("ours too")
        {end}
except InputError as error:
    console.info(str(error))
console.info("after")
os.write(2, b"heard again\\n")
"""


def run(end: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(end=end)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.stdout == ""
    return ran.returncode, ran.stderr


def test_only_our_own_words_are_heard() -> None:
    assert run("pass") == (0, "before\nours\nwarning: ours too\nafter\nheard again\n")


def test_a_mistake_of_the_user_does_not_bring_the_noise_back() -> None:
    assert run("raise InputError('mend this')") == (
        0,
        "before\nours\nwarning: ours too\nmend this\nafter\nheard again\n",
    )


@pytest.mark.parametrize(
    "end", ["raise RuntimeError('the library failed')", "os.abort()", "os.kill(os.getpid(), 9)"]
)
def test_where_a_library_fails_all_that_it_said_is_told(end: str) -> None:
    code, said = run(end)
    assert code != 0
    assert "native noise\n" in said
    assert "python noise" in said
    assert "ours\n" in said
    assert "heard again" not in said
    if "RuntimeError" in end:
        assert "RuntimeError: the library failed" in said


def test_training_and_export_print_nothing_but_our_own_words(tmp_path: Path) -> None:
    train = write_shard(tmp_path / "train.h5", toy_examples(64, seed=1))
    tune = write_shard(tmp_path / "tune.h5", toy_examples(64, seed=2))
    about = ["--name", "toy", "--model-version", "1.0.0", "--description", "x", "--held-out", "y"]
    fitted = str(tmp_path / "fitted")
    said = ""
    for words in (
        ["fit", str(train), "--tune", str(tune), "--out", fitted, "--epochs", "1", "--batch-size", "32"],
        ["export", fitted, "--tune", str(tune), "--out", str(tmp_path / "model"), *about],
    ):
        ran = subprocess.run(
            [sys.executable, "-c", "from dvplug.cli import main; main()", "train", *words],
            capture_output=True, text=True, check=False, timeout=300, env=os.environ,
        )  # fmt: skip
        assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
        said += ran.stderr
    ours = ("64 examples", "epoch 1:", "stopped", "kept epoch 1:", "toy@1.0.0:")
    others = [line for line in said.splitlines() if not line.startswith((*ours, "warning: "))]
    assert others == []
    assert all(start in said for start in ours)
