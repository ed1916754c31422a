"""Writes tables.rs and runs.bin: what `unicode.rs` looks characters up in, as the running Python's `str` methods answer.

Run it in this folder with the Python whose answers are wanted: `python3 tables.py > tables.rs`.
"""

import struct
import unicodedata

ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ignorable(c):
    # A character that may stand between a letter and a sigma that ends the word, without being a letter itself.
    return ("A" + c + "Σ").lower()[-1] == "ς" and ("1" + c + "Σ").lower()[-1] != "ς"


FLAGS = [
    ("ALPHA", str.isalpha),
    ("DECIMAL", str.isdecimal),
    ("DIGIT", str.isdigit),
    ("NUMERIC", str.isnumeric),
    ("LOWER", str.islower),
    ("UPPER", str.isupper),
    ("TITLE", lambda c: unicodedata.category(c) == "Lt"),
    ("SPACE", str.isspace),
    ("PRINTABLE", str.isprintable),
    ("IGNORABLE", ignorable),
    ("XID_START", str.isidentifier),
    ("XID_CONTINUE", lambda c: ("a" + c).isidentifier()),
]


def rows(items, width=116):
    line = ""
    for item in items:
        if len(line) + len(item) + 2 > width:
            print("    " + line.rstrip())
            line = ""
        line += item + ", "
    if line:
        print("    " + line.rstrip())


def array(name, kind, items, doc):
    items = list(items)
    print(f"\n/// {doc}\n#[rustfmt::skip]\npub(super) static {name}: [{kind}; {len(items)}] = [")
    rows(items)
    print("];")


def flags_of(c):
    return sum(1 << bit for bit, (_, test) in enumerate(FLAGS) if test(chr(c)))


print("//! Written by tables.py: the properties of characters in Unicode", unicodedata.unidata_version)
print()
for bit, (name, _) in enumerate(FLAGS):
    print(f"pub(super) const {name}: u16 = {1 << bit:#x};")
classes, runs, previous = [], [], None
for c in range(0x110000):
    flags = flags_of(c)
    if flags != previous:
        if flags not in classes:
            classes.append(flags)
        runs.append(c << 8 | classes.index(flags))
        previous = flags
array("CLASSES", "u16", map(hex, classes), "The combinations of flags that occur; runs.bin has indexes into them.")
with open("runs.bin", "wb") as file:
    file.write(struct.pack(f"<{len(runs)}I", *runs))
zeros = sorted({c - unicodedata.decimal(chr(c)) for c in ALL if chr(c).isdecimal()})
assert all(unicodedata.decimal(chr(z + i)) == i for z in zeros for i in range(10))
array("ZEROS", "u32", map(hex, zeros), "The zero of each block of ten decimal digits.")
