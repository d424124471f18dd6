"""Writes .npy files of many kinds into a directory, and says of each what NumPy makes of it.

`matrix.py write DIRECTORY` makes `0.npy`, `1.npy` and so on, the same ones at each run, and prints a line for
each: what NumPy does with it (`reads` or `refuses`), whether it must be read by everybody who reads NumPy's
files (`must`) or may be refused (`may`), and what it is.

`matrix.py judge PAIRS` reads lines of two paths from a file, and fails unless NumPy finds the same in both.
"""

import io
import random
import struct
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
LONGEST = 1 << 21

PLAIN = """b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 >i2 >i4 >i8 >u2 >u4 >u8 >f2 >f4 >f8 >c8 >c16
    S1 S5 S32 U1 U7 >U4 V1 V5 V16 M8[ns] M8[25s] M8[D] M8[M] M8 >M8[us] m8[s] m8 m8[7D] >m8[h]""".split()
RECORDS = [
    [("a", "u1"), ("b", "<f8")],
    [("a", "u1"), ("b", ">f8"), ("c", "<i2")],
    np.dtype([("a", "u1"), ("b", "<f8"), ("c", "<i2")], align=True),
    [("t", "<M8[ns]"), ("d", "<m8[s]"), ("s", "S5"), ("u", "<U3"), ("v", "V3")],
    [("t", ">M8[ms]"), ("u", ">U3"), ("z", ">c16")],
    [("x", "<f4", (3,)), ("y", ">i2", (2, 2))],
    [("in", [("a", ">u2"), ("b", "S2")]), ("out", "?")],
    [("in", [("a", ">u2"), ("b", "S2")], (2, 3)), ("out", "?")],
    [(("a title", "a"), "<f4"), ("b", "<f4")],
    [("\u03c1", "<f4"), ("\u03b8", "<i4")],
    [("\u9ad8\u3055", "<f4")],
    [("\xe9", "<f4"), ("a b", "u1")],
    [(f"field {n}", "<f4") for n in range(300)],
    [(f"a field with quite a long name {n:04}", "<u2") for n in range(1500)],
    np.dtype({"names": ["a", "b"], "formats": ["u1", "<f4"], "offsets": [2, 8], "itemsize": 16}),
]
REFUSED = ["f16", "c32", "O", "S0", "V0", [("a", "f16")], [("a", "<f4", (0,)), ("b", "u1")], [("a\n", "<f4")],
           [("it's", "<f4")], [("", "<f4")]]
SHAPES = [(), (5,), (3, 4), (2, 3, 4), (0,), (3, 0, 2), (1, 6), (6, 1)]

SPELLED = """f4 =f4 |f4 f <f d <d =d float32 float64 half single double float complex64 complex128 complex ? b B h H i I
    q Q e F D bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 byte ubyte short ushort intc uintc longlong
    ulonglong <u1 >u1 >b1 <b1 >i1 =b1 S5 <S5 >S5 a5 c U5 =U5 V5 <V5 >V5 M8[s] =M8[s] datetime64[s] datetime64 m8[25s]
    timedelta64[ms] M m M8[generic] M8[1s]""".split()
ODDLY_SPELLED = ["l", "L", "p", "int", "uint", "long", "i4,f4", "3f4", "(2,3)f4", "U05", "S 5", "i04", "M8[D/2]", "M8[0s]",
                 "M8[010s]", "g", "longdouble", "T", "str", "V", ""]

DESCRIPTIONS = [
    "('<f4', (2,))", "('<f4', 2)", "('<f4', [2])", "('<f4', ())", "(('<f4', (2,)), (3,))", "('S', 4)",
    "[('a', '<f4')]", "[['a', '<f4']]", "[('a', '<f4', 2)]", "[('a', '<f4', ())]", "[('a', ('<f4', (2,)), (3,))]",
    "[(('title', 'a'), '<f4')]", "[('a', 'u1'), ('', '|V3'), ('b', '<f4')]", "[('a', 'u1'), ('', '|V1', (3,))]",
]
# With the dtype, the order and the shape of six numbers in their places.
HEADERS = [
    "{'descr':D,'fortran_order':O,'shape':S}",
    "{'descr':\tD,\t'fortran_order':\tO,\t'shape':\tS,\t}",
    "{'descr': D,\n 'fortran_order': O,\n 'shape': S}\n\n",
    "\n\n{'shape': S, 'descr': D, 'fortran_order': O}",
    "  {'shape': S, 'descr': D, 'fortran_order': O} # a comment\n# and another\n",
    "{u'descr': D, U'fortran_order': (O), r'shape': (S)}",
    "{\"descr\": D, 'fortran' '_order': O, '''shape''': S, }",
    "({'descr': D, 'fortran_order': O, 'shape': S})",
    "{'\\x64escr': D, 'fortran\\u005forder': O, 'shape': S, 'shape': S}",
    "{'descr': D, \\\n'fortran_order': O, 'shape': S}\r\n",
]
SHAPED = ["(6L,)", "(6,)", "((6),)", "(0x6,)", "(0b110,)", "(+6,)", "(6 ,)", "(2,3,)", "(2L, 3L)", "(1_0, 0)"]


def file(version, text, data, length=None):
    """A file of that version, whatever the text is."""
    text = text.encode("utf-8" if version == 3 else "latin1")
    length = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", length) + text + data


def padded(version, text):
    """The text of a header that is 192 bytes long."""
    return text.ljust(191 - (10 if version == 1 else 12)) + "\n"


def saved(array, version):
    """A file as `np.save` writes it, of the least version that can say it."""
    for version in range(version, 4):
        stream = io.BytesIO()
        try:
            np.lib.format.write_array(stream, array, version=(version, 0))
            return stream.getvalue()
        except ValueError:
            pass
    raise AssertionError(array.dtype)


def filled(dtype, shape, order, rng):
    dtype = np.dtype(dtype)
    count = int(np.prod(shape, dtype=int))
    if dtype.kind == "U":
        texts = ["".join(rng.choice("ab\u0394\u9ad8\U0001f600") for _ in range(dtype.itemsize // 4)) for _ in range(count)]
        array = np.array(texts, dtype).reshape(shape)
    elif dtype.kind == "O":
        array = np.array([None] * count, dtype).reshape(shape)
    elif dtype.itemsize == 0:
        array = np.ndarray(shape, dtype)
    else:
        # Bytes that are numbers and characters alike; the units of their order are all that can differ.
        data = bytes(rng.randrange(1, 100) if dtype.kind != "V" or not dtype.names else 0 for _ in range(count * dtype.itemsize))
        array = np.frombuffer(bytearray(data) or bytearray(), dtype, count).reshape(shape)
        if dtype.names:
            array = array.copy()
            for n, name in enumerate(dtype.names):
                if dtype[name].base.kind in "iufcMm":
                    array[name] = (np.arange(array[name].size) + n + 1).reshape(array[name].shape).astype(dtype[name].base)
    return np.asfortranarray(array) if order == "F" and array.ndim > 1 else array


def matrix():
    """Yields how a file is to be taken, what it is, and its bytes."""
    rng = random.Random(11)
    cases = 0
    for dtype in PLAIN + RECORDS + REFUSED:
        must = "may" if any(dtype is refused for refused in REFUSED) else "must"
        for order in "CF":
            for _ in range(3):
                shape, version = SHAPES[cases % len(SHAPES)], 1 + cases % 3
                cases += 1
                array = filled(dtype, shape, order, rng)
                if not array.dtype.hasobject:
                    yield must, f"{str(dtype)[:60]} {shape} {order} {version}", saved(array, version)
                else:
                    text = f"{{'descr': '|O', 'fortran_order': False, 'shape': {shape}, }}\n"
                    yield must, "objects", file(version, text, b"pickled")
    six = bytes(range(65, 65 + 26)) * 40
    for version in (1, 3):
        for word in SPELLED + ODDLY_SPELLED:
            must = "must" if word in SPELLED else "may"
            text = padded(version, f"{{'descr': '{word}', 'fortran_order': False, 'shape': (6,), }}")
            try:
                size = 6 * np.dtype(word).itemsize
            except (TypeError, SyntaxError):
                size = 0
            yield must, f"{word} {version}", file(version, text, six[:size] if version > 1 or size else six)
    for description in DESCRIPTIONS:
        text = padded(2, f"{{'descr': {description}, 'fortran_order': False, 'shape': (6,), }}")
        dtype = np.lib.format.descr_to_dtype(eval(description))
        yield "must", description, file(2, text, six[: 6 * dtype.itemsize])
    for version in (1, 2, 3):
        for header in HEADERS:
            text = header.replace("D", "'<f4'").replace("O", "True").replace("S", "(2, 3)")
            yield "must", header, file(version, text, six[:24])
        for shape in SHAPED:
            text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"
            yield "must", shape, file(version, text, six[: 0 if "0)" in shape else 24])
    yield from mutated(rng)


def mutated(rng):
    """Headers in which a few characters are others, or are left out, or come twice."""
    letters = "{}[]()'\",:;<>=|0123456789LfiuUSVMmsdTrueFals_\\ \t\n#+-.j\x00\xe9"
    seeds = [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      \n",
        "{'descr': [('a', '|u1'), ('', '|V3'), ('b', '<f4', (1,))], 'fortran_order': True, 'shape': (3,), }   \n",
        "{'descr': [('t', '<M8[ns]'), ('n', '>i4'), ('s', '|S4')], 'fortran_order': False, 'shape': (3L,), }\n",
    ]
    for n in range(600):
        text = list(seeds[n % len(seeds)])
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            at = rng.randrange(len(text))
            change = rng.randrange(4)
            if change == 0:
                text[at] = rng.choice(letters)
            elif change == 1:
                text.insert(at, rng.choice(letters))
            elif change == 2:
                del text[at]
            else:
                text.insert(at, text[at])
        text = "".join(text)
        version = rng.choice((1, 2, 3))
        yield "may", f"mutated {version} {text!r}", file(version, text, bytes(range(65, 65 + 60)) * 2)


def load(path):
    """What NumPy makes of a file. Of dtypes that are arrays it makes something only where it maps the file."""
    try:
        return np.load(path, max_header_size=LONGEST)
    except ValueError as error:
        if "Failed to read all data" not in str(error):
            raise
        return np.array(np.load(path, mmap_mode="r", max_header_size=LONGEST))


def same(one, other):
    """Whether both hold the same, in whatever order their bytes are."""
    if one.shape != other.shape or one.dtype.names != other.dtype.names:
        return False
    if one.dtype.names is not None:
        return all(same(one[name], other[name]) for name in one.dtype.names)
    if one.dtype.newbyteorder("<") != other.dtype.newbyteorder("<"):
        return False
    little = one.dtype.newbyteorder("<")
    return np.ascontiguousarray(one).astype(little).tobytes() == np.ascontiguousarray(other).astype(little).tobytes()


def write(directory):
    for index, (must, what, data) in enumerate(matrix()):
        path = f"{directory}/{index}.npy"
        with open(path, "wb") as opened:
            opened.write(data)
        try:
            load(path)
            verdict = "reads"
        except Exception:
            verdict = "refuses"
        print(verdict, must, what.encode("unicode_escape").decode())


def judge():
    wrong = 0
    for line in open(sys.argv[2]):
        one, other = line.split()
        left, right = load(one), load(other)
        if not same(left, right):
            wrong += 1
            print(one, left.dtype, left.shape, left.tobytes()[:40], right.dtype, right.shape, right.tobytes()[:40])
    sys.exit(wrong > 0)


if __name__ == "__main__":
    write(sys.argv[2]) if sys.argv[1] == "write" else judge()
