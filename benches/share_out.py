# Sums an array with a pool of processes whenever a line tells how, and prints the result.
import sys
from multiprocessing import Pool
from multiprocessing.shared_memory import SharedMemory

import numpy as np

LEN, WORKERS = int(sys.argv[1]), int(sys.argv[2])
HALVES = [(worker * LEN // WORKERS, (worker + 1) * LEN // WORKERS) for worker in range(WORKERS)]


def attach(name):
    global memory, numbers
    memory = SharedMemory(name)
    numbers = np.ndarray(LEN, "f8", memory.buf)


def sum_chunk(chunk):
    return float(chunk.sum())


def sum_shared(rows):
    return float(numbers[slice(*rows)].sum())


shared = SharedMemory(create=True, size=LEN * 8)
try:
    data = np.ndarray(LEN, "f8", shared.buf)
    data[:] = 1
    with Pool(WORKERS, attach, (shared.name,)) as pool:
        pool.map(sum_shared, HALVES)
        print("ready", flush=True)
        for line in sys.stdin:
            if line == "pool\n":
                sums = pool.map(sum_chunk, [data[slice(*rows)] for rows in HALVES])
            elif line == "shared\n":
                sums = pool.map(sum_shared, HALVES)
            else:
                with Pool(WORKERS, attach, (shared.name,)) as other:
                    sums = other.map(sum_shared, HALVES)
            print(sum(sums), flush=True)
finally:
    data = None
    shared.close()
    shared.unlink()
