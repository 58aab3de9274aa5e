#!/usr/bin/env bash
# libdeflate's Python binding gives nothing, and no error, where it is told that a stream holds no bytes.
#
# Version:   deflate 0.9.0 (its libdeflate), CPython's zlib as the maker of the streams.
# Expected:  the second argument of deflate_decompress is how many bytes come out; one that is too small is an error,
#            whatever it is.
# Behaviour: of a stream of 1,000 bytes, 1 and 999 raise DeflateError, and 0 returns an empty bytearray: the stream is
#            not looked at. A size that is too large is no error either: what there is comes back, shorter than asked.
# Seen:      size 0: b'' of 0 bytes; size 1 and 999: DeflateError; size 1000 and 5000: the 1,000 bytes.
# Hurts:     whoever inflates blocks of BGZF (BAM, VCF, tabix) by this package and gives it the length that a block
#            claims at its end: one that claims 0 and holds records is lost without a word. Ask for 65,536 bytes, the
#            most that a block may hold, and compare the CRC-32.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check deflate==0.9.0
"$folder/venv/bin/python" - <<'PY'
import zlib

import deflate

content = bytes(range(250)) * 4
packer = zlib.compressobj(6, zlib.DEFLATED, -15)
packed = packer.compress(content) + packer.flush()
seen = {}
for size in (0, 1, 999, 1000, 5000):
    try:
        seen[size] = len(deflate.deflate_decompress(packed, size))
    except deflate.DeflateError:
        seen[size] = "DeflateError"
    print(f"deflate_decompress of 1,000 bytes, size {size}: {seen[size]}")
expected = {0: 0, 1: "DeflateError", 999: "DeflateError", 1000: 1000, 5000: 1000}
assert seen == expected, f"changed: {seen} where {expected} was seen"
PY
echo "as described"
