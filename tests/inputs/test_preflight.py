"""Preflight checks, each on a file that is wrong in one way."""

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pysam
import pytest

from dvplug.errors import InputError, ManyProblems
from dvplug.genome.ploidy import DIPLOID
from dvplug.genome.reference import Reference
from dvplug.inputs import alignment_checks
from dvplug.inputs.preflight import check_call, preflight
from dvplug.inputs.samples import SampleChoice
from dvplug.line.region import Region
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.alignments import header_of, open_alignments
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import ReadSource
from dvplug.reads.opened import OpenedReads
from dvplug.system import workers
from dvplug.technology import ReadFilter
from helpers.shared_data import SHARED, needs_shared

BASES = "".join(random.Random(3).choices("ACGT", k=2000))
READ = "r{i}\t0\t{contig}\t{pos}\t60\t50M\t*\t0\t0\t{seq}\t" + "I" * 50


def sam(contigs=(("chr1", 2000), ("chrM", 40)), samples=("HG002",)):
    header = ["@HD\tVN:1.6\tSO:coordinate", *(f"@SQ\tSN:{name}\tLN:{length}" for name, length in contigs)]
    header += [f"@RG\tID:{i}" + (f"\tSM:{name}" if name else "") for i, name in enumerate(samples)]
    reads = [
        READ.format(i=i, contig=contigs[0][0], pos=i + 1, seq=BASES[i : i + 50]) for i in range(0, 1800, 20)
    ]
    return "\n".join(header + reads) + "\n"


def write(path, text=None, reference=None):
    """Write SAM text as an indexed BAM or CRAM, by the suffix of the path."""
    source = path.parent / "source.sam"
    source.write_text(text or sam())
    options = ["-C", "-T", str(reference)] if path.suffix == ".cram" else ["-b"]
    pysam.view("-o", str(path), *options, str(source), catch_stdout=False)
    pysam.index(str(path))
    return path


def write_fasta(path, bases=BASES):
    path.write_text(f">chr1\n{bases}\n>chrM\n{bases[:40]}\n")
    pysam.faidx(str(path))
    return path


@pytest.fixture
def reference(tmp_path):
    with Reference.open(write_fasta(tmp_path / "genome.fa")) as opened:
        yield opened


@pytest.mark.parametrize("suffix", ["bam", "cram"])
def test_a_header_that_is_not_utf8_is_read_as_latin_1(tmp_path, reference, suffix):
    plain, other = tmp_path / "plain.sam", tmp_path / "other.sam"
    plain.write_text(sam(samples=("Rene",)).replace("@RG", "@CO\tcafe\n@RG", 1))
    other.write_bytes(plain.read_bytes().replace(b"Rene", b"Ren\xe9").replace(b"cafe", b"caf\xe9"))
    found = []
    for source in (plain, other):
        path = source.with_suffix(f".{suffix}")
        options = ["-C", "-T", str(reference.path)] if suffix == "cram" else ["-b"]
        pysam.view("--no-PG", "-o", str(path), *options, str(source), catch_stdout=False)
        pysam.index(str(path))
        with open_alignments(path, reference.path) as alignments:
            found.append(header_of(path, alignments))
        assert preflight([path], reference, CHR1).sample == ("Rene" if source == plain else "Ren\xe9")
    as_text = json.dumps(found[0]).replace("Rene", "Ren\\u00e9").replace("cafe", "caf\\u00e9")
    assert json.dumps(found[1]) == as_text  # as pysam reads the other one


def test_many_contigs_are_given_the_time_that_they_take(tmp_path, reference, monkeypatch):
    """A header and indexes of 1.5 million contigs take 15 s of CPU time to read: no endless loop."""
    reads, given = write(tmp_path / "r.bam"), []
    monkeypatch.setattr(
        alignment_checks, "attempted", lambda *_, more_s: given.append(more_s) or workers.Attempt()
    )
    alignment_checks.require_no_crash(reads, reference, CHR1)
    for path, size in ((Path(f"{reference.path}.fai"), 39_304_196), (Path(f"{reads}.bai"), 12_000_088)):
        os.truncate(path, size)
    alignment_checks.require_no_crash(reads, reference, CHR1)
    assert given[0] == 0
    assert 30 <= given[1] <= 60


CHR1 = [Region("chr1", 100, 900)]


@pytest.mark.parametrize("suffix", [".bam", ".cram"])
def test_what_a_file_tells_while_it_is_tried_is_what_it_tells_in_earnest(
    tmp_path, reference, suffix, monkeypatch
):
    monkeypatch.setattr(
        workers, "THREADED", frozenset()
    )  # other tests may have loaded libraries with threads
    path = write(tmp_path / f"reads{suffix}", reference=reference.path)
    told = alignment_checks.require_no_crash(path, reference, CHR1)
    with alignment_checks.opened(path, reference) as alignments:
        assert told == alignment_checks.gathered(path, alignments, reference=reference)
    assert told.reads
    assert alignment_checks.require_no_crash(path, None, CHR1) is None


@pytest.mark.parametrize("suffix", [".bam", ".cram"])
def test_a_good_file_gives_its_sample_and_its_reads(tmp_path, reference, suffix):
    path = write(tmp_path / f"reads{suffix}", reference=reference.path)
    found = preflight([path], reference, CHR1)
    assert found.sample == "HG002"
    assert found.sources == (ReadSource(path),)
    with open_alignments(path, reference.path) as alignments:
        reads = list(alignments.fetch("chr1", 100, 900))
    assert [read.reference_start for read in reads] == list(range(60, 900, 20))
    assert all(read.query_sequence == BASES[read.reference_start : read.reference_end] for read in reads)


def test_cram_is_decoded_with_the_given_reference_only(tmp_path, reference, monkeypatch):
    path = write(tmp_path / "reads.cram", reference=reference.path)
    other = write_fasta(tmp_path / "other.fa", BASES[::-1])
    # A cache that could serve the right sequence must not be used either.
    monkeypatch.setenv("REF_PATH", str(tmp_path / "%s"))
    digest = next(line for line in pysam.view("-H", str(path)).split() if line.startswith("M5:"))[3:]
    (tmp_path / digest).write_text(BASES)
    with (
        Reference.open(other) as wrong,
        pytest.raises(InputError, match=r"reads.cram cannot be decoded with the given"),
    ):
        preflight([path], wrong, CHR1)
    with (
        open_alignments(path, other) as alignments,
        pytest.raises(InputError, match=r"reads\.cram"),
    ):
        fetch_reads([OpenedReads(alignments)], CHR1[0], ReadFilter())
    assert os.environ["REF_PATH"] == str(tmp_path / "%s")


def test_files_that_are_no_alignments(tmp_path, reference):
    text, empty, junk = tmp_path / "reads.sam", tmp_path / "empty.bam", tmp_path / "junk.bam"
    text.write_text(sam())
    empty.write_bytes(b"")
    junk.write_text("hello\n")
    for path, message in [
        (tmp_path / "nowhere.bam", r"nowhere.bam does not exist"),
        (tmp_path, r"is not a file"),
        (empty, r"empty.bam is empty"),
        (junk, r"junk.bam cannot be opened"),
        (text, r"reads.sam is not BAM or CRAM: .*samtools sort --write-index -o reads.bam"),
    ]:
        with pytest.raises(InputError, match=message):
            preflight([path], reference, CHR1)
    with pytest.raises(InputError, match="No alignment files"):
        preflight([], reference, CHR1)


@pytest.mark.parametrize("suffix", [".bam", ".cram"])
def test_a_truncated_file_is_refused(tmp_path, reference, suffix):
    path = write(tmp_path / f"reads{suffix}", reference=reference.path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=rf"reads{suffix} is truncated: its end-of-file block is missing"):
        preflight([path], reference, CHR1)


@pytest.mark.parametrize(("suffix", "index"), [(".bam", ".bai"), (".cram", ".crai")])
def test_the_index_must_be_there_and_readable(tmp_path, reference, suffix, index):
    path = write(tmp_path / f"reads{suffix}", reference=reference.path)
    index = tmp_path / f"reads{suffix}{index}"
    index.rename(path.with_suffix(index.suffix))  # the other place where an index may be
    preflight([path], reference, CHR1)
    path.with_suffix(index.suffix).unlink()
    with pytest.raises(InputError, match=r"has no index: .*samtools index"):
        preflight([path], reference, CHR1)
    index.write_bytes(b"")
    with pytest.raises(InputError, match=r"has no usable index"):
        preflight([path], reference, CHR1)


def test_an_old_index_is_warned_of(tmp_path, reference, capsys):
    path = write(tmp_path / "reads.bam")
    preflight([path], reference, CHR1)
    assert "older" not in capsys.readouterr().err
    os.utime(f"{path}.bai", (1, 1))
    preflight([path], reference, CHR1)
    assert "older than the file" in capsys.readouterr().err


@pytest.mark.parametrize("smaller", [True, False])
def test_the_index_of_another_file_is_refused(tmp_path, reference, smaller):
    """htslib would find no reads there, and say nothing."""
    few, many = (sam(contigs=(("chr1", 2000), ("chrM", 40))) for _ in range(2))
    for i in range(20_000):
        bases = "".join(random.Random(i).choices("ACGT", k=50))
        many += READ.format(i=1000 + i, contig="chr1", pos=1800 + i // 200, seq=bases) + "\n"
    path, other = write(tmp_path / "a.bam", few), write(tmp_path / "b.bam", many)
    if not smaller:
        path, other = other, path
    shutil.copy(f"{other}.bai", f"{path}.bai")
    with pytest.raises(InputError, match=r"The index .*\.bai is not of .*\.bam"):
        check_call(installed_plugins(), tech="illumina-wgs", reference=reference.path, reads=[path])


def test_only_contigs_of_the_regions_must_be_those_of_the_reference(tmp_path, reference):
    path = write(tmp_path / "reads.bam", sam(contigs=(("1", 2000), ("chrM", 41))))
    with pytest.raises(InputError, match=r"reads.bam has no contig 'chr1', .*Did you mean '1'\?"):
        preflight([path], reference, CHR1)
    with pytest.raises(InputError, match=r"'chrM' has 41 bp in .*reads.bam but 40 bp in .*another"):
        preflight([path], reference, [Region("chrM", 0, 5)])
    path = write(tmp_path / "reads.bam", sam(contigs=(("chr1", 2000), ("chrM", 41))))
    assert preflight([path], reference, CHR1).sample == "HG002"


def test_every_file_is_checked(tmp_path, reference):
    good = write(tmp_path / "good.bam")
    other = write(tmp_path / "other.bam", sam(contigs=(("chr1", 1999), ("chrM", 40))))
    with pytest.raises(InputError, match=r"1999 bp in .*other.bam"):
        preflight([good, other], reference, CHR1)
    other = write(tmp_path / "other.bam", sam(samples=("HG003",)))
    with pytest.raises(InputError, match=r"2 samples: HG002, HG003: .*--sample"):
        preflight([good, other], reference, CHR1)
    assert preflight([good, other], reference, CHR1, SampleChoice("HG003")).sources == (ReadSource(other),)


def with_m5(digest):
    return sam().replace("LN:2000", f"LN:2000\tM5:{digest}")


def test_the_sequence_must_be_that_of_the_alignment(tmp_path, reference, capsys):
    path = write(tmp_path / "reads.bam", with_m5(reference.md5("chr1")))
    preflight([path], reference, CHR1)
    path = write(tmp_path / "reads.bam", with_m5("0" * 32))
    with pytest.raises(
        InputError, match=r"Contig 'chr1' of .*genome.fa is not the sequence .*M5 says 000.*--force"
    ):
        preflight([path], reference, CHR1)
    preflight([path], reference, [Region("chrM", 0, 5)])  # another contig is not looked at
    words = {
        "tech": "illumina-wgs",
        "reference": reference.path,
        "reads": [path],
        "where": lambda _: (CHR1, DIPLOID),
    }
    assert check_call(installed_plugins(), **words, force=True).sample == "HG002"
    assert "is not the sequence" in capsys.readouterr().err


def test_md5_is_that_of_samtools_dict(tmp_path):
    if shutil.which("samtools") is None:
        pytest.skip("samtools is absent")
    bases = BASES[:700].lower() + BASES[700:900] + "NNNRYK" + BASES[900:]
    path = write_fasta(tmp_path / "g.fa", bases)
    told = subprocess.run(["samtools", "dict", path], check=True, capture_output=True, text=True).stdout
    digests = [field[3:] for field in told.split() if field.startswith("M5:")]
    with Reference.open(path) as reference:
        assert [reference.md5(contig) for contig in reference.lengths] == digests


def test_contigs_of_another_order_do_no_harm(tmp_path, reference):
    path = write(tmp_path / "reads.bam")
    other = tmp_path / "turned.fa"
    other.write_text(f">chrM\n{BASES[:40]}\n>chr1\n{BASES}\n")
    pysam.faidx(str(other))
    with Reference.open(other) as turned:
        assert preflight([path], turned, [Region("chrM", 0, 40), *CHR1]).sample == "HG002"


def test_many_contigs_are_one_problem(tmp_path):
    contigs = {f"chr{i}": BASES for i in range(1, 9)}
    fasta = tmp_path / "many.fa"
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in contigs.items()))
    pysam.faidx(str(fasta))
    path = write(tmp_path / "reads.bam", sam(contigs=(("1", 2000), ("2", 2000))))
    with (
        Reference.open(fasta) as reference,
        pytest.raises(
            InputError,
            match=r"no contig 'chr1'.* \(and 7 more alike: 'chr2', .*'chr6', \.\.\.\): .*mean '1'\?",
        ),
    ):
        preflight([path], reference, [Region(contig, 0, 9) for contig in contigs])


@pytest.mark.parametrize("order", ["queryname", "unsorted"])
def test_a_file_that_is_not_sorted_is_to_be_sorted(tmp_path, reference, order):
    path = write(tmp_path / "reads.bam", sam().replace("SO:coordinate", f"SO:{order}"))
    preflight([path], reference, CHR1)  # an index proves that it is sorted, whatever the header says
    (tmp_path / "reads.bam.bai").unlink()
    with pytest.raises(
        InputError, match=rf"reads.bam is not sorted .*SO:{order}.*samtools sort --write-index"
    ):
        preflight([path], reference, CHR1)


def test_all_that_is_wrong_is_said_at_once(tmp_path, reference):
    unindexed = write(tmp_path / "a.bam")
    (tmp_path / "a.bam.bai").unlink()
    cut = write(tmp_path / "b.cram", reference=reference.path)
    cut.write_bytes(cut.read_bytes()[:-20])
    other = write(tmp_path / "c.bam", sam(contigs=(("chr1", 1999), ("2", 40)), samples=("HG003",)))
    with pytest.raises(ManyProblems, match=r"^4 problems") as raised:
        preflight([unindexed, cut, other, tmp_path / "d.bam"], reference, CHR1)
    for number, text in enumerate(
        ("a.bam has no index", "b.cram is truncated", "1999 bp in", "d.bam does not exist"), 1
    ):
        problem = raised.value.problems[number - 1]
        assert text in problem.problem
        assert problem.repair
        assert f"\n  {number}. {problem}" in str(raised.value)


def test_what_does_not_depend_on_each_other_is_said_together(tmp_path):
    path = write(tmp_path / "a.bam")
    (tmp_path / "a.bam.bai").unlink()
    with pytest.raises(ManyProblems, match=r"^3 problems") as raised:
        check_call(installed_plugins(), tech="ilumina", reference=tmp_path / "no.fa", reads=[path])
    problems = [problem.problem for problem in raised.value.problems]
    assert "no plugin offers the technology 'ilumina'" in problems[0]
    assert "no.fa does not exist" in problems[1]
    assert "a.bam has no index" in problems[2]


def test_a_technology_that_the_reads_contradict_is_refused_but_with_force(tmp_path, reference, capsys):
    path = write(tmp_path / "reads.bam", sam().replace("SM:HG002", "SM:HG002\tPL:ILLUMINA"))
    words = {
        "reference": reference.path,
        "reads": [path],
        "where": lambda _: ([Region("chr1", 0, 900)], DIPLOID),
    }
    plugins = installed_plugins()
    with pytest.raises(
        InputError, match=r"--tech pacbio contradicts .*PL:ILLUMINA .*50 bp .*--tech illumina-wgs"
    ):
        check_call(plugins, tech="pacbio", **words)
    assert check_call(plugins, tech="pacbio", **words, force=True).profile.name == "pacbio"
    assert "contradicts" in capsys.readouterr().err
    checked = check_call(plugins, tech="auto", **words)
    assert (checked.profile.name, checked.sample) == ("illumina-wgs", "HG002")
    assert checked.regions == [Region("chr1", 0, 900)]
    assert "--tech auto is illumina-wgs: @RG PL:ILLUMINA." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["chr1,chr2", "a<b>", 'a"b', "=a", "*a", "chrä", "a(1)", "a\x1b[2J"])
def test_contigs_that_a_vcf_cannot_name_are_refused(tmp_path, name):
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n>{name}\nACGT\n")
    pysam.faidx(str(path))
    with pytest.raises(InputError, match=r"of .*genome\.fa cannot be written to VCF: .*reheader") as refused:
        check_call(
            installed_plugins(),
            tech="illumina-wgs",
            reference=path,
            reads=[write(tmp_path / "reads.bam")],
            where=lambda lengths: (CHR1, DIPLOID),
        )
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "name", ["HLA-A*01:01:01:01", "chrUn_KI270302v1", "gi|1|ref|NC_1.1|", "1", "#a", "chr1:100-200"]
)
def test_contigs_that_a_vcf_can_name(tmp_path, name):
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{BASES}\n>{name}\nACGT\n")
    pysam.faidx(str(path))
    check_call(
        installed_plugins(),
        tech="illumina-wgs",
        reference=path,
        reads=[write(tmp_path / "reads.bam")],
        force=True,
        where=lambda lengths: (CHR1, DIPLOID),
    )


@needs_shared
def test_real_reads_fit_their_reference_and_no_other():
    bam = SHARED / "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam"
    with Reference.open(SHARED / "reference/b37.chr20_regions.fa.gz") as reference:
        assert preflight([bam], reference, [Region("20", 0, 10)]).sample == "HG002"
    with (
        Reference.open(SHARED / "reference/grch38.chr20_and_21_10M.fa.gz") as reference,
        pytest.raises(InputError, match=r"no contig 'chr20'.*Did you mean '20'\?"),
    ):
        preflight([bam], reference, [Region("chr20", 0, 10)])
