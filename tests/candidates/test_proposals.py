"""Variants that the user proposes: how they are placed, what is called at them, what is refused."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.candidates.proposals import ProposedVariants, count_proposed
from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.line.region import Region
from dvplug.sequence.codes import encode_bases
from dvplug.simulate import SimulatedDataset
from helpers.evaluate_files import write_fasta


def write_vcf(path: Path, contigs: dict[str, int], rows: list[tuple[str, int, str, str]]) -> Path:
    """Write (contig, 1-based position, REF, ALT) as an indexed VCF."""
    text = "##fileformat=VCFv4.2\n" + "".join(f"##contig=<ID={c},length={n}>\n" for c, n in contigs.items())
    text += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    text += "".join(f"{c}\t{p}\t.\t{ref}\t{alt}\t.\t.\t.\n" for c, p, ref, alt in sorted(rows))
    plain = path.with_suffix("")
    plain.write_text(text)
    pysam.tabix_compress(str(plain), str(path), force=True)
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return path


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_any_way_to_write_a_variant_finds_the_same_site(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """An indel in a repeat, written anywhere in it and with spare bases, is one allele, the leftmost."""
    rng = random.Random(seed)
    unit = "".join(rng.choices("ACGT", k=rng.choice([1, 2, 3])))
    left, right = "GATTACAG", "CTGAAGTC"
    reference = left + unit * 6 + right
    inserted = rng.random() < 0.5
    rows = []
    for copies in range(6):
        at = len(left) + copies * len(unit) - 1  # the base before this copy
        short, long = reference[at], reference[at] + unit
        spare = reference[at + 1 + (0 if inserted else len(unit)) :][: rng.randrange(3)]
        ref, alt = (short + spare, long + spare) if inserted else (long + spare, short + spare)
        rows.append(("c", at + 1, ref, alt))
    path = write_vcf(tmp_path_factory.mktemp("p") / "x.vcf.gz", {"c": len(reference)}, rows)
    found = ProposedVariants(path).at(Region("c", 0, len(reference)), encode_bases(reference.encode()), 0)
    assert len(found) == 1
    ((start, alleles),) = found.items()
    assert len(alleles) == 1
    changed = {reference[: p - 1] + alt + reference[p - 1 + len(ref) :] for _, p, ref, alt in rows}
    ref_length, alt = alleles[0]
    assert changed == {reference[:start] + alt + reference[start + ref_length :]}
    assert ref_length == 1 or len(alt) == 1
    # Leftmost: the base before the change differs from its last base.
    piece = alt[1:] if inserted else reference[start + 1 : start + ref_length]
    assert start == 0 or reference[start] != piece[-1]


@settings(max_examples=200)
@given(st.integers(0, 29), st.text("AC", min_size=1, max_size=4), st.integers(1, 4), st.randoms())
def test_whatever_is_proposed_stays_what_it_is(
    tmp_path_factory: pytest.TempPathFactory, start: int, alt: str, length: int, rng: random.Random
) -> None:
    """Also what is both a deletion and a substitution, an indel with its base behind it, and one at the first base."""
    reference = "".join(rng.choices("AC", k=34))
    ref = reference[start : start + length]
    path = write_vcf(tmp_path_factory.mktemp("p") / "x.vcf.gz", {"c": 34}, [("c", start + 1, ref, alt)])
    found = ProposedVariants(path).at(Region("c", 0, 34), encode_bases(reference.encode()), 0)
    if ref == alt:
        assert not found
        with Reference.open(write_fasta(path.with_name("r.fa"), c=reference)) as opened:
            assert count_proposed(path, opened, [Region("c", 0, 34)]) == {"the reference itself": 1}
        return
    (((at, ((ref_length, changed),)),)) = found.items()
    person = reference[:start] + alt + reference[start + len(ref) :]
    assert reference[:at] + changed + reference[at + ref_length :] == person
    assert ref_length + len(changed) <= len(ref) + len(alt) + 2 * (ref[0] != alt[0])


def called(
    dataset: SimulatedDataset, folder: Path, name: str, **options: object
) -> list[pysam.VariantRecord]:
    out = folder / f"{name}.vcf"
    call_variants(
        CallOptions("illumina-wgs", dataset.reference, (dataset.reads,), str(out), device="cpu", **options)
    )
    with pysam.VariantFile(str(out)) as records:
        return list(records)


def test_proposed_sites_are_called_whatever_the_reads_show(dataset: SimulatedDataset, tmp_path: Path) -> None:
    rng = random.Random(5)
    alone = called(dataset, tmp_path, "alone")
    taken = {p for r in alone for p in range(r.start - 60, r.stop + 60)}
    rows = []
    with Reference.open(dataset.reference) as reference:
        for start in rng.sample([p for p in range(1000, 59_000) if p not in taken], 60):
            ref = reference.sequence("chrS", start, start + 3)
            alts = {
                "snp": (ref[0], rng.choice([b for b in "ACGT" if b != ref[0]])),
                "deletion": (ref, ref[0]),
                "insertion": (ref[0], ref[0] + "".join(rng.choices("ACGT", k=4))),
            }
            rows.append(("chrS", start + 1, *alts[rng.choice(list(alts))]))
    sites = write_vcf(tmp_path / "sites.vcf.gz", {"chrS": 60_000}, rows)
    both = called(dataset, tmp_path, "both", proposed_variants=sites)
    proposed = [r for r in both if "PROPOSED" in r.info]
    assert len(proposed) == 60
    assert sum(r.samples[0]["GT"] == (0, 0) for r in proposed) >= 59
    assert all(r.samples[0]["DP"] > 5 for r in proposed)
    assert [str(r) for r in both if "PROPOSED" not in r.info] == [str(r) for r in alone]


def test_a_proposed_true_variant_keeps_its_call(dataset: SimulatedDataset, tmp_path: Path) -> None:
    alone = called(dataset, tmp_path, "alone")
    rows = [("chrS", r.pos, r.ref, ",".join(r.alts)) for r in alone]
    sites = write_vcf(tmp_path / "sites.vcf.gz", {"chrS": 60_000}, rows)
    again = called(dataset, tmp_path, "again", proposed_variants=sites)
    assert all("PROPOSED" in r.info for r in again)

    def calls(records: list[pysam.VariantRecord]) -> list[tuple]:
        return [(r.pos, r.ref, r.alts, r.samples[0]["GT"]) for r in records]

    assert calls(again) == calls(alone)


def test_another_alt_at_a_called_site_joins_it(dataset: SimulatedDataset, tmp_path: Path) -> None:
    alone = called(dataset, tmp_path, "alone")
    snps = [r for r in alone if len(r.alts) == 1 and len(r.ref) == len(r.alts[0]) == 1]
    rows = [("chrS", r.pos, r.ref, next(b for b in "ACGT" if b not in (r.ref, r.alts[0]))) for r in snps[:20]]
    sites = write_vcf(tmp_path / "sites.vcf.gz", {"chrS": 60_000}, rows)
    both = {r.pos: r for r in called(dataset, tmp_path, "both", proposed_variants=sites)}
    for snp, (_, position, ref, alt) in zip(snps, rows, strict=False):
        record = both[position]
        assert (record.ref, record.alts) == (ref, (snp.alts[0], alt))
        assert record.samples[0]["GT"] == snp.samples[0]["GT"]
        assert record.samples[0]["AD"][2] == pytest.approx(0, abs=3)


def test_without_reads_there_is_no_call(dataset: SimulatedDataset, tmp_path: Path) -> None:
    sites = write_vcf(tmp_path / "s.vcf.gz", {"chrS": 60_000}, [("chrS", 30_000, base_at(dataset, 30_000), "<DEL>"),
                      ("chrS", 31_000, base_at(dataset, 31_000), other(base_at(dataset, 31_000)))])  # fmt: skip
    bam = tmp_path / "empty.bam"
    with pysam.AlignmentFile(str(dataset.reads)) as old, pysam.AlignmentFile(str(bam), "wb", template=old):
        pass
    pysam.index(str(bam))
    out, gvcf = tmp_path / "x.vcf", tmp_path / "x.g.vcf"
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (bam,), str(out), device="cpu", gvcf=str(gvcf), proposed_variants=sites
        )
    )  # fmt: skip
    for path in (out, gvcf):
        with pysam.VariantFile(str(path)) as records:
            (record,) = [r for r in records if "PROPOSED" in r.info]
        assert list(record.filter) == ["NoCall"]
        assert record.samples[0]["GT"] == (None, None)
        assert set(record.samples[0]["PL"]) <= {0, 990}


def base_at(dataset: SimulatedDataset, position: int) -> str:
    with Reference.open(dataset.reference) as reference:
        return reference.sequence("chrS", position - 1, position)


def other(base: str) -> str:
    return "C" if base != "C" else "T"


def test_a_damaged_record_is_told_and_not_what_closing_the_file_says(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    rows = [("chrS", position, base_at(dataset, position), "<DEL>") for position in (500, 600)]
    good = write_vcf(tmp_path / "g.vcf.gz", {"chrS": 60_000}, rows)
    text = gzip.decompress(good.read_bytes())
    at = text.rindex(b"chrS\t600")
    with pysam.BGZFile(str(good), "wb") as out:  # as long as before, so that the index leads there
        out.write(text[:at] + text[at:].replace(b"\t", b" ").replace(b"chrS 600 ", b"chrS\t600\t"))
    with Reference.open(dataset.reference) as reference:
        for told in (
            lambda: count_proposed(good, reference, [Region("chrS", 0, 1000)]),
            lambda: ProposedVariants(good).at(Region("chrS", 0, 1000), encode_bases(b"A" * 2000), 0),
        ):
            with pytest.raises(InputError, match=r"Proposed variants .*g\.vcf\.gz cannot be read"):
                told()


def test_what_cannot_be_used_is_refused(dataset: SimulatedDataset, tmp_path: Path) -> None:
    wrong = write_vcf(
        tmp_path / "w.vcf.gz", {"chrS": 60_000}, [("chrS", 500, other(base_at(dataset, 500)), "G")]
    )
    elsewhere = write_vcf(tmp_path / "e.vcf.gz", {"chr1": 60_000}, [("chr1", 500, "A", "G")])
    plain = tmp_path / "p.vcf"
    plain.write_text("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    bare = write_vcf(tmp_path / "b.vcf.gz", {"chrS": 60_000}, [("chrS", 500, base_at(dataset, 500), "G")])
    Path(f"{bare}.tbi").unlink()
    for path, message in (
        (wrong, r"has the REF . at chrS:500: the reference has"),
        (elsewhere, "proposes no variant in the regions"),
        (plain, r"have no index.*bgzip \S*p\.vcf, then bcftools index \S*p\.vcf\.gz"),
        (bare, r"have no index.*read by position\. bcftools index \S*b\.vcf\.gz"),
        (tmp_path / "none.vcf.gz", "does not exist"),
        (dataset.reference, "cannot be opened"),
    ):
        with pytest.raises(InputError, match=message):
            called(dataset, tmp_path, "x", proposed_variants=path)
    assert not (tmp_path / "x.vcf").exists()
