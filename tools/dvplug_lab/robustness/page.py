"""The section "Robustness" of a model's card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dvplug.evaluate import wilson_interval
from dvplug_lab.comparison.compared import OURS, PEERS
from dvplug_lab.robustness.found import AS_IS, FACTOR, MORE, Errors, ReadsMeasured, Robustness, TruthFree


def section(found: Robustness) -> Iterator[str]:
    """Yield the lines of the section."""
    yield "## Robustness"
    yield ""
    yield f"Of {found.model}, by `tools/robustness.py`: the same callers, on reads that are unlike those trained on,"
    yield "and on reads without a truth."
    yield from found.notes
    yield ""
    yield from _shifted(found)
    yield from _libraries(found.libraries)
    yield from _flow(found.flow)
    yield from _truth_free(found.truth_free)
    yield from _gq(found)


def _shifted(found: Robustness) -> Iterator[str]:
    if not found.shifted:
        return
    faults = [one.faults(found.as_is(one.set)) for one in found.shifted]
    yield "### Reads under shifts"
    yield ""
    yield "False positives / false negatives of SNPs; of indels; and all together. To pass, dvplug makes at most"
    yield f"{FACTOR:g} times its errors on the reads as they are, and {MORE} more, and no more than bcftools."
    yield "Sure: share of the true SNPs and indels that are called with PASS and a GQ of 20 or more."
    yield f"**{sum(not one for one in faults)} of {len(faults)} pass.**"
    yield ""
    yield "| set | reads | depth | dvplug | bcftools | freebayes | sure SNPs, indels | |"
    yield "|---|---|--:|---|---|---|---|---|"
    for one, against in zip(found.shifted, faults, strict=True):
        told = "; ".join(against)
        yield _line(one, f"**fails**: {told}" if told else "pass")
    yield ""


def _line(one: ReadsMeasured, verdict: str) -> str:
    callers = [errors_text(one.errors.get(caller)) for caller in (OURS, *PEERS)]
    sure = ", ".join("-" if share is None else f"{100 * share:.0f} %" for share in one.sure.values())
    return f"| {' | '.join([one.set, one.reads, f'{one.depth:.0f}x', *callers, sure, verdict])} |"


def errors_text(errors: Errors | None) -> str:
    """Return errors in the space of a cell."""
    if errors is None:
        return "not called"
    snp, indel = f"{errors.snp_fp}/{errors.snp_fn}", f"{errors.indel_fp}/{errors.indel_fn}"
    return f"{snp}; {indel}; {errors.total}"


def _libraries(libraries: Sequence[ReadsMeasured]) -> Iterator[str]:
    if not libraries:
        return
    yield "### Crowded SNPs and amplicons"
    yield ""
    yield "Simulated 2x150 reads of a person with a SNP every so many bases, and of amplicons with a SNP in each:"
    yield "recall and precision of SNPs. bcftools reads 250 alignments of a position, as it does unless told otherwise."
    yield ""
    yield "| library | depth | SNPs | dvplug recall | precision | sure | bcftools recall | precision | |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|---|"
    for one in libraries:
        ours, theirs = one.errors.get(OURS), one.errors.get("bcftools")
        true = next((e.snp_tp + e.snp_fn for e in (ours, theirs) if e), 0)
        sure = one.sure["SNP"]
        cells = [one.set, f"{one.depth:.0f}x", str(true), *_recall_precision(ours)]
        cells += ["-" if sure is None else f"{sure:.3f}", *_recall_precision(theirs)]
        faults = one.faults(None)
        yield f"| {' | '.join(cells)} | {'**fails**: ' + '; '.join(faults) if faults else 'pass'} |"
    yield ""


def _recall_precision(errors: Errors | None) -> tuple[str, str]:
    return (f"{errors.snp_recall:.3f}", f"{errors.snp_precision:.3f}") if errors else ("-", "-")


def _flow(flow: Sequence[ReadsMeasured]) -> Iterator[str]:
    if not flow:
        return
    yield "### Flow reads of another simulator"
    yield ""
    yield "Single reads whose flows tell one base too many or too few at one rate, whatever the length of the run; with"
    yield "qualities that know of it, and with those of real reads, which do not. Errors as above."
    yield ""
    yield "| reads | depth | dvplug | bcftools | freebayes | sure SNPs, indels | |"
    yield "|---|--:|---|---|---|---|---|"
    for one in flow:
        faults = one.faults(None)
        callers = [errors_text(one.errors.get(caller)) for caller in (OURS, *PEERS)]
        sure = ", ".join("-" if share is None else f"{100 * share:.0f} %" for share in one.sure.values())
        verdict = f"**fails**: {'; '.join(faults)}" if faults else "pass"
        yield f"| {' | '.join([one.set, f'{one.depth:.0f}x', *callers, sure, verdict])} |"
    yield ""


def _truth_free(checks: Sequence[TruthFree]) -> Iterator[str]:
    if not checks:
        return
    yield "### What needs no truth"
    yield ""
    yield "Real reads. bcftools and freebayes give no GQ here: their QUAL stands for it. To pass, dvplug is no worse"
    yield "than bcftools."
    yield ""
    yield f"| check | {' | '.join((OURS, *PEERS))} | |"
    yield "|---|---|---|---|---|"
    for check in checks:
        cells = []
        for caller in (OURS, *PEERS):
            one = check.counts[caller]
            cells.append(per_100_kb(one.count, one.of) if check.unit == "bp" else f"{one.count} of {one.of}")
        verdict = {True: "pass", False: "**fails**", None: ""}[check.passed]
        yield f"| {check.check} | {' | '.join(cells)} | {verdict} |"
    yield ""


def per_100_kb(count: int, bases: int) -> str:
    """Return a count, and what it is per 100 kb."""
    return f"{count} ({1e5 * count / bases:.1f} per 100 kb)"


def _gq(found: Robustness) -> Iterator[str]:
    if not found.gq:
        return
    sets = sorted({one.set for one in found.shifted if one.reads == AS_IS})
    yield "### GQ of the reads as they are"
    yield ""
    yield f"Of {', '.join(sets)}: share of wrong calls that GQ claims, and the one seen (95 % Wilson interval)."
    yield ""
    yield "| class | GQ | calls | wrong | claimed | seen |"
    yield "|---|---|--:|--:|--:|---|"
    for band in found.gq:
        low, high = wilson_interval(band.wrong, band.calls)
        seen = f"{band.wrong / band.calls:.4f} [{low:.4f}, {high:.4f}]"
        cells = [band.type, f"{band.low}-{band.high - 1}", str(band.calls), str(band.wrong)]
        yield f"| {' | '.join(cells)} | {band.claimed / band.calls:.4f} | {seen} |"
    yield ""
