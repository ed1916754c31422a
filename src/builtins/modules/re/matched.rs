//! `re.Match`.

use super::template::Template;
use super::{Match, Pattern, pattern};
use crate::builtins::modules::support::{define, items, this};
use crate::builtins::prelude::*;
use crate::builtins::types::special::member;
use crate::text::regex::Regex;

pub(super) fn class(vm: &mut Vm) -> Rc<Class> {
    let object = vm.types.object.clone();
    define(vm, "re.Match", &object, Layout::Final, METHODS)
}

const METHODS: &[Row] = &[
    of!("group(*args)", Value::data::<Match>, |vm, found, args| {
        match items(&args[1]) {
            [] => Ok(found.text(0, &Value::None)),
            [one] => item(vm, found, one),
            many => {
                let mut groups = Vec::with_capacity(many.len());
                for one in many {
                    groups.push(item(vm, found, one)?);
                }
                Ok(Value::tuple(groups))
            }
        }
    }),
    of!("groups(default=None)", Value::data::<Match>, |_, found, args| {
        let groups: Vec<Value> = (1..found.count()).map(|group| found.text(group, &args[1])).collect();
        Ok(Value::tuple(groups))
    }),
    of!("groupdict(default=None)", Value::data::<Match>, |vm, found, args| {
        let dict = Rc::new(Dict::new());
        if let Some(regex) = found.regex() {
            for (name, group) in &regex.names {
                dict.set_str(&vm.intern(name), found.text(*group, &args[1]));
            }
        }
        Ok(Value::Dict(dict))
    }),
    of!("start(group=0, /)", Value::data::<Match>, |vm, found, args| {
        let group = index(vm, found, &args[1])?;
        Ok(position(found.span(group).0))
    }),
    of!("end(group=0, /)", Value::data::<Match>, |vm, found, args| {
        let group = index(vm, found, &args[1])?;
        Ok(position(found.span(group).1))
    }),
    of!("span(group=0, /)", Value::data::<Match>, |vm, found, args| {
        let group = index(vm, found, &args[1])?;
        Ok(found.span_value(group))
    }),
    of!("expand(template)", Value::data::<Match>, |vm, found, args| {
        let template = Template::new(vm, &found.pattern, &args[1])?;
        template.check_groups(vm, |group| found.text(group, &Value::None))?;
        let mut out = String::new();
        template.expand(&mut out, |group| found.text(group, &Value::None), pattern::push);
        Ok(if template.bytes {
            Value::bytes(out.chars().map(|c| c as u8).collect::<Vec<u8>>())
        } else {
            Value::string(out)
        })
    }),
    of!("__getitem__(key, /)", Value::data::<Match>, |vm, found, args| { item(vm, found, &args[1]) }),
    of!("__repr__()", Value::data::<Match>, |vm, found, _| {
        let (start, end) = found.span(0);
        let text = found.text(0, &Value::None);
        let shown = vm.repr(&text)?;
        let shown: String = shown.chars().take(50).collect();
        Ok(Value::string(format!("<re.Match object; span=({start}, {end}), match={shown}>")))
    }),
    method("__copy__()", |_, args| Ok(args[0].clone())),
    method("__deepcopy__(memo, /)", |_, args| Ok(args[0].clone())),
    class_method("__class_getitem__(item, /)", |vm, args| Ok(vm.generic_alias(&args[0], &args[1]))),
    member("string", |vm, value| Ok(this!(vm, value, Match).string.clone())),
    member("re", |vm, value| Ok(this!(vm, value, Match).pattern.clone())),
    member("pos", |vm, value| Ok(Value::usize(this!(vm, value, Match).start))),
    member("endpos", |vm, value| Ok(Value::usize(this!(vm, value, Match).end))),
    getter("lastindex", |vm, value| {
        let last = this!(vm, value, Match).found.last;
        Ok(if last == 0 { Value::None } else { Value::usize(last) })
    }),
    getter("lastgroup", |vm, value| {
        let found = this!(vm, value, Match);
        let name = found.regex().and_then(|regex| regex.names.iter().find(|(_, group)| *group == found.found.last));
        Ok(name.map_or(Value::None, |(name, _)| Value::str(name)))
    }),
    getter("regs", |vm, value| {
        let found = this!(vm, value, Match);
        Ok(Value::tuple((0..found.count()).map(|group| found.span_value(group)).collect::<Vec<_>>()))
    }),
];

fn position(at: usize) -> Value {
    if at == usize::MAX { Value::Int(-1) } else { Value::usize(at) }
}

impl Match {
    fn regex(&self) -> Option<&Regex> {
        self.pattern.data::<Pattern>().map(|pattern| &*pattern.regex)
    }

    fn count(&self) -> usize {
        self.found.marks.len() / 2
    }

    fn text(&self, group: usize, default: &Value) -> Value {
        // An array may have changed since.
        if let (Value::ByteArray(array), (start, end)) = (&self.string, self.span(group)) {
            let bytes = array.bytes.borrow();
            return match end {
                usize::MAX => default.clone(),
                _ => Value::bytes(&bytes[start.min(bytes.len())..end.clamp(start.min(bytes.len()), bytes.len())]),
            };
        }
        self.subject.group(&self.found.marks, group, default)
    }

    fn span(&self, group: usize) -> (usize, usize) {
        match (self.found.marks[group * 2], self.found.marks[group * 2 + 1]) {
            (_, usize::MAX) => (usize::MAX, usize::MAX),
            span => span,
        }
    }

    fn span_value(&self, group: usize) -> Value {
        let (start, end) = self.span(group);
        Value::tuple([position(start), position(end)])
    }
}

/// The number of a group given by number or name.
fn index(vm: &mut Vm, found: &Match, key: &Value) -> Result<usize> {
    let number = match key.as_str() {
        Some(name) => found
            .regex()
            .and_then(|regex| regex.names.iter().find(|(known, _)| known == name.as_str()))
            .map(|(_, group)| *group),
        None => match vm.index(key) {
            Ok(number) => number.as_int().and_then(|n| usize::try_from(n).ok()).filter(|n| *n < found.count()),
            Err(error) if error.is(&vm.types.TypeError) => {
                // It is looked for among the names, if there are any.
                if found.regex().is_some_and(|regex| !regex.names.is_empty()) {
                    vm.hash(key)?;
                }
                None
            }
            Err(error) => return Err(error),
        },
    };
    number.ok_or_else(|| vm.index_error("no such group"))
}

fn item(vm: &mut Vm, found: &Match, key: &Value) -> Result {
    let group = index(vm, found, key)?;
    Ok(found.text(group, &Value::None))
}
