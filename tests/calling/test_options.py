"""The options of `dvplug call`: written once, offered alike by the command, by Python, in the header, by --resume."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np
import pytest
from cyclopts import App

import dvplug
from dvplug.calling.api import with_options
from dvplug.calling.keywords import CallKeywords
from dvplug.calling.option_kinds import FILES, TEXTS
from dvplug.calling.options import Bearing, CallOptions, Option, option_fields
from dvplug.cli.call import call, command_signature
from dvplug.errors import InputError

FIELDS = {field.name: field for field in option_fields(CallOptions)}
GIVEN = {"tech": "ion", "ref": "g.fa", "reads": "r.bam", "out": "x.vcf"}


@dataclass(frozen=True)
class MoreOptions(CallOptions):
    """As if fields were added, one of each bearing."""

    most_depth: Annotated[int, Option("Reads at a site, at most.", Bearing.VALUE)] = 100
    masks: Annotated[tuple[Path, ...], Option("Where nobody looks.", Bearing.CONTENT, FILES)] = ()
    colours: Annotated[tuple[str, ...], Option("What for.", Bearing.NONE, TEXTS)] = ()
    threads: Annotated[int, Option("Of the network.", Bearing.ROUNDING)] = 1


ADDED = {"most_depth": 7, "masks": ("a.bed", Path("b.bed")), "colours": ["red"], "threads": 2}


@pytest.mark.parametrize("name", [field.name for field in fields(CallOptions)])
def test_every_option_says_what_it_is_and_whether_records_depend_on_it(name: str) -> None:
    option = FIELDS[name].option
    assert isinstance(option, Option)
    assert option.help.endswith(".")
    assert isinstance(option.bearing, Bearing)


def test_an_option_that_does_not_say_so_cannot_be_added() -> None:
    @dataclass(frozen=True)
    class Silent(CallOptions):
        whatever: int = 1

    with pytest.raises(TypeError, match=r"Silent\.whatever is annotated with no Option"):
        option_fields(Silent)


def test_an_added_field_is_on_the_command_line_and_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    seen = {}

    def command(**given: Any) -> None:
        seen.update(given)

    command.__signature__ = command_signature(MoreOptions)  # type: ignore[attr-defined]
    app = App()
    app.default(command)
    words = ["--most-depth", "7", "--masks", "a.bed", "b.bed", "--colours", "red", "--threads", "2"]
    required = ["--tech", "ion", "--ref", "g.fa", "--reads", "r.bam", "--out", "-"]
    app([*required, *words], result_action="return_value")
    assert seen == {
        **GIVEN,
        "reads": ["r.bam"],
        "out": "-",
        **ADDED,
        "masks": [Path("a.bed"), Path("b.bed")],
    }
    app(["--help"], result_action="return_value")
    said = capsys.readouterr().out
    assert "--most-depth" in said
    assert "Reads at a site, at most. [default: 100]" in said


def test_an_added_field_is_in_the_signature_and_the_help_of_python() -> None:
    @with_options(MoreOptions)
    def function(tech: str, out: str | None = None, **options: object) -> None:
        """Do it."""

    parameters = inspect.signature(function).parameters
    assert parameters["most_depth"].default == 100
    assert parameters["masks"].annotation == FILES.python
    assert list(parameters)[:3] == ["tech", "out", "ref"]
    assert "most_depth\n        Reads at a site, at most." in str(function.__doc__)


def test_an_added_field_is_in_the_header_and_is_to_be_repeated_as_it_bears_on_the_records() -> None:
    given = MoreOptions.of(**GIVEN, **ADDED)
    assert given.command().endswith(" --most-depth 7 --masks a.bed b.bed")
    repeated = given.to_repeat()
    assert (repeated["most_depth"], repeated["threads"]) == ("7", "2")
    assert not {"masks", "colours"} & repeated.keys()
    assert MoreOptions.of(**GIVEN).command() == CallOptions.of(**GIVEN).command()


def test_type_checkers_are_told_of_every_option_and_its_type() -> None:
    wanted = {name: field.python_type for name, field in FIELDS.items() if not field.required}
    told = get_type_hints(CallKeywords)
    assert told == wanted


def test_the_command_offers_what_the_function_does() -> None:
    command, function = inspect.signature(call).parameters, inspect.signature(dvplug.call).parameters
    assert list(command) == list(function) == list(FIELDS)
    other = {name for name in command if command[name].default != function[name].default}
    several = {name for name in command if function[name].default == ()}
    assert other - several == {"workers", "out"}  # one per core; none gives an iterator


ALL = {
    **GIVEN,
    "reads": ["a.bam", Path("my reads.bam"), "https://user:word@host/c.bam?signature=1"],
    "regions": ("chr1:1-10", "t.bed"),
    "exclude_regions": [Path("not.bed")],
    "model": "ion@1",
    "workers": 3,
    "device": "cpu",
    "sample": "me",
    "sample_name": "my name",
    "read_group": ["^1", "^2"],
    "set": {"umi.least": 2, "umi.flank": [1, 2], "ends.by": "x"},
    "min_qual": 12.0,
    "min_gq": 0,
    "keep_ref_calls": True,
    "force": True,
    "offline": True,
    "gvcf": Path("x.g.vcf"),
    "non_ref": True,
    "haploid_contigs": ["chrX", "chrM"],
    "par_bed": "par.bed",
    "sex": "male",
    "proposed_variants": "p.vcf.gz",
    "report": "x.html",
    "resume": True,
    "haplotagged": "x.bam",
    "use_hp": True,
    "executor": "dask:local",
    "max_memory": "4G",
    "log_json": "log",
}


def test_the_header_has_the_command_as_it_bears_on_the_records() -> None:
    assert ALL.keys() == FIELDS.keys()
    assert CallOptions.of(**ALL).command() == (
        "dvplug call --tech ion --ref g.fa --reads a.bam 'my reads.bam' https://host/c.bam --regions chr1:1-10 t.bed "
        "--exclude-regions not.bed --model ion@1 --sample me --sample-name 'my name' "
        "--read-group '^1' '^2' --set ends.by=x 'umi.flank=[1, 2]' umi.least=2 --min-qual 12 --min-gq 0 "
        "--keep-ref-calls --force --haploid-contigs chrX chrM --par-bed par.bed --sex male --proposed-variants "
        "p.vcf.gz --use-hp"
    )
    assert CallOptions.of(**GIVEN).command() == "dvplug call --tech ion --ref g.fa --reads r.bam"


def test_what_a_resumed_run_repeats() -> None:
    assert CallOptions.of(**ALL).to_repeat() == {
        "tech": "ion",
        "model": "ion@1",
        "device": "cpu",
        "sample": "me",
        "sample_name": "my name",
        "read_group": ["^1", "^2"],
        "set": ["ends.by=x", "umi.flank=[1, 2]", "umi.least=2"],
        "min_qual": "12.0",
        "min_gq": "0",
        "keep_ref_calls": "True",
        "force": "True",
        "use_hp": "True",
    }
    assert CallOptions.of(**GIVEN).to_repeat()["sample"] is None


def test_values_are_kept_as_the_engine_needs_them() -> None:
    kept = CallOptions.of(**ALL)
    assert kept.reads == (Path("a.bam"), Path("my reads.bam"), ALL["reads"][2])
    assert (kept.ref, kept.out, kept.gvcf) == (Path("g.fa"), "x.vcf", "x.g.vcf")
    assert (kept.regions, kept.exclude_regions) == (("chr1:1-10", "t.bed"), (Path("not.bed"),))
    assert (kept.max_memory, kept.report) == (4 * 10**9, Path("x.html"))
    assert CallOptions.of(**{**GIVEN, "sample": None, "regions": None}) == CallOptions.of(**GIVEN)


def test_an_unknown_option_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'threads'"):
        CallOptions.of(**GIVEN, threads=2)


@pytest.mark.parametrize("words", [["--help"], ["call", "--help"]], ids=" ".join)
def test_help_does_not_wait_for_what_it_does_not_need(words: list[str]) -> None:
    code = (
        "import sys\nfrom dvplug.cli import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "slow = {'numpy', 'pysam', 'numba', 'pydantic', 'tensorflow', 'keras', 'multiprocessing'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sex", "m", "sex is 'm', and not one of male, female"),
        ("sex", 1, "sex is 1, and not one of male, female"),
    ],
)
def test_what_is_not_among_the_choices_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CallOptions.of(tech="ont", ref="a.fa", reads="a.bam", out="o.vcf", **{name: value})


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("tpu", "'tpu' is no device"),
        ("gpu:", "'gpu:' is no device"),
        ("gpu:0,", "no device"),
        ("gpu:-1", "no device"),
        ("cpu:0", "no device"),
        ("gpu:1,0,1", "names a GPU twice"),
    ],
)
def test_what_is_no_device_is_refused(device: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CallOptions.of(tech="ont", ref="a.fa", reads="a.bam", out="o.vcf", device=device)


@pytest.mark.parametrize("device", ["auto", "cpu", "gpu", "gpu:3", "gpu:1,0"])
def test_devices_are_kept_as_they_are_given(device: str) -> None:
    assert CallOptions.of(tech="ont", ref="a.fa", reads="a.bam", out="o.vcf", device=device).device == device


@pytest.mark.parametrize(("name", "value"), [("min_qual", "5"), ("min_gq", "5"), ("min_gq", 2.5)])
def test_what_is_no_number_is_refused(name: str, value: object) -> None:
    with pytest.raises(TypeError, match=r"is no number|cannot be interpreted as an integer"):
        CallOptions.of(tech="ont", ref="a.fa", reads="a.bam", out="o.vcf", **{name: value})


@pytest.mark.parametrize("name", ["min_qual", "min_gq"])
def test_qualities_begin_at_0(name: str) -> None:
    with pytest.raises(InputError, match="-1 is no quality"):
        CallOptions.of(tech="ont", ref="a.fa", reads="a.bam", out="o.vcf", **{name: -1})


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_nothing_can_be_compared_with_is_refused(value: float) -> None:
    """No QUAL is below "nan": nothing would be filtered, and the run would end well."""
    with pytest.raises(InputError, match=f"{value} is no number to compare with"):
        CallOptions.of(tech="ont", ref="a.fa", reads="a.bam", out="o.vcf", min_qual=value)


def test_a_switch_is_a_switch_and_nothing_is_nothing_in_the_header() -> None:
    given = {"keep_ref_calls": 1, "force": np.True_, "model": ""}
    options = CallOptions.of(tech="ont", ref="a.fa", reads="a.bam", out="o.vcf", **given)
    assert options.command() == "dvplug call --tech ont --ref a.fa --reads a.bam --keep-ref-calls --force"
