"""Bundles: only plain files, only what is signed, and nothing written before that is known."""

from __future__ import annotations

import re
import tarfile
import tempfile
from pathlib import Path

import pytest

from dvplug_registry import bundle as bundles
from dvplug_registry.bundle import export_bundle, import_bundle
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import Offer, refresh
from dvplug_registry.errors import RegistryError
from dvplug_registry.publish import Registry
from dvplug_registry.sources import Source
from helpers.registry_servers import QUICK
from helpers.tars import Members, extra, with_holes, write_tar


def quiet(offer: Offer, done: int) -> None:
    pass


@pytest.fixture
def bundle(registry: Registry, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle of one model; what is temporary has a folder of its own."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    out = tmp_path / "models.tar"
    export_bundle(source, refresh(source, QUICK).offers, out, QUICK, quiet)
    return out


def members(bundle: Path) -> Members:
    with tarfile.open(bundle) as archive:
        return [(m, archive.extractfile(m).read()) for m in archive.getmembers()]  # type: ignore[union-attr]


def written(tmp_path: Path, home: Path) -> list[Path]:
    """What there is of temporary files and of archives."""
    left = [*(tmp_path / "temporary").iterdir(), *home.glob("downloads/*.part"), *home.glob("models/*")]
    return [path for path in left if not path.name.endswith(".lock")]


def test_what_was_exported_is_imported_straight_from_the_bundle(
    bundle: Path, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog, (folder,) = import_bundle(source, bundle, ModelCache(), quiet)
    assert [offer.label for offer in catalog.offers] == ["toy@1.0.0"]
    assert folder.name == "toy-1.0.0"
    assert list((tmp_path / "temporary").iterdir()) == []
    ModelCache().remove("toy")


def test_what_nobody_signed_is_not_written_however_large_it_is(
    bundle: Path, source: Source, tmp_path: Path
) -> None:
    home = ModelCache().models.parent
    parts = members(bundle)
    junk = extra("targets/junk.tar", content=bytes(300_000))
    largest: list[int] = []
    (place,) = [k for k, (member, _) in enumerate(parts) if member.name == "metadata/timestamp.json"]
    member, content = parts[place]
    forged = content.replace(b'"sig":"', b'"sig":"00').replace(b'"sig": "', b'"sig": "00')
    assert forged != content
    changed = [*parts[:place], extra(member.name, content=forged), *parts[place + 1 :]]
    path = write_tar([junk, *changed], tmp_path / "changed.tar")
    with pytest.raises(RegistryError, match=r"not signed with|damaged|do not belong|older"):
        import_bundle(source, path, ModelCache(), lambda _, done: largest.append(done))
    assert (largest, written(tmp_path, home)) == ([], [])
    import_bundle(source, write_tar([junk, *parts], tmp_path / "more.tar"), ModelCache(), quiet)
    assert not [path for path in home.rglob("*") if path.is_file() and path.stat().st_size >= 300_000]
    ModelCache().remove("toy")


def test_of_an_archive_no_more_is_written_than_was_signed(
    bundle: Path, source: Source, tmp_path: Path
) -> None:
    (offer,) = refresh(source, QUICK).offers
    parts = [
        (m, content + bytes(1_000_000) if m.name.endswith(offer.file) else content)
        for m, content in members(bundle)
    ]
    for member, content in parts:
        member.size = len(content)
    done: list[int] = []
    with pytest.raises(RegistryError, match=rf"has more bytes than the {offer.size} that were signed"):
        import_bundle(
            source, write_tar(parts, tmp_path / "long.tar"), ModelCache(), lambda _, n: done.append(n)
        )
    assert max(done, default=0) <= offer.size
    assert written(tmp_path, ModelCache().models.parent) == []


@pytest.mark.parametrize(
    "member",
    [
        extra("targets/link.tar", tarfile.SYMTYPE, target="/etc/hostname"),
        extra("targets/link.tar", tarfile.LNKTYPE, target="metadata/timestamp.json"),
        extra("targets/pipe.tar", tarfile.FIFOTYPE),
        extra("targets/device.tar", tarfile.CHRTYPE),
        extra("targets/folder", tarfile.DIRTYPE),
        extra("targets/../x.tar", content=b"x"),
        extra("../x.tar", content=b"x"),
        extra("/targets/x.tar", content=b"x"),
        extra("targets/a/b.tar", content=b"x"),
        extra("targets/-x", content=b"x"),
        extra("targets/a\nb", content=b"x"),
        extra("other/x", content=b"x"),
        extra("metadata/timestamp.json", content=b"{}"),
        with_holes("targets/holes.tar"),
        with_holes("targets/holes.tar", pax=True),
    ],
    ids=lambda member: repr(member[0].name),
)
def test_anything_but_plain_files_is_refused(
    bundle: Path, source: Source, tmp_path: Path, member: tuple[tarfile.TarInfo, bytes]
) -> None:
    path = write_tar([*members(bundle), member], tmp_path / "changed.tar")
    with pytest.raises(RegistryError, match=r"is not a plain file of a registry, or is there twice"):
        import_bundle(source, path, ModelCache(), quiet)
    assert written(tmp_path, ModelCache().models.parent) == []


@pytest.mark.parametrize(
    ("limit", "most"), [("MOST_FILES", 3), ("MOST_BYTES", 500), ("MOST_BUNDLE_BYTES", 3000)]
)
def test_limits(bundle: Path, source: Source, monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    monkeypatch.setattr(bundles, limit, most)
    with pytest.raises(RegistryError, match=rf"is not a bundle of models: more than .*{most:,}"):
        import_bundle(source, bundle, ModelCache(), quiet)


def test_a_head_that_would_fill_the_memory_is_not_read(bundle: Path, source: Source, tmp_path: Path) -> None:
    head = tarfile.TarInfo("long")
    head.type, head.size = tarfile.GNUTYPE_LONGNAME, 3 << 20
    path = tmp_path / "head.tar"
    path.write_bytes(head.tobuf(tarfile.GNU_FORMAT) + b"x" * (3 << 20) + bundle.read_bytes())
    with pytest.raises(RegistryError, match=rf"a head of {3 << 20} bytes"):
        import_bundle(source, path, ModelCache(), quiet)


@pytest.mark.parametrize("content", [b"", b"PK", bytes(20_000), b"x" * 5000])
def test_other_files_are_no_bundles(
    registry: Registry, source: Source, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(RegistryError, match=r"x\.tar' is not a bundle of models"):
        import_bundle(source, tmp_path / "x.tar", ModelCache(), quiet)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_bundle_that_breaks_off_is_none(bundle: Path, source: Source, cut: float) -> None:
    content = bundle.read_bytes()
    used = len(content.rstrip(b"\0"))  # a tar ends in blocks of zeros
    bundle.write_bytes(content[: int(cut * used)])
    with pytest.raises(RegistryError, match=re.escape(f"'{bundle}' is not a bundle of models")):
        import_bundle(source, bundle, ModelCache(), quiet)
