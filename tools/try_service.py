"""Ask a service for all that its OpenAPI description allows, and for what it does not, and look at the answers.

    python tools/try_service.py --cases 2000

Each answer has to be one that the description names, of the type and the schema that it names, and none a 5xx but those
that it names. Needs schemathesis (pip install schemathesis), which makes the requests.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import App

from dvplug.errors import DvplugError, InputError
from dvplug.simulate import simulate_dataset
from dvplug.system.console import info
from dvplug_lab.script import run
from dvplug_lab.services import served

app = App(help=__doc__, help_format="plaintext")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "unsupported_method",
)  # fmt: skip
OPERATIONS = 36  # about: how many requests are made for each follows


@app.default
def main(*, cases: int = 2000, seed: int = 1) -> None:
    """Make that many requests, or some more.

    Parameters
    ----------
    cases
        How many at least.
    seed
        Of the requests.
    """
    if shutil.which("schemathesis") is None:
        raise InputError("schemathesis is not installed", repair="pip install schemathesis")
    with TemporaryDirectory(prefix="service-") as temporary:
        data = Path(temporary, "data")
        made = simulate_dataset(data / "files", length=20_000, depth=10, seed=seed)
        info(f"Asking a service of {made.reference.parent}.")
        with served(data, "--runs", "4", "--workers", "1", "--least-free", "1MB") as service:
            words = [
                "schemathesis", "run", f"{service.url}openapi.json", "--url", service.url, "--checks", ",".join(CHECKS),
                "--max-examples", str(max(1, cases // OPERATIONS)), "--seed", str(seed), "--no-color",
                "--request-timeout", "30", "--header", "Prefer: respond-async", "--continue-on-failure",
                "--exclude-path-regex", "/events$", "--exclude-method", "PATCH",
            ]  # fmt: skip
            said = subprocess.run(words, cwd=temporary, capture_output=True, text=True, check=False)
            alive = service.process is not None and service.process.poll() is None
    sys.stdout.write(said.stdout + said.stderr)
    found = re.search(r"(\d+) generated", said.stdout)
    if said.returncode or not alive or found is None:
        raise DvplugError("The service did not answer as it describes itself", cause="see above")
    info(f"{int(found[1]):,} requests, and each answer is one that is described.")


if __name__ == "__main__":
    run(app)
