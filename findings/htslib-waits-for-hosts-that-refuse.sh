#!/usr/bin/env bash
# htslib asks a server that refuses the connection again and again: 3.5 s for each file that is opened.
#
# Version:   pysam 0.24.1 (htslib 1.24), beside pysam 0.22.1 (htslib 1.18).
# Expected:  a refused connection is an error at once, as it was; only transfers that break off are gone on with.
# Behaviour: the connection is tried four times, with pauses that double. HTS_RETRY_MAX=0 in the environment ends that.
# Seen:      opening a BAM of a host where nobody listens takes 3.5 s with 1.24, 0.0 s with 1.18, and 0.0 s with 1.24 and
#            HTS_RETRY_MAX=0.
# Hurts:     whoever mistypes a host, or whose server is down: several names of an index are tried beside each file, so
#            that "Connection refused" comes after 15 s; and programs that try a list of mirrors in turn.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.22.1 0.24.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -q --disable-pip-version-check --only-binary :all: "pysam==$version"
done
cat >"$folder/open.py" <<'PYTHON'
"""Open a BAM of a host where nobody listens, and print how many seconds the refusal took."""
import socket
import sys
import time

import pysam

with socket.socket() as taken:  # a port that is ours, and where nobody listens
    taken.bind(("127.0.0.1", 0))
    pysam.set_verbosity(0)
    began = time.monotonic()
    try:
        pysam.AlignmentFile(f"http://127.0.0.1:{taken.getsockname()[1]}/reads.bam")
    except ConnectionRefusedError:
        took = time.monotonic() - began
    else:
        raise SystemExit("it was opened")
print(f"pysam {pysam.__version__}, htslib {pysam.version.__htslib_version__}{sys.argv[1]}: {took:.1f} s")
low, high = map(float, sys.argv[2:])
raise SystemExit(None if low <= took <= high else f"expected were {low} to {high} s")
PYTHON
"$folder/0.22.1/bin/python" "$folder/open.py" "" 0 1
"$folder/0.24.1/bin/python" "$folder/open.py" "" 3 6
HTS_RETRY_MAX=0 "$folder/0.24.1/bin/python" "$folder/open.py" ", HTS_RETRY_MAX=0" 0 1
echo "as described"
