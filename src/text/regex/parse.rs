//! From pattern to tree.
//!
//! Messages and positions are those of the module `re`: a position is that of the character an error is about, counted
//! back from where reading stands.

use super::flag::*;
use super::set::{Case, Category, Item, Set};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TroubleKind {
    /// `re.error`, with a position.
    Pattern,
    Value,
    Overflow,
    Recursion,
}

/// Why a pattern cannot be compiled.
#[derive(Debug)]
pub struct Trouble {
    pub kind: TroubleKind,
    pub message: String,
    pub at: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum At {
    Start,
    LineStart,
    End,
    LineEnd,
    VeryEnd,
    Boundary { ascii: bool, not: bool },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

#[derive(Debug)]
pub(super) enum Node {
    Literal(char, Case),
    Any,
    NotNewline,
    Set(usize),
    At(At),
    Backref(usize, Case),
    Group(Option<usize>, Vec<Node>),
    Branch(Vec<Vec<Node>>),
    Atomic(Vec<Node>),
    /// `back`: how far a look-behind goes.
    Look {
        back: Option<usize>,
        not: bool,
        nodes: Vec<Node>,
    },
    If(usize, Vec<Node>, Vec<Node>),
    Repeat {
        min: u32,
        max: u32,
        greed: Greed,
        nodes: Vec<Node>,
    },
}

#[derive(Debug)]
pub(super) struct Parsed {
    pub nodes: Vec<Node>,
    pub sets: Vec<Set>,
    pub groups: usize,
    pub names: Vec<(String, usize)>,
    pub flags: u32,
    pub bytes: bool,
    pub warnings: Vec<String>,
}

/// The most nested groups.
const DEPTH: usize = 400;
const TYPES: u32 = ASCII | LOCALE | UNICODE;
type Parse<T> = Result<T, Trouble>;

#[derive(Default)]
struct Parser<'a> {
    text: &'a [char],
    at: usize,
    bytes: bool,
    flags: u32,
    sets: Vec<Set>,
    /// For each group from 1 on: its least and greatest width once it is closed.
    widths: Vec<Option<(usize, usize)>>,
    names: Vec<(String, usize)>,
    /// Where a conditional first named a group by number.
    conditions: Vec<(usize, usize)>,
    /// How many groups there were when the outermost look-behind began.
    behind: Option<usize>,
    /// What is wrong with a look-behind, which is said of a pattern that is right otherwise.
    wrong_look: Option<&'static str>,
    depth: usize,
    warnings: Vec<String>,
}

/// Something between brackets or behind a backslash.
enum Piece {
    Char(char),
    Category(Category, bool),
}

pub(super) fn parse(text: &[char], bytes: bool, flags: u32) -> Parse<Parsed> {
    let mut parser = Parser { text, bytes, flags, ..Parser::default() };
    let nodes = parser.branches(flags, 0, true)?;
    parser.check_flags()?;
    if parser.at < text.len() {
        return Err(parser.error("unbalanced parenthesis", 0));
    }
    if let Some((group, at)) = parser.conditions.iter().find(|(group, _)| *group > parser.widths.len()) {
        return Err(Trouble {
            kind: TroubleKind::Pattern,
            message: format!("invalid group reference {group}"),
            at: Some(*at),
        });
    }
    if let Some(message) = parser.wrong_look {
        return Err(Trouble { kind: TroubleKind::Pattern, message: message.to_owned(), at: None });
    }
    let Parser { sets, widths, names, flags, warnings, .. } = parser;
    Ok(Parsed { nodes, sets, groups: widths.len(), names, flags, bytes, warnings })
}

fn value_error<T>(message: &str) -> Parse<T> {
    Err(Trouble { kind: TroubleKind::Value, message: message.to_owned(), at: None })
}

/// `repr` of a part of the pattern.
fn quoted(text: &str) -> String {
    crate::text::repr::str_repr(text)
}

fn to_usize(digits: &str) -> usize {
    digits.parse().unwrap_or(usize::MAX)
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(crate::text::unicode::is_identifier_start)
        && chars.all(crate::text::unicode::is_identifier_continue)
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next_is(&self, c: char) -> bool {
        self.peek() == Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.next_is(c);
        if found {
            self.at += 1;
        }
        found
    }

    #[cold]
    fn error(&self, message: impl Into<String>, back: usize) -> Trouble {
        self.error_at(message, self.at.saturating_sub(back))
    }

    #[cold]
    fn error_at(&self, message: impl Into<String>, at: usize) -> Trouble {
        // A backslash with nothing behind it is noticed as soon as it is the next thing to read.
        let (message, at) = match self.text.get(self.at..) {
            Some(['\\']) => ("bad escape (end of pattern)".to_owned(), self.at),
            _ => (message.into(), at),
        };
        Trouble { kind: TroubleKind::Pattern, message, at: Some(at) }
    }

    fn since(&self, start: usize) -> String {
        self.text[start..self.at].iter().collect()
    }

    /// The flags of the whole, once the pattern has said what it wants.
    fn check_flags(&mut self) -> Parse<()> {
        let flags = self.flags;
        if self.bytes {
            if flags & UNICODE != 0 {
                return value_error("cannot use UNICODE flag with a bytes pattern");
            }
            if flags & LOCALE != 0 && flags & ASCII != 0 {
                return value_error("ASCII and LOCALE flags are incompatible");
            }
        } else {
            if flags & LOCALE != 0 {
                return value_error("cannot use LOCALE flag with a str pattern");
            }
            if flags & ASCII == 0 {
                self.flags |= UNICODE;
            } else if flags & UNICODE != 0 {
                return value_error("ASCII and UNICODE flags are incompatible");
            }
        }
        Ok(())
    }

    fn ascii(&self, flags: u32) -> bool {
        self.bytes || flags & ASCII != 0
    }

    fn case(&self, flags: u32) -> Case {
        match flags & IGNORECASE != 0 {
            false => Case::Exact,
            true if self.ascii(flags) => Case::Ascii,
            true => Case::Unicode,
        }
    }

    fn add_set(&mut self, items: Vec<Item>, not: bool, case: Case) -> Node {
        self.sets.push(Set::new(items, not, case));
        Node::Set(self.sets.len() - 1)
    }

    fn category(&mut self, category: Category, not: bool, flags: u32) -> Node {
        let ascii = self.ascii(flags);
        self.add_set(vec![Item::Category { category, ascii, not }], false, Case::Exact)
    }

    /// Alternatives, up to a closing parenthesis or the end.
    fn branches(&mut self, mut flags: u32, depth: usize, outermost: bool) -> Parse<Vec<Node>> {
        if depth > DEPTH {
            return Err(Trouble {
                kind: TroubleKind::Recursion,
                message: "maximum recursion depth exceeded".to_owned(),
                at: None,
            });
        }
        self.depth = depth;
        let mut all = vec![self.sequence(&mut flags, depth, outermost)?];
        while self.eat('|') {
            all.push(self.sequence(&mut flags, depth, false)?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { vec![Node::Branch(all)] })
    }

    fn sequence(&mut self, flags: &mut u32, depth: usize, first: bool) -> Parse<Vec<Node>> {
        let mut nodes: Vec<Node> = Vec::new();
        while let Some(c) = self.peek() {
            if c == '|' || c == ')' {
                break;
            }
            let start = self.at;
            self.at += 1;
            if *flags & VERBOSE != 0 {
                if matches!(c, ' ' | '\t'..='\r') {
                    continue;
                }
                if c == '#' {
                    while let Some(c) = self.peek() {
                        self.at += 1;
                        if c == '\n' {
                            break;
                        }
                        if c == '\\' {
                            self.at = (self.at + 1).min(self.text.len());
                        }
                    }
                    continue;
                }
            }
            match c {
                '\\' => {
                    let node = self.escape(start, *flags)?;
                    nodes.push(node);
                }
                '[' => {
                    let node = self.set(start, *flags)?;
                    nodes.push(node);
                }
                '*' | '+' | '?' | '{' => {
                    let Some((min, max)) = self.bounds(c)? else {
                        nodes.push(Node::Literal(c, self.case(*flags)));
                        continue;
                    };
                    match nodes.pop() {
                        None | Some(Node::At(_)) => return Err(self.error_at("nothing to repeat", start)),
                        Some(Node::Repeat { .. }) => return Err(self.error_at("multiple repeat", start)),
                        Some(item) => {
                            let greed = if self.eat('?') {
                                Greed::Lazy
                            } else if self.eat('+') {
                                Greed::Possessive
                            } else {
                                Greed::Greedy
                            };
                            nodes.push(Node::Repeat { min, max, greed, nodes: vec![item] });
                        }
                    }
                }
                '.' => nodes.push(if *flags & DOTALL != 0 { Node::Any } else { Node::NotNewline }),
                '(' => {
                    let inline = self.flags;
                    if let Some(node) = self.group(start, flags, depth, first && nodes.is_empty())? {
                        nodes.push(node);
                    }
                    *flags |= self.flags & !inline;
                }
                '^' => nodes.push(Node::At(if *flags & MULTILINE != 0 { At::LineStart } else { At::Start })),
                '$' => nodes.push(Node::At(if *flags & MULTILINE != 0 { At::LineEnd } else { At::End })),
                _ => nodes.push(Node::Literal(c, self.case(*flags))),
            }
        }
        Ok(nodes)
    }

    fn digits(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.since(start)
    }

    /// How often a quantifier repeats; `None` if the brace is just a brace.
    fn bounds(&mut self, c: char) -> Parse<Option<(u32, u32)>> {
        match c {
            '?' => return Ok(Some((0, 1))),
            '*' => return Ok(Some((0, u32::MAX))),
            '+' => return Ok(Some((1, u32::MAX))),
            _ => {}
        }
        let here = self.at;
        if self.next_is('}') {
            return Ok(None);
        }
        let low = self.digits();
        let high = if self.eat(',') { self.digits() } else { low.clone() };
        if !self.eat('}') {
            self.at = here;
            return Ok(None);
        }
        let number = |text: &str, missing: u32| match text {
            "" => Ok(missing),
            _ => match text.parse::<u32>() {
                Ok(n) if n < u32::MAX => Ok(n),
                _ => Err(Trouble {
                    kind: TroubleKind::Overflow,
                    message: "the repetition number is too large".to_owned(),
                    at: None,
                }),
            },
        };
        let (min, max) = (number(&low, 0)?, number(&high, u32::MAX)?);
        if max < min {
            return Err(self.error_at("min repeat greater than max repeat", here));
        }
        Ok(Some((min, max)))
    }

    /// Digits of a given base, up to `most` of them.
    fn number(&mut self, base: u32, most: usize) -> (u32, usize) {
        let (mut value, mut count) = (0u32, 0);
        while count < most {
            let Some(digit) = self.peek().filter(char::is_ascii).and_then(|c| c.to_digit(base)) else { break };
            value = value.wrapping_mul(base).wrapping_add(digit);
            self.at += 1;
            count += 1;
        }
        (value, count)
    }

    fn octal_char(&self, value: u32, start: usize) -> Parse<char> {
        if value > 0o377 {
            let shown = self.since(start);
            return Err(self.error_at(format!("octal escape value {shown} outside of range 0-0o377"), start));
        }
        Ok(char::from_u32(value).unwrap_or('\0'))
    }

    fn bad_escape<T>(&self, start: usize) -> Parse<T> {
        Err(self.error_at(format!("bad escape {}", self.since(start)), start))
    }

    /// The escapes that mean the same inside brackets and outside; `None` for the others.
    fn common_escape(&mut self, c: char, start: usize) -> Parse<Option<Piece>> {
        let hex = match c {
            'x' => 2,
            'u' if !self.bytes => 4,
            'U' if !self.bytes => 8,
            _ => 0,
        };
        if hex > 0 {
            let (value, count) = self.number(16, hex);
            if count < hex {
                return Err(self.error_at(format!("incomplete escape {}", self.since(start)), start));
            }
            return match crate::text::from_code_point(value) {
                Some(c) => Ok(Some(Piece::Char(c))),
                None => self.bad_escape(start),
            };
        }
        Ok(Some(match c {
            'N' if !self.bytes => {
                if !self.eat('{') {
                    return Err(self.error("missing {", 0));
                }
                let name = self.until('}', "character name")?;
                match crate::text::ucd::named(&name) {
                    Some(c) => Piece::Char(c),
                    None => {
                        let message = format!("undefined character name {}", quoted(&name));
                        return Err(self.error(message, name.chars().count() + r"\N{}".len()));
                    }
                }
            }
            'a' => Piece::Char('\x07'),
            'f' => Piece::Char('\x0c'),
            'n' => Piece::Char('\n'),
            'r' => Piece::Char('\r'),
            't' => Piece::Char('\t'),
            'v' => Piece::Char('\x0b'),
            '\\' => Piece::Char('\\'),
            'd' => Piece::Category(Category::Digit, false),
            'D' => Piece::Category(Category::Digit, true),
            's' => Piece::Category(Category::Space, false),
            'S' => Piece::Category(Category::Space, true),
            'w' => Piece::Category(Category::Word, false),
            'W' => Piece::Category(Category::Word, true),
            _ => return Ok(None),
        }))
    }

    fn escaped(&mut self) -> Parse<char> {
        let Some(c) = self.peek() else {
            return Err(self.error("bad escape (end of pattern)", 1));
        };
        self.at += 1;
        Ok(c)
    }

    fn escape(&mut self, start: usize, flags: u32) -> Parse<Node> {
        let c = self.escaped()?;
        let case = self.case(flags);
        let ascii = self.ascii(flags);
        match c {
            'A' => return Ok(Node::At(At::Start)),
            'Z' => return Ok(Node::At(At::VeryEnd)),
            'b' => return Ok(Node::At(At::Boundary { ascii, not: false })),
            'B' => return Ok(Node::At(At::Boundary { ascii, not: true })),
            '0' => {
                let (value, _) = self.number(8, 2);
                return Ok(Node::Literal(self.octal_char(value, start)?, case));
            }
            '1'..='9' => {
                let mut digits = String::from(c);
                if let Some(second) = self.peek().filter(char::is_ascii_digit) {
                    self.at += 1;
                    digits.push(second);
                    let octal = |c: char| ('0'..='7').contains(&c);
                    if octal(c) && octal(second) && self.peek().is_some_and(octal) {
                        self.at = start + 1;
                        let (value, _) = self.number(8, 3);
                        return Ok(Node::Literal(self.octal_char(value, start)?, case));
                    }
                }
                let group = to_usize(&digits);
                if group > self.widths.len() {
                    return Err(self.error(format!("invalid group reference {group}"), digits.len()));
                }
                if self.widths[group - 1].is_none() {
                    return Err(self.error_at("cannot refer to an open group", start));
                }
                self.check_behind(group, 0)?;
                return Ok(Node::Backref(group, case));
            }
            _ => {}
        }
        match self.common_escape(c, start)? {
            Some(Piece::Char(c)) => Ok(Node::Literal(c, case)),
            Some(Piece::Category(category, not)) => Ok(self.category(category, not, flags)),
            None if c.is_ascii_alphabetic() => self.bad_escape(start),
            None => Ok(Node::Literal(c, case)),
        }
    }

    fn set_escape(&mut self, start: usize) -> Parse<Piece> {
        let c = self.escaped()?;
        match c {
            'b' => return Ok(Piece::Char('\x08')),
            '0'..='7' => {
                self.at -= 1;
                let (value, _) = self.number(8, 3);
                return self.octal_char(value, start).map(Piece::Char);
            }
            '8' | '9' => return self.bad_escape(start),
            _ => {}
        }
        match self.common_escape(c, start)? {
            Some(piece) => Ok(piece),
            None if c.is_ascii_alphabetic() => self.bad_escape(start),
            None => Ok(Piece::Char(c)),
        }
    }

    fn set_piece(&mut self, open: usize) -> Parse<(Piece, usize)> {
        let start = self.at;
        let Some(c) = self.peek() else { return Err(self.error_at("unterminated character set", open)) };
        self.at += 1;
        let piece = if c == '\\' { self.set_escape(start)? } else { Piece::Char(c) };
        Ok((piece, start))
    }

    fn warn(&mut self, what: &str, at: usize) {
        self.warnings.push(format!("Possible {what} at position {at}"));
    }

    fn set(&mut self, open: usize, flags: u32) -> Parse<Node> {
        let mut items = Vec::new();
        let ascii = self.ascii(flags);
        if self.next_is('[') {
            self.warn("nested set", self.at);
        }
        let not = self.eat('^');
        let begin = self.at;
        loop {
            if self.next_is(']') && self.at != begin {
                self.at += 1;
                break;
            }
            let (low, start) = self.set_piece(open)?;
            let c = self.text[start];
            if self.at == start + 1 && start > begin && matches!(c, '-' | '&' | '~' | '|') && self.next_is(c) {
                let what = match c {
                    '-' => "set difference",
                    '&' => "set intersection",
                    '~' => "set symmetric difference",
                    _ => "set union",
                };
                self.warn(what, start);
            }
            if !self.eat('-') {
                items.push(self.item(low, ascii));
                continue;
            }
            if self.peek().is_none() {
                return Err(self.error_at("unterminated character set", open));
            }
            if self.eat(']') {
                items.push(self.item(low, ascii));
                items.push(Item::Range('-', '-'));
                break;
            }
            if self.next_is('-') {
                self.warn("set difference", self.at - 1);
            }
            let (high, _) = self.set_piece(open)?;
            match (low, high) {
                (Piece::Char(low), Piece::Char(high)) if low <= high => items.push(Item::Range(low, high)),
                _ => {
                    let message = format!("bad character range {}", self.since(start));
                    return Err(self.error_at(message, start));
                }
            }
        }
        let case = self.case(flags);
        Ok(match items[..] {
            [Item::Range(a, b)] if a == b && !not => Node::Literal(a, case),
            _ => self.add_set(items, not, case),
        })
    }

    fn item(&self, piece: Piece, ascii: bool) -> Item {
        match piece {
            Piece::Char(c) => Item::Range(c, c),
            Piece::Category(category, not) => Item::Category { category, ascii, not },
        }
    }

    /// The text up to a character, which is skipped.
    fn until(&mut self, end: char, what: &str) -> Parse<String> {
        let start = self.at;
        loop {
            match self.peek() {
                None if self.at == start => return Err(self.error(format!("missing {what}"), 0)),
                None => return Err(self.error_at(format!("missing {end}, unterminated name"), start)),
                Some(c) => {
                    self.at += 1;
                    if c == end {
                        break;
                    }
                }
            }
        }
        if self.at == start + 1 {
            return Err(self.error(format!("missing {what}"), 1));
        }
        Ok(self.text[start..self.at - 1].iter().collect())
    }

    /// A group's name; `back`: how far behind its start reading stands, its length aside.
    fn check_name(&self, name: &str, back: usize) -> Parse<()> {
        let length = name.chars().count();
        if self.bytes && !name.is_ascii() {
            let shown = crate::text::repr::escape_non_ascii(&quoted(name));
            return Err(self.error(format!("bad character in group name {shown}"), length + back));
        }
        if !is_identifier(name) {
            return Err(self.error(format!("bad character in group name {}", quoted(name)), length + back));
        }
        Ok(())
    }

    fn named(&self, name: &str) -> Parse<usize> {
        match self.names.iter().find(|(known, _)| known == name) {
            Some((_, group)) => Ok(*group),
            None => Err(self.error(format!("unknown group name {}", quoted(name)), name.chars().count() + 1)),
        }
    }

    fn check_behind(&self, group: usize, back: usize) -> Parse<()> {
        if let Some(before) = self.behind {
            if self.widths.get(group - 1).copied().flatten().is_none() {
                return Err(self.error("cannot refer to an open group", back));
            }
            if group > before {
                return Err(self.error("cannot refer to group defined in the same lookbehind subpattern", back));
            }
        }
        Ok(())
    }

    fn letter(&mut self) -> Parse<char> {
        match self.peek() {
            Some(c) => {
                self.at += 1;
                Ok(c)
            }
            None => Err(self.error("unexpected end of pattern", 0)),
        }
    }

    fn close(&mut self, start: usize) -> Parse<()> {
        if self.eat(')') { Ok(()) } else { Err(self.error_at("missing ), unterminated subpattern", start)) }
    }

    /// What stands between parentheses; `None` for comments and flags of the whole pattern.
    fn group(&mut self, start: usize, flags: &mut u32, depth: usize, first: bool) -> Parse<Option<Node>> {
        let mut capture = true;
        let mut name = None;
        let mut inner = *flags;
        let mut atomic = false;
        if self.eat('?') {
            let c = self.letter()?;
            match c {
                'P' => {
                    if self.eat('<') {
                        let given = self.until('>', "group name")?;
                        self.check_name(&given, 1)?;
                        name = Some(given);
                    } else if self.eat('=') {
                        let given = self.until(')', "group name")?;
                        self.check_name(&given, 1)?;
                        let group = self.named(&given)?;
                        if self.widths[group - 1].is_none() {
                            return Err(self.error("cannot refer to an open group", given.chars().count() + 1));
                        }
                        self.check_behind(group, 0)?;
                        return Ok(Some(Node::Backref(group, self.case(*flags))));
                    } else {
                        let c = self.letter()?;
                        return Err(self.error(format!("unknown extension ?P{c}"), 3));
                    }
                }
                ':' => capture = false,
                '#' => {
                    while let Some(c) = self.peek() {
                        self.at += 1;
                        if c == ')' {
                            return Ok(None);
                        }
                        if c == '\\' {
                            self.at = (self.at + 1).min(self.text.len());
                        }
                    }
                    return Err(self.error_at("missing ), unterminated comment", start));
                }
                '=' | '!' | '<' => return self.look(c, start, *flags, depth).map(Some),
                '(' => return self.conditional(start, flags, depth).map(Some),
                '>' => {
                    capture = false;
                    atomic = true;
                }
                _ if c == '-' || self.flag_of(c).is_some() => match self.inline_flags(c)? {
                    None => {
                        if !first {
                            return Err(self.error_at("global flags not at the start of the expression", start));
                        }
                        return Ok(None);
                    }
                    Some((add, remove)) => {
                        capture = false;
                        if add & TYPES != 0 {
                            inner &= !TYPES;
                        }
                        inner = (inner | add) & !remove;
                    }
                },
                _ => return Err(self.error(format!("unknown extension ?{c}"), 2)),
            }
        }
        let mut index = None;
        if capture {
            self.widths.push(None);
            let group = self.widths.len();
            index = Some(group);
            if let Some(name) = name {
                if let Some((_, old)) = self.names.iter().find(|(known, _)| *known == name) {
                    let message =
                        format!("redefinition of group name {} as group {group}; was group {old}", quoted(&name));
                    return Err(self.error(message, name.chars().count() + 1));
                }
                self.names.push((name, group));
            }
        }
        let nodes = self.branches(inner, depth + 1, false)?;
        self.close(start)?;
        if let Some(group) = index {
            let width = self.width(&nodes);
            self.widths[group - 1] = Some(width);
        }
        Ok(Some(if atomic { Node::Atomic(nodes) } else { Node::Group(index, nodes) }))
    }

    fn look(&mut self, c: char, start: usize, flags: u32, depth: usize) -> Parse<Node> {
        let mut kind = c;
        let behind = self.behind;
        if c == '<' {
            kind = self.letter()?;
            if !matches!(kind, '=' | '!') {
                return Err(self.error(format!("unknown extension ?<{kind}"), 3));
            }
            self.behind = behind.or(Some(self.widths.len()));
        }
        let nodes = self.branches(flags, depth + 1, false)?;
        self.behind = behind;
        self.close(start)?;
        let mut back = None;
        if c == '<' {
            let (least, most) = self.width(&nodes);
            if least != most {
                self.wrong_look.get_or_insert("look-behind requires fixed-width pattern");
            } else if least > u32::MAX as usize {
                self.wrong_look.get_or_insert("looks too much behind");
            }
            back = Some(least);
        }
        Ok(Node::Look { back, not: kind == '!', nodes })
    }

    fn conditional(&mut self, start: usize, flags: &mut u32, depth: usize) -> Parse<Node> {
        let name = self.until(')', "group name")?;
        let length = name.chars().count();
        let group = if name.bytes().all(|b| b.is_ascii_digit()) {
            let group = to_usize(&name);
            if group == 0 {
                return Err(self.error("bad group number", length + 1));
            }
            if group >= 0x3FFF_FFFF {
                return Err(self.error(format!("invalid group reference {name}"), length + 1));
            }
            if !self.conditions.iter().any(|(known, _)| *known == group) {
                self.conditions.push((group, self.at - length - 1));
            }
            group
        } else {
            self.check_name(&name, 1)?;
            self.named(&name)?
        };
        if self.behind.is_some() {
            self.check_behind(group, 0)?;
        }
        let mut inner = *flags;
        let yes = self.nested_sequence(&mut inner, depth)?;
        let no = if self.eat('|') {
            let no = self.nested_sequence(&mut inner, depth)?;
            if self.next_is('|') {
                return Err(self.error("conditional backref with more than two branches", 0));
            }
            no
        } else {
            Vec::new()
        };
        self.close(start)?;
        Ok(Node::If(group, yes, no))
    }

    fn nested_sequence(&mut self, flags: &mut u32, depth: usize) -> Parse<Vec<Node>> {
        if depth > DEPTH {
            return Err(Trouble {
                kind: TroubleKind::Recursion,
                message: "maximum recursion depth exceeded".to_owned(),
                at: None,
            });
        }
        self.sequence(flags, depth + 1, false)
    }

    fn flag_of(&self, c: char) -> Option<u32> {
        Some(match c {
            'i' => IGNORECASE,
            'L' => LOCALE,
            'm' => MULTILINE,
            's' => DOTALL,
            'x' => VERBOSE,
            'a' => ASCII,
            'u' => UNICODE,
            _ => return None,
        })
    }

    /// `(?i)` adds to the flags of the whole and is `None`; `(?i-s:` gives what to add and to remove.
    fn inline_flags(&mut self, first: char) -> Parse<Option<(u32, u32)>> {
        let (mut add, mut remove) = (0, 0);
        let mut c = first;
        while c != '-' {
            let Some(flag) = self.flag_of(c) else { break };
            if !self.bytes && c == 'L' {
                return Err(self.error("bad inline flags: cannot use 'L' flag with a str pattern", 0));
            }
            if self.bytes && c == 'u' {
                return Err(self.error("bad inline flags: cannot use 'u' flag with a bytes pattern", 0));
            }
            add |= flag;
            if flag & TYPES != 0 && add & TYPES != flag {
                return Err(self.error("bad inline flags: flags 'a', 'u' and 'L' are incompatible", 0));
            }
            let Some(next) = self.peek() else { return Err(self.error("missing -, : or )", 0)) };
            self.at += 1;
            c = next;
            if matches!(c, ')' | '-' | ':') {
                break;
            }
            if self.flag_of(c).is_none() {
                let message = if c.is_alphabetic() { "unknown flag" } else { "missing -, : or )" };
                return Err(self.error(message, 1));
            }
        }
        if c == ')' {
            self.flags |= add;
            return Ok(None);
        }
        if c == '-' {
            let Some(next) = self.peek() else { return Err(self.error("missing flag", 0)) };
            self.at += 1;
            c = next;
            if self.flag_of(c).is_none() {
                return Err(self.error(if c.is_alphabetic() { "unknown flag" } else { "missing flag" }, 1));
            }
            while let Some(flag) = self.flag_of(c) {
                if flag & TYPES != 0 {
                    return Err(self.error("bad inline flags: cannot turn off flags 'a', 'u' and 'L'", 0));
                }
                remove |= flag;
                let Some(next) = self.peek() else { return Err(self.error("missing :", 0)) };
                self.at += 1;
                c = next;
                if c == ':' {
                    break;
                }
                if self.flag_of(c).is_none() {
                    return Err(self.error(if c.is_alphabetic() { "unknown flag" } else { "missing :" }, 1));
                }
            }
        }
        if add & remove != 0 {
            return Err(self.error("bad inline flags: flag turned on and off", 1));
        }
        Ok(Some((add, remove)))
    }

    /// The least and greatest number of characters that match.
    fn width(&self, nodes: &[Node]) -> (usize, usize) {
        nodes
            .iter()
            .map(|node| self.width_of(node))
            .fold((0, 0), |(least, most), (a, b)| (usize::saturating_add(least, a), usize::saturating_add(most, b)))
    }

    fn width_of(&self, node: &Node) -> (usize, usize) {
        match node {
            Node::Literal(..) | Node::Any | Node::NotNewline | Node::Set(_) => (1, 1),
            Node::At(_) | Node::Look { .. } => (0, 0),
            Node::Backref(group, _) => self.widths.get(group - 1).copied().flatten().unwrap_or((0, usize::MAX)),
            Node::Group(Some(group), nodes) => match self.widths.get(group - 1).copied().flatten() {
                Some(width) => width,
                None => self.width(nodes),
            },
            Node::Group(None, nodes) | Node::Atomic(nodes) => self.width(nodes),
            Node::Branch(branches) => self.widest(branches.iter().map(Vec::as_slice)),
            Node::If(_, yes, no) => self.widest([yes.as_slice(), no.as_slice()].into_iter()),
            Node::Repeat { min, max, nodes, .. } => {
                let (least, most) = self.width(nodes);
                let max = if *max == u32::MAX { usize::MAX } else { *max as usize };
                (least.saturating_mul(*min as usize), most.saturating_mul(max))
            }
        }
    }

    fn widest<'n>(&self, branches: impl Iterator<Item = &'n [Node]>) -> (usize, usize) {
        branches
            .map(|nodes| self.width(nodes))
            .reduce(|(least, most), (a, b)| (least.min(a), most.max(b)))
            .unwrap_or((0, 0))
    }
}
