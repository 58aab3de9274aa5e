"""`dvplug demo`."""

from __future__ import annotations

from pathlib import Path

from dvplug.cli.parameters import Whole


def demo(folder: Path = Path("dvplug-demo"), *, workers: Whole | None = None, seed: Whole = 1) -> None:
    """Simulate a small diploid genome and its reads, call variants, and say how good the calls are.

    Parameters
    ----------
    folder
        Where the reference, reads, truth, calls, picture and reports go.
    workers
        Worker processes; the default is one per core.
    seed
        Another seed, another genome.
    """
    from dvplug.cli.evaluate import table
    from dvplug.cli.plain_call import available_cores
    from dvplug.demo import run_demo
    from dvplug.system.rich_console import stdout

    done = run_demo(folder, workers=available_cores() if workers is None else workers, seed=seed)
    stdout.print(table(done.evaluation))
    for line in (
        f"VCF:     {done.vcf}",
        f"Truth:   {done.data.truth}",
        f"Picture: {done.picture} (what the network saw of one call)",
        f"Reports: {' and '.join(map(str, done.reports))} (open them in a browser)",
        f"Call it yourself: dvplug call --tech illumina-wgs --ref {done.data.reference} "
        f"--reads {done.data.reads} --out my.vcf.gz",
    ):
        stdout.print(line, markup=False)
