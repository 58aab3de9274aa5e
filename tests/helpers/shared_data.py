"""Where the real data lie, if they are here."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("DVPLUG_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="real data folder ../shared/data is absent")
