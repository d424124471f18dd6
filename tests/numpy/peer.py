"""The other side of tests/numpy.rs: runs each line it is given, and answers with its value."""

import io
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np


def path(name):
    return "/dev/shm/" + name


def load(name):
    return np.load(path(name), mmap_mode="r+", max_header_size=1 << 20)


def look(name):
    """What NumPy takes the array for: dtype, shape, order, and values in C order."""
    array = load(name)
    flags = array.flags
    order = "C" * flags.c_contiguous + "F" * flags.f_contiguous
    values = ",".join(map(text, array.ravel(order="C").tolist()))
    return f"{array.dtype.str} {list(array.shape)} {order} {values}"


def write(name, values):
    array = load(name)
    array[...] = numbers(array.dtype, "C", array.shape, values)


def text(number):
    if isinstance(number, complex):
        return f"{number.real}/{number.imag}"
    return number.hex() if isinstance(number, bytes) else str(number)


def number(kind, text):
    if kind == "b":
        return {"True": True, "False": False}[text]
    if kind == "c":
        return complex(*map(float, text.split("/")))
    return {"i": int, "u": int, "f": float, "V": bytes.fromhex}[kind](text)


def header(name):
    """The dictionary that the file begins with, less its padding."""
    with open(path(name), "rb") as file:
        return dictionary(file)


def saved_header(name):
    """The dictionary that `np.save` writes for the same array."""
    file = io.BytesIO()
    np.save(file, load(name))
    file.seek(0)
    return dictionary(file)


def dictionary(file):
    assert file.read(6) == b"\x93NUMPY"
    version, _ = file.read(2)
    length = int.from_bytes(file.read(2 if version == 1 else 4), "little")
    text = file.read(length).decode("utf8" if version == 3 else "latin1")
    return f"{version}.0 {text.rstrip()}"


def save(name, array):
    with open(path(name), "xb") as file:
        np.save(file, array)


def save_as(name, version, array):
    """Writes a plain .npy file of that version."""
    with open(path(name), "xb") as file:
        np.lib.format.write_array(file, array, version=version)


def numbers(dtype, order, shape, values):
    """An array of numbers that are told in C order."""
    kind = np.dtype(dtype).kind
    numbers = [number(kind, value) for value in values.split(",") if value]
    return np.asarray(np.array(numbers, dtype).reshape(shape), order=order)


def shared_memory(name):
    """Opens what somebody else made, and leaves removing it to them."""
    if sys.version_info >= (3, 13):
        return SharedMemory(name, track=False)
    memory = SharedMemory(name)
    resource_tracker.unregister(memory._name, "shared_memory")
    return memory


def make_shared_memory(name, size):
    """Makes some that stays when this process ends."""
    if sys.version_info >= (3, 13):
        return SharedMemory(name, create=True, size=size, track=False)
    memory = SharedMemory(name, create=True, size=size)
    resource_tracker.unregister(memory._name, "shared_memory")
    return memory


def run(line):
    try:
        code = compile(line, line, "eval")
    except SyntaxError:
        code = compile(line, line, "exec")
    return eval(code, globals())


print("NumPy", np.__version__, flush=True)
for line in sys.stdin:
    print(run(line.strip()), flush=True)
