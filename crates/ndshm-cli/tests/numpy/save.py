"""Saves arrays of many kinds, each with the text that NumPy prints of it, and prints how many."""

import sys

import numpy as np

rng = np.random.default_rng(7)
arrays = [
    np.arange(24).reshape(2, 3, 4),
    np.arange(-3, 9, dtype="i1").reshape(3, 4),
    rng.normal(size=(5, 7)),
    rng.normal(size=(4, 3)).astype("f4"),
    np.linspace(0, 1, 11),
    np.array([1e-9, 1.0, 2e5]),
    np.array([np.nan, np.inf, -np.inf, 1.5]),
    np.array([np.nan, np.nan]),
    np.array([1e300, -1e-300]),
    np.array([True, False]),
    np.array([-0.0, 0.0]),
    np.array(3.25),
    np.array(7),
    np.zeros((0,)),
    np.zeros((3, 0)),
    np.arange(5000.0),
    rng.integers(0, 255, (50, 60), dtype="u1"),
    np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    np.array([1 + 2j, -0.5 - 1e-3j]),
    np.array([1.0, 100.25, -3.0], "f4"),
    np.arange(1100).reshape(10, 110),
    np.array([(1, 2.5), (30, -4)], [("a", "<u4"), ("b", "<f8")]),
    np.array([(1, [1.5, 2])], [("a", "<u4"), ("b", "<f8", (2,))]),
    rng.normal(size=(2, 3, 2, 2)),
    np.array([["a", "it's"], ["Δ", "\n\""]]),
    np.array([b"a", b"it's", b"\x00\xff"]),
    np.array("one"),
    np.array([0, 1, -(2**63)]).view("M8[ns]"),
    np.array([-1, 5, 2**40]).view("M8[25s]"),
    np.array(["1969-12", "2024-02"], "M8[M]"),
    np.array("2024-02-29", "M8[D]"),
    np.array([1, -(2**63), 1000]).view("m8[ms]"),
    np.array(90, "m8[s]"),
    np.array([("x", b"yz", 5, 7), ("xyz", b"", -(2**63), -(2**63))], "U3,S3,M8[s],m8[h]"),
    np.array([(1.5, 2)], [("ρ", "<f4"), ("θ", "<i4")]),
    np.zeros(2, [(f"a field of many {n:03}", "<f4") for n in range(300)]),
]
for index, array in enumerate(arrays):
    np.save(f"{sys.argv[1]}/{index}.npy", array)
    with open(f"{sys.argv[1]}/{index}.txt", "w") as text:
        print(array, file=text)
print(len(arrays))
