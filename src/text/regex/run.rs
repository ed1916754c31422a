//! Following the instructions, with a stack of what to try next and what to undo before.

use super::Regex;
use super::parse::{At, Greed};
use super::program::{Inst, One};
use super::set::{fold, is_word};

/// What can be searched, by position.
pub trait Text: Copy {
    fn at(self, index: usize) -> char;
}

impl Text for &[char] {
    #[inline]
    fn at(self, index: usize) -> char {
        self[index]
    }
}

impl Text for &[u8] {
    #[inline]
    fn at(self, index: usize) -> char {
        self[index].into()
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Search,
    Match,
    FullMatch,
}

/// Where the groups matched: two positions each, `usize::MAX` where one did not.
pub struct Match {
    pub marks: Vec<usize>,
    /// The group that ended last; 0 for none.
    pub last: usize,
}

/// The search was interrupted.
pub struct Stopped;

const NOWHERE: usize = usize::MAX;
/// How many choices are taken between two looks for an interrupt or a limit.
const PATIENCE: u32 = 1 << 16;

enum Back {
    Branch {
        pc: usize,
        pos: usize,
    },
    Mark {
        slot: usize,
        old: usize,
        last: usize,
    },
    Counter {
        counter: usize,
        old: (u32, usize),
    },
    /// A greedy repetition can give back down to `min`.
    Fewer {
        pc: usize,
        min: usize,
        pos: usize,
    },
    /// A lazy repetition can take more.
    More {
        pc: usize,
        pos: usize,
        left: u32,
    },
}

struct Machine<'a, T> {
    regex: &'a Regex,
    text: T,
    end: usize,
    marks: Vec<usize>,
    last: usize,
    counters: Vec<(u32, usize)>,
    back: Vec<Back>,
    /// The match must not end here.
    forbidden: usize,
    full: bool,
    fuel: u32,
    stop: &'a mut dyn FnMut() -> bool,
}

impl Regex {
    /// Looks for the pattern in `text[start..end]`; what is before `start` is seen by anchors and look-behinds. With
    /// `advance`, an empty match at `start` does not count.
    pub fn find<T: Text>(
        &self,
        text: T,
        start: usize,
        end: usize,
        mode: Mode,
        advance: bool,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Match>, Stopped> {
        let mut machine = Machine {
            regex: self,
            text,
            end,
            marks: vec![NOWHERE; 2 * self.groups + 2],
            last: 0,
            counters: vec![(0, NOWHERE); self.loops],
            back: Vec::new(),
            forbidden: if advance { start } else { NOWHERE },
            full: mode == Mode::FullMatch,
            fuel: PATIENCE,
            stop,
        };
        // What begins with the beginning of the text is found there or nowhere.
        let head = self.code.iter().find(|inst| !matches!(inst, Inst::Mark(_)));
        let search = mode == Mode::Search && !matches!(head, Some(Inst::At(At::Start)));
        let mut at = start;
        loop {
            if let (true, Some(first)) = (search, &self.first) {
                while at < end && !first.allows(text.at(at)) {
                    at += 1;
                }
                if at >= end {
                    return Ok(None);
                }
            }
            if let Some(stopped_at) = machine.run(0, at)? {
                machine.marks[0] = at;
                machine.marks[1] = stopped_at;
                return Ok(Some(Match { marks: machine.marks, last: machine.last }));
            }
            at += 1;
            machine.forbidden = NOWHERE;
            if !search || at > end {
                return Ok(None);
            }
        }
    }
}

impl<T: Text> Machine<'_, T> {
    #[inline]
    fn matches(&self, one: One, c: char) -> bool {
        match one {
            One::Char(wanted) => c == wanted,
            One::Folded(wanted, case) => fold(c, case) == wanted,
            One::Any => true,
            One::NotNewline => c != '\n',
            One::Set(set) => self.regex.sets[set].contains(c),
        }
    }

    fn set_mark(&mut self, slot: usize, pos: usize) {
        self.back.push(Back::Mark { slot, old: self.marks[slot], last: self.last });
        self.marks[slot] = pos;
        if slot % 2 == 1 {
            self.last = slot / 2;
        }
    }

    fn set_counter(&mut self, counter: usize, new: (u32, usize)) {
        self.back.push(Back::Counter { counter, old: self.counters[counter] });
        self.counters[counter] = new;
    }

    fn undo(&mut self, entry: &Back) {
        match *entry {
            Back::Mark { slot, old, last } => {
                self.marks[slot] = old;
                self.last = last;
            }
            Back::Counter { counter, old } => self.counters[counter] = old,
            _ => {}
        }
    }

    fn is_word_at(&self, at: usize, ascii: bool) -> bool {
        is_word(self.text.at(at), ascii)
    }

    fn holds(&self, at: At, pos: usize) -> bool {
        match at {
            At::Start => pos == 0,
            At::LineStart => pos == 0 || self.text.at(pos - 1) == '\n',
            At::End => pos == self.end || pos + 1 == self.end && self.text.at(pos) == '\n',
            At::LineEnd => pos == self.end || self.text.at(pos) == '\n',
            At::VeryEnd => pos == self.end,
            At::Boundary { ascii, not } => {
                if self.end == 0 {
                    return false;
                }
                let before = pos > 0 && self.is_word_at(pos - 1, ascii);
                let after = pos < self.end && self.is_word_at(pos, ascii);
                (before != after) != not
            }
        }
    }

    /// Drops the choices made since `base` but keeps what has to be undone.
    fn commit(&mut self, base: usize) {
        let kept: Vec<Back> =
            self.back.drain(base..).filter(|e| matches!(e, Back::Mark { .. } | Back::Counter { .. })).collect();
        self.back.extend(kept);
    }

    /// Undoes everything since `base`.
    fn rewind(&mut self, base: usize) {
        while self.back.len() > base {
            if let Some(entry) = self.back.pop() {
                self.undo(&entry);
            }
        }
    }

    /// Follows the instructions from `pc` on; where the match ends. Nests as deep as look-arounds in the pattern do.
    fn run(&mut self, mut pc: usize, mut pos: usize) -> Result<Option<usize>, Stopped> {
        let base = self.back.len();
        let regex = self.regex;
        loop {
            let ok = match regex.code[pc] {
                Inst::One(one) => {
                    let ok = pos < self.end && self.matches(one, self.text.at(pos));
                    pos += 1;
                    pc += 1;
                    ok
                }
                Inst::Many { one, min, max, greed } => {
                    let limit = self.end.min(pos.saturating_add(max as usize));
                    let least = pos.saturating_add(min as usize);
                    let mut at = pos;
                    let wanted = if greed == Greed::Lazy { least.min(limit) } else { limit };
                    while at < wanted && self.matches(one, self.text.at(at)) {
                        at += 1;
                    }
                    if at < least {
                        false
                    } else {
                        if greed == Greed::Greedy && at > least {
                            self.back.push(Back::Fewer { pc: pc + 1, min: least, pos: at });
                        } else if greed == Greed::Lazy && max > min {
                            let left = if max == u32::MAX { max } else { max - min };
                            self.back.push(Back::More { pc, pos: at, left });
                        }
                        pos = at;
                        pc += 1;
                        true
                    }
                }
                Inst::Split(other) => {
                    self.back.push(Back::Branch { pc: other, pos });
                    pc += 1;
                    true
                }
                Inst::Jump(to) => {
                    pc = to;
                    true
                }
                Inst::Unless(first, to) => {
                    pc = if pos < self.end && first.allows(self.text.at(pos)) { pc + 1 } else { to };
                    true
                }
                Inst::Mark(slot) => {
                    self.set_mark(slot, pos);
                    pc += 1;
                    true
                }
                Inst::At(at) => {
                    pc += 1;
                    self.holds(at, pos)
                }
                Inst::LoopStart(counter) => {
                    self.set_counter(counter, (0, NOWHERE));
                    pc += 1;
                    true
                }
                Inst::Loop { counter, min, max, greedy, exit } => {
                    let (count, last) = self.counters[counter];
                    if count < min {
                        self.set_counter(counter, (count + 1, last));
                        pc += if greedy { 1 } else { 2 };
                    } else if (count < max || max == u32::MAX) && pos != last {
                        if greedy {
                            self.back.push(Back::Branch { pc: exit, pos });
                            self.set_counter(counter, (count.saturating_add(1), pos));
                            pc += 1;
                        } else {
                            self.back.push(Back::Branch { pc: pc + 1, pos });
                            pc = exit;
                        }
                    } else {
                        pc = exit;
                    }
                    true
                }
                Inst::LoopAgain { counter } => {
                    let (count, _) = self.counters[counter];
                    self.set_counter(counter, (count.saturating_add(1), pos));
                    pc += 1;
                    true
                }
                Inst::Look { back, not, after } => {
                    let start = self.back.len();
                    let found = match pos.checked_sub(back) {
                        Some(at) => self.run(pc + 1, at)?.is_some(),
                        None => false,
                    };
                    if found && !not {
                        self.commit(start);
                    } else {
                        self.rewind(start);
                    }
                    pc = after;
                    found != not
                }
                Inst::Atomic { after } => {
                    let start = self.back.len();
                    match self.run(pc + 1, pos)? {
                        Some(at) => {
                            self.commit(start);
                            pos = at;
                            pc = after;
                            true
                        }
                        None => false,
                    }
                }
                Inst::End => return Ok(Some(pos)),
                Inst::Backref(group, case) => {
                    pc += 1;
                    match (self.marks[group * 2], self.marks[group * 2 + 1]) {
                        (NOWHERE, _) | (_, NOWHERE) => false,
                        (from, to) => {
                            let len = to.saturating_sub(from);
                            let same = pos + len <= self.end
                                && (0..len)
                                    .all(|i| fold(self.text.at(from + i), case) == fold(self.text.at(pos + i), case));
                            pos += len;
                            same
                        }
                    }
                }
                Inst::IfGroup(group, otherwise) => {
                    pc = if self.marks[group * 2 + 1] == NOWHERE { otherwise } else { pc + 1 };
                    true
                }
                Inst::Fail => false,
                Inst::Match => {
                    if (!self.full || pos == self.end) && pos != self.forbidden {
                        return Ok(Some(pos));
                    }
                    false
                }
            };
            if ok {
                continue;
            }
            self.fuel -= 1;
            if self.fuel == 0 {
                self.fuel = PATIENCE;
                if (self.stop)() {
                    return Err(Stopped);
                }
            }
            match self.retreat(base) {
                Some((to, at)) => (pc, pos) = (to, at),
                None => return Ok(None),
            }
        }
    }

    /// The next thing to try.
    fn retreat(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.back.len() > base {
            match self.back.pop()? {
                Back::Branch { pc, pos } => return Some((pc, pos)),
                Back::Fewer { pc, min, mut pos } => {
                    pos -= 1;
                    // Gives back at once down to where the next character can match.
                    if let Inst::One(one) = self.regex.code[pc] {
                        while pos > min && !self.matches(one, self.text.at(pos)) {
                            pos -= 1;
                        }
                    }
                    if pos > min {
                        self.back.push(Back::Fewer { pc, min, pos });
                    }
                    return Some((pc, pos));
                }
                Back::More { pc, pos, left } => {
                    let Inst::Many { one, .. } = self.regex.code[pc] else { continue };
                    if pos < self.end && self.matches(one, self.text.at(pos)) {
                        let rest = if left == u32::MAX { left } else { left - 1 };
                        if rest > 0 {
                            self.back.push(Back::More { pc, pos: pos + 1, left: rest });
                        }
                        return Some((pc + 1, pos + 1));
                    }
                }
                entry => self.undo(&entry),
            }
        }
        None
    }
}
