#!/usr/bin/env bash
# A cached Numba kernel that takes a NamedTuple cannot be called after the class was renamed, though its source changed.
#
# Version:   numba 0.68.1.
# Expected:  `njit(cache=True)` compiles again when the file of the kernel has changed, as the documentation of on-disk
#            caching says; what an older version of the package left in __pycache__ is then ignored.
# Behaviour: the index of the cache is unpickled whole *before* its time stamp is compared. It names the classes of the
#            arguments, so that a class which was renamed or moved raises AttributeError at the first call.
# Seen:      "AttributeError: Can't get attribute 'Reads' on <module 'kernels' ...>", with the file changed.
# Hurts:     users of a package with cached kernels over named tuples: after an upgrade (pip leaves the index files, which
#            it did not install) the first call fails until __pycache__ is emptied by hand.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check numba==0.68.1 numpy
cd "$folder"
write() {  # the same module, its class under the given name
    cat > kernels.py <<PY
from typing import NamedTuple

import numpy as np
from numba import njit


class $1(NamedTuple):
    start: np.ndarray


@njit(cache=True)
def first(reads):
    return reads.start[0]
PY
}
call() { PYTHONPATH=. venv/bin/python -c "import numpy as np, kernels; print(kernels.first(kernels.$1(np.arange(3))))" 2>&1; }
write Reads
[ "$(call Reads)" = 0 ]
[ "$(call Reads)" = 0 ] # from the cache
sleep 1.1
write ReadArrays
said=$(call ReadArrays) && { echo "changed: it is compiled again"; exit 1; }
echo "$said" | tail -n 1
case $said in *"AttributeError: Can't get attribute 'Reads'"*) ;; *) echo "changed"; exit 1 ;; esac
rm -r __pycache__
[ "$(call ReadArrays)" = 0 ]
echo "as described"
