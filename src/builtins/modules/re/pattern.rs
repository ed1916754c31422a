//! `re.Pattern`.

use super::template::Template;
use super::{Match, Pattern, Subject, matched, subject};
use crate::builtins::modules::support::{define, natives, this};
use crate::builtins::prelude::*;
use crate::builtins::types::special::member;
use crate::text::regex::{Mode, flag};

pub(super) fn class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    define(vm, "re.Pattern", &object, Layout::Final, METHODS)
}

const METHODS: &[Row] = &[
    method("match(string, pos=0, endpos=9223372036854775807)", |vm, args| find(vm, args, Mode::Match)),
    method("fullmatch(string, pos=0, endpos=9223372036854775807)", |vm, args| find(vm, args, Mode::FullMatch)),
    method("search(string, pos=0, endpos=9223372036854775807)", |vm, args| find(vm, args, Mode::Search)),
    method("findall(string, pos=0, endpos=9223372036854775807)", find_all),
    method("finditer(string, pos=0, endpos=9223372036854775807)", find_iter),
    method("scanner(string, pos=0, endpos=9223372036854775807)", |vm, args| {
        let class = scanner_class(vm);
        let search = Search::new(vm, args)?;
        Ok(Instance::native(&class, Scanner { pattern: args[0].clone(), search: search.into() }))
    }),
    method("split(string, maxsplit=0)", split),
    method("sub(repl, string, count=0)", |vm, args| {
        substitute(vm, &args[0], &args[1], &args[2], &args[3]).map(|(text, _)| text)
    }),
    method("subn(repl, string, count=0)", |vm, args| {
        let (text, count) = substitute(vm, &args[0], &args[1], &args[2], &args[3])?;
        Ok(Value::tuple([text, Value::usize(count)]))
    }),
    of!("__repr__()", Value::data::<Pattern>, repr),
    of!("__hash__()", Value::data::<Pattern>, |vm, pattern, _| {
        let hash = vm.hash(&pattern.source)?;
        Ok(Value::Int(hash ^ i64::from(pattern.regex.flags)))
    }),
    method("__eq__(value, /)", |vm, args| {
        let (one, Some(other)) = (this!(vm, args[0], Pattern), args[1].data::<Pattern>()) else {
            return Ok(Value::NotImplemented);
        };
        let same = one.bytes == other.bytes
            && one.regex.flags == other.regex.flags
            && vm.eq(&one.source.clone(), &other.source.clone())?;
        Ok(Value::bool(same))
    }),
    method("__copy__()", |_, args| Ok(args[0].clone())),
    of!("__reduce__()", Value::data::<Pattern>, |vm, pattern, _| {
        let given = Value::tuple([pattern.source.clone(), Value::Int(pattern.regex.flags.into())]);
        Ok(Value::tuple([vm.from_page("re", "_compile")?, given]))
    }),
    method("__deepcopy__(memo, /)", |_, args| Ok(args[0].clone())),
    class_method("__class_getitem__(item, /)", |vm, args| Ok(vm.generic_alias(&args[0], &args[1]))),
    member("pattern", |vm, value| Ok(this!(vm, value, Pattern).source.clone())),
    member("flags", |vm, value| Ok(Value::Int(this!(vm, value, Pattern).regex.flags.into()))),
    member("groups", |vm, value| Ok(Value::usize(this!(vm, value, Pattern).regex.groups))),
    getter("groupindex", |vm, value| {
        let regex = this!(vm, value, Pattern).regex.clone();
        let names = Rc::new(Dict::new());
        for (name, group) in &regex.names {
            names.set_str(&vm.intern(name), Value::usize(*group));
        }
        // CPython gives an empty one unguarded.
        Ok(if names.is_empty() { Value::Dict(names) } else { vm.mapping_proxy(Value::Dict(names)) })
    }),
];

fn repr(vm: &mut Vm, pattern: &Pattern, _: &[Value]) -> Result {
    let mut flags = pattern.regex.flags;
    if !pattern.bytes && flags & (flag::LOCALE | flag::UNICODE | flag::ASCII) == flag::UNICODE {
        flags &= !flag::UNICODE;
    }
    let shown = vm.repr(&pattern.source)?;
    let mut out: String = format!("re.compile({}", shown.chars().take(200).collect::<String>());
    let mut sign = ", ";
    for (bit, name) in [
        (flag::IGNORECASE, "re.IGNORECASE"),
        (flag::LOCALE, "re.LOCALE"),
        (flag::MULTILINE, "re.MULTILINE"),
        (flag::DOTALL, "re.DOTALL"),
        (flag::UNICODE, "re.UNICODE"),
        (flag::VERBOSE, "re.VERBOSE"),
        (flag::DEBUG, "re.DEBUG"),
        (flag::ASCII, "re.ASCII"),
    ] {
        if flags & bit != 0 {
            out.push_str(sign);
            out.push_str(name);
            flags &= !bit;
            sign = "|";
        }
    }
    if flags != 0 {
        out.push_str(&format!("{sign}0x{flags:x}"));
    }
    out.push(')');
    Ok(Value::string(out))
}

/// A search that goes on where the last one ended.
struct Search {
    string: Value,
    subject: Subject,
    range: (usize, usize),
    at: usize,
    /// The last match was empty and the next must not be so at the same place.
    advance: bool,
}

impl Search {
    /// Of the arguments `pattern, string, pos, endpos`.
    fn new(vm: &mut Vm, args: &[Value]) -> Result<Search> {
        let pattern = this!(vm, args[0], Pattern);
        let subject = subject(vm, pattern, &args[1])?;
        let len = subject.len() as i64;
        let [start, end] = [vm.to_i64(&args[2])?, vm.to_i64(&args[3])?];
        let end = end.clamp(0, len) as usize;
        let start = start.clamp(0, len) as usize;
        Ok(Search { string: args[1].clone(), subject, range: (start, end), at: start, advance: false })
    }

    fn whole(vm: &mut Vm, pattern: &Value, string: &Value) -> Result<Search> {
        Search::new(vm, &[pattern.clone(), string.clone(), super::WHOLE[0].clone(), super::WHOLE[1].clone()])
    }

    fn next(&mut self, vm: &mut Vm, pattern: &Value, mode: Mode) -> Result<Option<crate::text::regex::Match>> {
        let regex = this!(vm, pattern, Pattern).regex.clone();
        let found = self.subject.find(vm, &regex, (self.at, self.range.1), mode, self.advance)?;
        match &found {
            Some(found) => {
                self.at = found.marks[1];
                self.advance = found.marks[0] == found.marks[1];
            }
            None => self.at = usize::MAX,
        }
        Ok(found)
    }

    fn match_object(&self, vm: &mut Vm, pattern: &Value, found: crate::text::regex::Match) -> Value {
        let class = matched::class(vm);
        let data = Match {
            pattern: pattern.clone(),
            string: self.string.clone(),
            subject: self.subject.clone(),
            start: self.range.0,
            end: self.range.1,
            found,
        };
        Instance::native(&class, data)
    }

    fn next_object(&mut self, vm: &mut Vm, pattern: &Value, mode: Mode) -> Result<Option<Value>> {
        let found = self.next(vm, pattern, mode)?;
        Ok(found.map(|found| self.match_object(vm, pattern, found)))
    }
}

pub(super) fn find(vm: &mut Vm, args: &[Value], mode: Mode) -> Result {
    let found = Search::new(vm, args)?.next_object(vm, &args[0], mode)?;
    Ok(Value::option(found))
}

pub(super) fn find_all(vm: &mut Vm, args: &[Value]) -> Result {
    let mut search = Search::new(vm, args)?;
    let groups = this!(vm, args[0], Pattern).regex.groups;
    let empty = search.subject.empty();
    let mut items = Vec::new();
    while let Some(found) = search.next(vm, &args[0], Mode::Search)? {
        let group = |index| search.subject.group(&found.marks, index, &empty);
        items.push(match groups {
            0 | 1 => group(groups),
            _ => Value::tuple((1..=groups).map(group).collect::<Vec<_>>()),
        });
    }
    Ok(Value::list(items))
}

/// `finditer`.
struct Finder {
    pattern: Value,
    search: Search,
}

impl NativeIter for Finder {
    fn next(&mut self, vm: &mut Vm) -> Result<Option<Value>> {
        self.search.next_object(vm, &self.pattern, Mode::Search)
    }
}

pub(super) fn find_iter(vm: &mut Vm, args: &[Value]) -> Result {
    let search = Search::new(vm, args)?;
    let class = vm.types.callable_iterator.clone();
    Ok(Iter::native(&class, Finder { pattern: args[0].clone(), search }))
}

/// `Pattern.scanner()`.
struct Scanner {
    pattern: Value,
    search: std::cell::RefCell<Search>,
}

natives!(Scanner);

fn scanner_class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    define(vm, "_sre.SRE_Scanner", &object, Layout::Final, SCANNER)
}

const SCANNER: &[Row] = &[
    method("match()", |vm, args| scan(vm, &args[0], Mode::Match)),
    method("search()", |vm, args| scan(vm, &args[0], Mode::Search)),
    getter("pattern", |vm, value| Ok(this!(vm, value, Scanner).pattern.clone())),
];

fn scan(vm: &mut Vm, scanner: &Value, mode: Mode) -> Result {
    let scanner = this!(vm, scanner, Scanner);
    let found = scanner.search.borrow_mut().next_object(vm, &scanner.pattern, mode)?;
    Ok(Value::option(found))
}

pub(super) fn split(vm: &mut Vm, args: &[Value]) -> Result {
    let most = vm.to_i64(&args[2])?;
    let mut search = Search::whole(vm, &args[0], &args[1])?;
    let groups = this!(vm, args[0], Pattern).regex.groups;
    let mut parts = Vec::new();
    let (mut last, mut count) = (0, 0);
    while most == 0 || count < most {
        let Some(found) = search.next(vm, &args[0], Mode::Search)? else { break };
        parts.push(search.subject.slice(last, found.marks[0]));
        parts.extend((1..=groups).map(|index| search.subject.group(&found.marks, index, &Value::None)));
        last = found.marks[1];
        count += 1;
    }
    parts.push(search.subject.slice(last, search.subject.len()));
    Ok(Value::list(parts))
}

/// What stands where a match stood.
enum Replacement {
    Template(Template),
    Function(Value),
}

/// The new text, and how many matches were replaced.
pub(super) fn substitute(
    vm: &mut Vm,
    pattern: &Value,
    repl: &Value,
    string: &Value,
    count: &Value,
) -> Result<(Value, usize)> {
    let most = vm.to_i64(count)?;
    let replacement = if vm.is_callable(repl) {
        Replacement::Function(repl.clone())
    } else {
        Replacement::Template(Template::new(vm, pattern, repl)?)
    };
    let mut search = Search::whole(vm, pattern, string)?;
    let bytes = matches!(search.subject, Subject::Bytes(_));
    // Bytes are put together as characters.
    let mut out = String::new();
    let (mut last, mut done, mut items) = (0, 0, 0);
    while most == 0 || (done as i64) < most {
        let Some(found) = search.next(vm, pattern, Mode::Search)? else { break };
        let [start, end] = [found.marks[0], found.marks[1]];
        if last < start {
            push(&mut out, &search.subject.slice(last, start));
            items += 1;
        }
        match &replacement {
            Replacement::Template(template) => {
                let group = |index| search.subject.group(&found.marks, index, &Value::None);
                template.check(vm, items, group)?;
                template.expand(&mut out, group, push);
                items += 1;
            }
            Replacement::Function(function) => {
                let object = search.match_object(vm, pattern, found);
                let item = vm.call(function, &[object])?;
                if !item.is_none() {
                    let fits = if bytes { super::any_bytes(vm, &item).is_some() } else { item.as_str().is_some() };
                    if !fits {
                        let name = vm.type_name(&item);
                        let wanted = if bytes { "a bytes-like object" } else { "str instance" };
                        return Err(vm.type_error(format!("sequence item {items}: expected {wanted}, {name} found")));
                    }
                    push(&mut out, &item);
                    items += 1;
                }
            }
        }
        vm.check_growth(out.len())?;
        last = end;
        done += 1;
    }
    if done == 0 && matches!(string, Value::Str(_) | Value::Bytes(_)) {
        return Ok((string.clone(), 0));
    }
    push(&mut out, &search.subject.slice(last, search.subject.len()));
    let text = if bytes { Value::bytes(out.chars().map(|c| c as u8).collect::<Vec<u8>>()) } else { Value::string(out) };
    Ok((text, done))
}

/// Appends text, or bytes as characters.
pub(super) fn push(out: &mut String, part: &Value) {
    if let Some(text) = part.as_str() {
        out.push_str(text);
    } else if let Some(bytes) = crate::machine::sequence::bytes_of(part) {
        out.extend(bytes.iter().map(|&b| char::from(b)));
    }
}
