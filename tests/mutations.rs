//! Texts that are nearly programs: the golden scripts with bytes, words and lines changed at random, always the same.
//!
//! Nothing that comes of it may panic, hang or overflow the stack: parsing, and running under limits. The targets in
//! `fuzz/` go through the same two functions with a fuzzer's guidance.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use aio::{Host, Interpreter};

/// How many texts each test tries. `MUTATIONS=100000 cargo test --test mutations` tries more.
const TRIES: u64 = 1_500;
const STACK: usize = 256 << 20;

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n.max(1)
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "aio") {
            found.push(path);
        }
    }
}

fn scripts() -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"), &mut paths);
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).filter(|text| text.len() < 4_000).collect()
}

/// What programs are made of, to be put in anywhere.
const WORDS: &[&str] = &[
    "(", ")", "[", "]", "{", "}", ":", ",", "=", "*", "**", "->", "...", "\n", "\n    ", "\t", "'", "\"\"\"", "f'{",
    "}'", "\\", " async ", " await ", " yield ", " lambda ", " if ", " else ", " for ", " in ", " not ", " is ",
    "def f(", "class C:", "try:", "except*", "finally:", "with ", "match x:\n case ", "return", "del ", "global ",
    "nonlocal x", "import ", "None", "0", "-1", "1e400", "1_0", "0x", "10**30", "[].append", "self", "__del__",
    "super()", "\0", "\u{feff}", "é", "𝒳",
];

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut text = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(12)).min(text.len());
        match random.below(7) {
            0 => drop(text.drain(at..end)),
            1 => drop(text.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
            2 => drop(text.splice(at..end, WORDS[random.below(WORDS.len())].bytes())),
            3 if at < text.len() => text[at] = random.next() as u8,
            4 => {
                let piece = text[at..end].to_vec();
                let to = random.below(text.len() + 1);
                drop(text.splice(to..to, piece));
            }
            5 => {
                // A line from another script.
                let other = &seeds[random.below(seeds.len())];
                let lines: Vec<&[u8]> = other.split_inclusive(|&b| b == b'\n').collect();
                if !lines.is_empty() {
                    let line = lines[random.below(lines.len())].to_vec();
                    let start = text[..at].iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
                    drop(text.splice(start..start, line));
                }
            }
            _ => text.truncate(at),
        }
    }
    text
}

/// Runs `body` on mutations, on a thread with room, and says which text it was that failed.
fn on_mutations(seed: u64, share: u64, body: fn(&[u8])) {
    let tries = std::env::var("MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(TRIES) / share;
    let seeds = scripts();
    let work = move || {
        let mut random = Random(seed);
        for _ in 0..tries {
            let text = mutate(&mut random, &seeds);
            let failed = std::panic::catch_unwind(|| body(&text)).is_err();
            assert!(!failed, "this text fails:\n{}", String::from_utf8_lossy(&text));
        }
    };
    thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread").join().expect("no text fails");
}

fn parse(text: &[u8]) {
    drop(Interpreter::new(Host::closed()).check("mutation.aio", text));
}

fn run(text: &[u8]) {
    let mut host = Host::closed();
    host.max_steps = Some(5_000);
    host.max_memory = Some(8 << 20);
    let mut interpreter = Interpreter::new(host);
    interpreter.limit_stack(STACK / 2);
    if let Ok(program) = interpreter.compile("mutation.aio", text) {
        interpreter.run(&program);
    }
}

#[test]
fn whatever_is_parsed_is_accepted_or_refused() {
    on_mutations(0x9E37_79B9_7F4A_7C15, 1, parse);
}

#[test]
fn whatever_runs_under_limits_ends() {
    on_mutations(0xD1B5_4A32_D192_ED03, 3, run);
}
