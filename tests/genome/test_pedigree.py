"""PED files: what is read of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.genome.pedigree import Child, Pedigree

SAMPLES = ["dad", "mum", "kid", "sis"]


def read(tmp_path: Path, text: str) -> Pedigree:
    path = tmp_path / "family.ped"
    path.write_text(text)
    return Pedigree.read(path, SAMPLES)


def test_children_of_samples_are_read(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "#family\tid\tfather\tmother\tsex\tphenotype\n"
        "F dad 0 0 1 1\n\nF\tmum\t0\t0\t2\t1\nF kid dad mum 1 2\nF sis elsewhere mum 2 1\nF gone dad mum 0 0\n",
    )
    assert found.children == (Child("kid", "dad", "mum"), Child("sis", "", "mum"))
    assert found.members == {"dad", "mum", "kid", "sis", "gone"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("F kid dad mum 1\n", "Line 1 .* has 5 columns"),
        ("F kid dad mum 1 1\nF kid dad mum 1 1\n", "has 'kid' twice"),
        ("F kid dad dad 1 1\n", "has 'dad' as father and as mother"),
        ("F 0 dad mum 1 1\n", "names nobody"),
        ("F kid dad mum 1 1\nF dad kid 0 1 1\n", "as an ancestor of itself"),
        (
            "F kid dad mum 1 1\nF dad 0 0 2 1\n",
            "has 'dad' as the father of 'kid': its sex there is the other",
        ),
        (
            "F kid dad mum 1 1\nF mum 0 0 1 1\n",
            "has 'mum' as the mother of 'kid': its sex there is the other",
        ),
        (
            "F kid dad 0 1 1\nF sis 0 dad 1 1\n",
            "'dad' as the father of 'kid': for 'sis' it is the other parent",
        ),
        ("F Kid dad mum 1 1\n", "no child whose parent is among the samples.*Did you mean 'kid'"),
        ("F kid Dad 0 1 1\n", "no child whose parent is among the samples.*Did you mean 'dad'"),
        ("F kid 0 0 1 1\n", "no child whose parent"),
    ],
)
def test_what_is_no_pedigree_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, text)


def test_all_wrong_lines_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)2 problems.*Line 1.*Line 3"):
        read(tmp_path, "F kid\nF dad 0 0 1 1\nF mum 0\n")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        Pedigree.read(tmp_path / "absent.ped", SAMPLES)
