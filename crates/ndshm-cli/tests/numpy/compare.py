"""Checks that what was written back is what was saved."""

import sys

import numpy as np

for index in range(int(sys.argv[2])):
    saved, again = (np.load(f"{sys.argv[1]}/{index}{end}.npy", max_header_size=1 << 20) for end in ("", "-again"))
    assert saved.dtype == again.dtype, index
    assert saved.shape == again.shape, index
    assert saved.flags.f_contiguous == again.flags.f_contiguous, index
    assert saved.tobytes() == again.tobytes(), index
