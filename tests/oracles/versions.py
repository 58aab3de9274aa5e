"""The twin of the order in `dvplug_registry.versions`: the words of the specification."""

from __future__ import annotations

from dvplug_registry.versions import Version


def precedes(a: Version, b: Version) -> bool:
    """Semver 2.0.0, clause 11, word by word."""
    if (a.major, a.minor, a.patch) != (b.major, b.minor, b.patch):
        return (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    if not a.prerelease or not b.prerelease:
        return bool(a.prerelease) and not b.prerelease
    for x, y in zip(a.prerelease, b.prerelease, strict=False):
        if x == y:
            continue
        if x.isdigit() and y.isdigit():
            return int(x) < int(y)
        if x.isdigit() or y.isdigit():
            return x.isdigit()
        return x < y
    return len(a.prerelease) < len(b.prerelease)
