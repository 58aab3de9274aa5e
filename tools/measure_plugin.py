"""Measure a separate plugin's model on held-out simulated reads: the table of its README.

    python tools/measure_plugin.py sbx plugins/dvplug-sbx/reads.json --genome genome.fa --contigs chr21 \\
        --borrowed illumina-wgs --folder measured

Two worlds are simulated by the numbers that the model was trained by, on contigs and of people that it never saw: one
varies as a human genome does, in the other variants crowd. Each is called by the plugin, by bcftools (not filtered), by
freebayes (QUAL > 20), and with the models that would be borrowed without the plugin, which has to be installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from dvplug_lab.comparison.compared import PEERS
from dvplug_lab.plugin_measures import KINDS, SEED, PluginMeasures, WorldKind, describe
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")
Several = Parameter(consume_multiple=True)


@app.default
def main(
    technology: str,
    profile: Path,
    *,
    genome: Path,
    contigs: Annotated[list[str], Several],
    borrowed: Annotated[list[str] | None, Several] = None,
    peers: Annotated[list[str], Several] = [*PEERS],  # noqa: B006
    kinds: Annotated[list[WorldKind], Several] = [*KINDS],  # noqa: B006
    megabases: float = 2.0,
    depth: float = 30.0,
    seed: int = SEED,
    folder: Path = Path("plugin-measured"),
    workers: int = 1,
) -> None:
    """Measure a plugin's model.

    Parameters
    ----------
    technology
        As `dvplug plugins list` names it.
    profile
        What the model was trained by: numbers that state how reads err (.json), or what was learnt of some (.npz).
    genome
        FASTA with an index.
    contigs
        Those of it that the model was not trained on; refused where its manifest does not say so.
    borrowed
        Technologies whose models would be taken in its place.
    peers
        Of bcftools and freebayes; for 2 Mb of noisy long reads freebayes takes 18 CPU minutes.
    kinds
        Of the worlds: ordinary, crowded.
    megabases
        Of the ordinary world; the crowded one has about as many variants.
    depth
        Mean depth.
    seed
        Of all that is drawn: not that of the training.
    folder
        Where worlds and calls go; what is there is taken as it is.
    workers
        Processes of dvplug, and threads of the aligner.
    """
    measures = PluginMeasures(
        technology,
        profile,
        genome,
        tuple(contigs),
        borrowed=tuple(borrowed or ()),
        peers=tuple(peers),
        kinds=tuple(kinds),
        megabases=megabases,
        depth=depth,
        seed=seed,
        workers=workers,
    )
    table = measures.measure(folder / technology)
    print("\n".join([*describe(measures), "", table]))


if __name__ == "__main__":
    run(app)
