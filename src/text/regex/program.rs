//! From tree to instructions.

use super::parse::{At, Greed, Node, Parsed};
use super::set::{Case, Set, fold};
use super::{Regex, flag};

/// A test of one character.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum One {
    Char(char),
    /// Equal to this when folded.
    Folded(char, Case),
    Any,
    NotNewline,
    Set(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Inst {
    One(One),
    /// As many as possible or as few, between the two numbers.
    Many {
        one: One,
        min: u32,
        max: u32,
        greed: Greed,
    },
    /// Goes on here, and if that fails there.
    Split(usize),
    Jump(usize),
    /// Goes on there if the next character cannot begin what follows.
    Unless(First, usize),
    Mark(usize),
    At(At),
    /// Sets a counter to zero.
    LoopStart(usize),
    /// The head of a loop; the body follows, and leads back here.
    Loop {
        counter: usize,
        min: u32,
        max: u32,
        greedy: bool,
        exit: usize,
    },
    /// The body of a lazy loop, once more.
    LoopAgain {
        counter: usize,
    },
    /// Looks from here or `back` characters earlier; the pattern to find follows, up to an `End`.
    Look {
        back: usize,
        not: bool,
        after: usize,
    },
    Atomic {
        after: usize,
    },
    End,
    Backref(usize, Case),
    /// Goes on there if the group has not matched.
    IfGroup(usize, usize),
    Fail,
    Match,
}

/// What a match can begin with.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    pub ascii: u128,
    /// Whether it can be any other character.
    pub other: bool,
}

impl First {
    const NONE: First = First { ascii: 0, other: false };
    const ALL: First = First { ascii: u128::MAX, other: true };

    fn or(self, other: First) -> First {
        First { ascii: self.ascii | other.ascii, other: self.other || other.other }
    }

    #[inline]
    pub(super) fn allows(&self, c: char) -> bool {
        if c.is_ascii() { self.ascii >> (c as u32) & 1 != 0 } else { self.other }
    }
}

pub(super) fn compile(parsed: Parsed) -> Regex {
    let mut builder = Builder { code: Vec::new(), sets: parsed.sets, loops: 0 };
    let (first, nullable) = builder.first_of(&parsed.nodes);
    builder.nodes(&parsed.nodes);
    builder.code.push(Inst::Match);
    debug_assert!(parsed.flags & (flag::UNICODE | flag::ASCII | flag::LOCALE) != 0 || parsed.bytes);
    Regex {
        code: builder.code,
        sets: builder.sets,
        loops: builder.loops,
        first: (!nullable).then_some(first),
        groups: parsed.groups,
        names: parsed.names,
        flags: parsed.flags,
        warnings: parsed.warnings,
    }
}

struct Builder {
    code: Vec<Inst>,
    sets: Vec<Set>,
    loops: usize,
}

/// The test for a letter.
fn letter(c: char, case: Case) -> One {
    let folded = fold(c, case);
    let alone = match case {
        Case::Exact => true,
        Case::Ascii => !c.is_ascii_alphabetic(),
        Case::Unicode => !(c.is_alphabetic() || c as u32 > 127),
    };
    if alone { One::Char(c) } else { One::Folded(folded, case) }
}

fn single(node: &Node) -> Option<One> {
    match node {
        Node::Literal(c, case) => Some(letter(*c, *case)),
        Node::Any => Some(One::Any),
        Node::NotNewline => Some(One::NotNewline),
        Node::Set(at) => Some(One::Set(*at)),
        Node::Group(None, nodes) if nodes.len() == 1 => single(&nodes[0]),
        _ => None,
    }
}

impl Builder {
    fn here(&self) -> usize {
        self.code.len()
    }

    /// An instruction whose target is not known yet.
    fn later(&mut self) -> usize {
        self.code.push(Inst::Fail);
        self.here() - 1
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &Node) {
        if let Some(one) = single(node) {
            self.code.push(Inst::One(one));
            return;
        }
        match node {
            Node::Literal(..) | Node::Any | Node::NotNewline | Node::Set(_) => {}
            Node::At(at) => self.code.push(Inst::At(*at)),
            Node::Backref(group, case) => self.code.push(Inst::Backref(*group, *case)),
            Node::Group(index, nodes) => {
                if let Some(index) = index {
                    self.code.push(Inst::Mark(index * 2));
                }
                self.nodes(nodes);
                if let Some(index) = index {
                    self.code.push(Inst::Mark(index * 2 + 1));
                }
            }
            Node::Branch(branches) => self.branch(branches),
            Node::Atomic(nodes) => {
                let start = self.later();
                self.nodes(nodes);
                self.code.push(Inst::End);
                self.code[start] = Inst::Atomic { after: self.here() };
            }
            Node::Look { back, not, nodes } => {
                let start = self.later();
                self.nodes(nodes);
                self.code.push(Inst::End);
                self.code[start] = Inst::Look { back: back.unwrap_or(0), not: *not, after: self.here() };
            }
            Node::If(group, yes, no) => {
                let start = self.later();
                self.nodes(yes);
                if no.is_empty() {
                    self.code[start] = Inst::IfGroup(*group, self.here());
                } else {
                    let jump = self.later();
                    self.code[start] = Inst::IfGroup(*group, self.here());
                    self.nodes(no);
                    self.code[jump] = Inst::Jump(self.here());
                }
            }
            Node::Repeat { min, max, greed, nodes } => self.repeat(*min, *max, *greed, nodes),
        }
    }

    fn branch(&mut self, branches: &[Vec<Node>]) {
        let mut jumps = Vec::new();
        for (at, nodes) in branches.iter().enumerate() {
            let (first, nullable) = self.first_of(nodes);
            let last = at + 1 == branches.len();
            let unless = (!nullable && !last).then(|| self.later());
            let split = (!last).then(|| self.later());
            self.nodes(nodes);
            if !last {
                jumps.push(self.later());
            }
            let next = self.here();
            if let Some(unless) = unless {
                self.code[unless] = Inst::Unless(first, next);
            }
            if let Some(split) = split {
                self.code[split] = Inst::Split(next);
            }
        }
        let end = self.here();
        for jump in jumps {
            self.code[jump] = Inst::Jump(end);
        }
    }

    fn repeat(&mut self, min: u32, max: u32, greed: Greed, nodes: &[Node]) {
        if let [node] = nodes {
            if let Some(one) = single(node) {
                self.code.push(Inst::Many { one, min, max, greed });
                return;
            }
        }
        let atomic = (greed == Greed::Possessive).then(|| self.later());
        if min == 0 && max == 1 {
            // No counter is needed.
            let split = self.later();
            if greed == Greed::Lazy {
                let body = self.here() + 1;
                let jump = self.later();
                self.nodes(nodes);
                // Tries what follows first: the split falls through to the jump.
                self.code[split] = Inst::Split(body);
                self.code[jump] = Inst::Jump(self.here());
            } else {
                self.nodes(nodes);
                self.code[split] = Inst::Split(self.here());
            }
        } else {
            let counter = self.loops;
            self.loops += 1;
            self.code.push(Inst::LoopStart(counter));
            let head = self.later();
            if greed == Greed::Lazy {
                self.code.push(Inst::LoopAgain { counter });
            }
            self.nodes(nodes);
            self.code.push(Inst::Jump(head));
            self.code[head] = Inst::Loop { counter, min, max, greedy: greed != Greed::Lazy, exit: self.here() };
        }
        if let Some(atomic) = atomic {
            self.code.push(Inst::End);
            self.code[atomic] = Inst::Atomic { after: self.here() };
        }
    }

    /// What a sequence can begin with, and whether it can be empty.
    fn first_of(&self, nodes: &[Node]) -> (First, bool) {
        let mut first = First::NONE;
        for node in nodes {
            let (own, nullable) = self.first_of_node(node);
            first = first.or(own);
            if !nullable {
                return (first, false);
            }
        }
        (first, true)
    }

    fn first_of_node(&self, node: &Node) -> (First, bool) {
        match node {
            Node::Literal(c, case) => match letter(*c, *case) {
                One::Char(c) if c.is_ascii() => (First { ascii: 1 << c as u32, other: false }, false),
                One::Folded(c, case) => {
                    let ascii = (0..128u8).filter(|b| fold((*b).into(), case) == c).fold(0, |set, b| set | 1 << b);
                    (First { ascii, other: true }, false)
                }
                _ => (First { ascii: 0, other: true }, false),
            },
            Node::Any | Node::NotNewline => (First::ALL, false),
            Node::Set(at) => (First { ascii: self.sets[*at].ascii(), other: true }, false),
            Node::At(_) | Node::Look { .. } => (First::NONE, true),
            Node::Backref(..) | Node::If(..) => (First::ALL, true),
            Node::Group(_, nodes) | Node::Atomic(nodes) => self.first_of(nodes),
            Node::Branch(branches) => branches.iter().fold((First::NONE, false), |(first, nullable), nodes| {
                let (own, empty) = self.first_of(nodes);
                (first.or(own), nullable || empty)
            }),
            Node::Repeat { min, nodes, .. } => {
                let (first, nullable) = self.first_of(nodes);
                (first, nullable || *min == 0)
            }
        }
    }
}
