"""Tests that map reads need programs that may be absent."""

from __future__ import annotations

import shutil

import pytest

_ABSENT = [program for program in ("bwa", "minimap2", "samtools") if not shutil.which(program)]
needs_aligners = pytest.mark.skipif(bool(_ABSENT), reason=f"not installed: {', '.join(_ABSENT)}")
