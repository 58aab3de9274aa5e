"""`dvplug show`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from dvplug.calling.options import CallOptions
from dvplug.cli.call import command_parameters
from dvplug.cli.parameters import Several

if TYPE_CHECKING:
    from dvplug.show.sites import NoCandidate, Shown, Site

OF_A_CALL = (
    "tech", "ref", "reads", "sample", "read_group", "model", "haploid_contigs", "par_bed", "sex",
    "proposed_variants", "set", "offline",
)  # fmt: skip
"""Options of `dvplug call` that bear on what is seen at a position."""
ALSO = {"tech": "One that the reads contradict is warned of."}


def show(
    *,
    at: Annotated[
        list[str],
        Several,
        Parameter(help="Where: contig:position, 1-based, as POS in the VCF; several positions may be given."),
    ],
    out: Annotated[
        Path | None, Parameter(help="Picture to write: .png. A terminal shows the images in any case.")
    ] = None,
    **given: Any,
) -> None:
    """Draw what the network sees at a position, and say what it answers.

    The options besides --at and --out are those of `dvplug call`.
    """
    from dvplug.show.sites import check_positions
    from dvplug.system.outputs import Output, reserved

    options = CallOptions.of(out="", **given)
    places = [Output("--out", out, (".png",))] if out else []
    with reserved(places, options.inputs(), lambda: check_positions(at, options)):
        _show(at, options, out)


def _show(at: list[str], options: CallOptions, out: Path | None) -> None:
    from dvplug.errors import InputError
    from dvplug.show.pictures import draw_pileups
    from dvplug.show.sites import Site, show_positions
    from dvplug.system.console import info
    from dvplug.system.rich_console import stdout

    shown = show_positions(at, options)
    for found in shown.found:
        if isinstance(found, Site):
            _print_site(found, shown)
        else:
            stdout.print("\n".join(_nothing(found)), markup=False)
    if out is None:
        if shown.sites and not stdout.is_terminal:
            info("Not a terminal: --out picture.png draws the images.")
        return
    if not shown.sites:
        raise InputError(
            f"--out {out} was not written", cause="no position has a candidate", repair="Correct --at."
        )
    draw_pileups(shown.sites, shown.layout, out)
    info(f"{out}: {sum(len(site.images) for site in shown.sites)} image(s) of {len(shown.sites)} site(s).")


def _signature() -> inspect.Signature:
    own = inspect.signature(show, eval_str=True).parameters
    return inspect.Signature([own["at"], *command_parameters(CallOptions, OF_A_CALL, ALSO), own["out"]])


show.__signature__ = _signature()  # type: ignore[attr-defined]


def _print_site(site: Site, shown: Shown) -> None:
    from dvplug.show.pictures import caption, title
    from dvplug.show.terminal_pictures import picture_lines
    from dvplug.system.rich_console import stdout

    stdout.print(f"{title(site)}  {shown.model}", markup=False, style="bold")
    for view in site.images:
        stdout.print(caption(site, view), markup=False)
        if stdout.is_terminal and stdout.color_system:
            for line in picture_lines(view.pixels, shown.layout, stdout.width):
                stdout.print(line)


def _nothing(found: NoCandidate) -> list[str]:
    """Why there is no candidate, in lines."""
    at, limits = found.at, found.thresholds
    lines = [f"{at.contig}:{at.start + 1:,} {found.ref}  no candidate: the network sees nothing here."]
    if found.counts:
        counts = ", ".join(f"{allele} {count}" for allele, count in found.counts.items())
        lines.append(f"  reads by allele: {counts}; {found.depth} in all")
        lines.append(
            f"  a SNP needs {limits.min_count_snps} reads and {limits.min_fraction_snps:.1%} of them, "
            f"an indel {limits.min_count_indels} and {limits.min_fraction_indels:.1%}"
        )
        if limits.further_indels < 1:
            share = limits.further_indels * limits.min_fraction_indels
            lines.append(f"  an indel of 2 bp or more needs {limits.min_count_indels + 1} and {share:.1%}")
    else:
        lines.append(f"  reads: {found.reads}, none with another allele than the reference")
    for site in found.nearest:
        record = site.record
        lines.append(
            f"  near: {record.contig}:{record.start + 1:,} {record.ref}>{','.join(record.alts)} "
            f"{'/'.join(map(str, record.gt))} {record.filter}, {abs(site.region.start - at.start):,} bp away"
        )
    return lines
