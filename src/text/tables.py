"""Writes tables.rs: what `unicode.rs` looks characters up in, as the running Python's `str` methods answer.

Run it with the Python whose answers are wanted: `python3 tables.py > tables.rs`.
"""

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


def ranges(mapping):
    """(first, last, step, delta): every step-th character from first to last is moved by delta."""
    out = []
    for c, target in sorted(mapping.items()):
        if out:
            first, last, step, delta = out[-1]
            gap = c - last
            if target - c == delta and gap in (1, 2) and (first == last or gap == step):
                out[-1] = (first, c, gap, delta)
                continue
        out.append((c, c, 1, target - c))
    return out


def case_table(name, function, base, doc):
    single, special = {}, {}
    for c in ALL:
        mapped = function(chr(c))
        if mapped == base(chr(c)):
            continue
        if len(mapped) == 1:
            single[c] = ord(mapped)
        else:
            special[c] = mapped
    array(name, "(u32, u32, u32, i32)", (f"({a:#x}, {b:#x}, {s}, {d})" for a, b, s, d in ranges(single)), doc)
    texts = ((c, "".join(f"\\u{{{ord(x):x}}}" for x in text)) for c, text in special.items())
    array(name + "_SPECIAL", "(u32, &str)", (f'({c:#x}, "{t}")' for c, t in texts), doc + " To several characters.")


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
array("CLASSES", "u16", map(hex, classes), "The combinations of flags that occur.")
array("RUNS", "u32", map(hex, runs), "First character of each run of equal flags, shifted by 8, and an index into `CLASSES`.")
zeros = sorted({c - unicodedata.decimal(chr(c)) for c in ALL if chr(c).isdecimal()})
assert all(unicodedata.decimal(chr(z + i)) == i for z in zeros for i in range(10))
array("ZEROS", "u32", map(hex, zeros), "The zero of each block of ten decimal digits.")
case_table("UPPER_MAP", str.upper, lambda c: c, "`(first, last, step, delta)` to upper case.")
case_table("LOWER_MAP", str.lower, lambda c: c, "`(first, last, step, delta)` to lower case.")
case_table("TITLE_MAP", str.title, str.upper, "`(first, last, step, delta)` to title case, where that differs from upper.")
case_table("FOLD_MAP", str.casefold, str.lower, "`(first, last, step, delta)` to folded case, where that differs from lower.")
