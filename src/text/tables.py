"""Writes tables.rs, runs.bin and ucd.bin: what `unicode.rs` and `ucd.rs` look characters up in, as the running Python's `str` methods answer.

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


# ucd.bin: what the module `unicodedata` says of characters. Numbers are written in groups of seven bits, the last one
# first marked by a clear top bit; a text is its length and its bytes.
out = bytearray()


def number(n):
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)


def text(word):
    number(len(word))
    out.extend(word.encode())


def properties(c):
    c = chr(c)
    return (unicodedata.category(c), unicodedata.bidirectional(c), unicodedata.east_asian_width(c),
            unicodedata.combining(c), unicodedata.mirrored(c))


classes, runs, previous = {}, [], None
for c in range(0x110000):
    if (found := properties(c)) != previous:
        runs.append((c, classes.setdefault(found, len(classes))))
        previous = found
number(len(classes))
for *words, combining, mirrored in classes:
    for word in words:
        text(word)
    number(combining << 1 | mirrored)
number(len(runs))
last = 0
for c, at in runs:
    number(c - last)
    number(at)
    last = c
# Characters with a numeric value: how far on, how many whose values go up by one, the first value.
values = {c: value for c in ALL if (value := unicodedata.numeric(chr(c), None)) is not None}
starts = [c for c in values if values.get(c - 1) != values[c] - 1]
number(len(starts))
last = 0
for c in starts:
    count = 1
    while values.get(c + count) == values[c] + count:
        count += 1
    number(c - last)
    number(count)
    out.extend(struct.pack("<d", values[c]))
    last = c
# Decompositions: how far on, the tag (or nothing), how many characters, and how far away each is, the sign last.
parts = {c: unicodedata.decomposition(chr(c)).split() for c in ALL if unicodedata.decomposition(chr(c))}
tags = sorted({part[0] if part[0][0] == "<" else "" for part in parts.values()})
number(len(tags))
for tag in tags:
    text(tag)
number(len(parts))
last = 0
for c, part in parts.items():
    tag = part.pop(0) if part[0][0] == "<" else ""
    number(c - last)
    number(tags.index(tag))
    number(len(part))
    for code in part:
        away = int(code, 16) - c
        number(abs(away) << 1 | (away < 0))
    last = c
with open("ucd.bin", "wb") as file:
    file.write(out)
