"""Increments a multiprocessing.Value in two processes, a round for each line of standard input."""

import multiprocessing
import sys


def work(counter, pipe, times):
    for _ in iter(pipe.recv, None):
        for _ in range(times):
            with counter.get_lock():
                counter.value += 1
        pipe.send(True)


times = int(sys.argv[1])
fork = multiprocessing.get_context("fork")
counter = fork.Value("Q", 0)
pipes = []
for _ in range(2):
    ours, theirs = fork.Pipe()
    fork.Process(target=work, args=(counter, theirs, times), daemon=True).start()
    pipes.append(ours)

print("ready", flush=True)
for _ in sys.stdin:
    for pipe in pipes:
        pipe.send(True)
    for pipe in pipes:
        pipe.recv()
    print("done", flush=True)
