//! What CPython says of a call with the wrong arguments to a function that it has in C.

use super::prelude::*;
use crate::object::native::{Parameter, Signature};

/// Functions that take a tuple apart by a format, and so count arguments in the words of one that knows no names.
const READS_A_TUPLE: &[&str] = &[
    "_functools.reduce", "time.ctime", "time.gmtime", "time.localtime", "time.strftime", "time.clock_getres",
    "time.get_clock_info", "date.fromordinal", "datetime.utcfromtimestamp", "datetime.strptime",
];

/// A function as messages speak of it.
pub(super) struct Callee<'a> {
    pub signature: &'a Signature,
    /// `append`, `len`; a constructor has the name of its class.
    pub name: String,
    /// The class of a method as messages name it.
    pub class: Option<Rc<Str>>,
    /// `list.append`, `len`.
    pub display: String,
    pub takes_self: bool,
    /// How many arguments in front are not counted: the instance, or the class that `__new__` is given.
    pub hidden: usize,
    pub constructor: bool,
    pub wrapper: bool,
    /// A method that is told the class it was called by.
    pub told_class: bool,
}

impl Callee<'_> {
    /// What is wrong, looked for in CPython's order and said in its words, which differ by how a function takes its
    /// arguments: a slot, none or one or a tuple of them, or a parser of keywords.
    pub(super) fn wrong_call(&self, given: usize, kwargs: &[&str]) -> String {
        let Callee { signature, name, display, hidden, constructor, told_class, .. } = self;
        let (hidden, constructor) = (*hidden, *constructor);
        if given == 0 && self.takes_self {
            return match display.split_once('.') {
                Some((class, name)) if self.wrapper => {
                    let class = self.class.as_ref().map_or(class, |class| class.as_str());
                    format!("descriptor '{name}' of '{class}' object needs an argument")
                }
                _ => format!("unbound method {display}() needs an argument"),
            };
        }
        let wrapper = self.wrapper && !constructor;
        let count = signature.params.len();
        let most = signature.positional().saturating_sub(hidden);
        let least = signature.required.saturating_sub(hidden);
        let given = given.saturating_sub(hidden);
        let s = |n: usize| if n == 1 { "" } else { "s" };
        if display == "enumerate" {
            return wrong_enumerate(given, kwargs);
        }
        let unbounded = signature.vararg.is_some();
        let told_class = *told_class;
        if told_class && most == 0 {
            return format!("{name}() takes no arguments");
        }
        let reads_a_tuple = READS_A_TUPLE.contains(&display.as_str());
        let takes_keywords =
            !reads_a_tuple && (told_class || signature.posonly < count && !(unbounded && signature.kwonly >= count));
        if !kwargs.is_empty() && !takes_keywords {
            return if wrapper {
                format!("wrapper {name}() takes no keyword arguments")
            } else if reads_a_tuple {
                format!("{name}() takes no keyword arguments")
            } else {
                format!("{display}() takes no keyword arguments")
            };
        }
        // Those that parse keywords by themselves count first.
        let counts = !takes_keywords
            || unbounded
            || display == "sorted"
            || matches!(display.as_str(), "int" | "str") && kwargs.is_empty();
        if counts && (given < least || !unbounded && given > most) {
            if reads_a_tuple {
                let (how, n) = match given < least {
                    _ if least == most => ("exactly", most),
                    true => ("at least", least),
                    false => ("at most", most),
                };
                return format!("{name}() takes {how} {n} argument{} ({given} given)", s(n));
            }
            if !wrapper && signature.plain() {
                if most == 0 {
                    return format!("{display}() takes no arguments ({given} given)");
                }
                if (least, most) == (1, 1) && !constructor && !takes_keywords {
                    return format!("{display}() takes exactly one argument ({given} given)");
                }
            }
            let (bound, n) = match given < least {
                _ if least == most && !unbounded => ("", most),
                true => ("at least ", least),
                false => ("at most ", most),
            };
            // A slot with several arguments, or with a count for a sequence, is said to have the name "".
            let unnamed = most > 1
                || matches!(name.as_str(), "__mul__" | "__rmul__" | "__imul__") && {
                    let owner = display.split('.').next().unwrap_or_default();
                    matches!(owner, "str" | "bytes" | "bytearray" | "tuple" | "list" | "deque" | "array")
                };
            let who = match (wrapper, unnamed) {
                (false, _) if display == "super" => "super() ",
                (false, _) => &format!("{name} "),
                (true, true) => " ",
                (true, false) => "",
            };
            return format!("{who}expected {bound}{n} argument{}, got {given}", s(n));
        }
        let all = count - hidden - usize::from(signature.kwarg.is_some());
        if !unbounded && signature.kwarg.is_none() && given + kwargs.len() > all {
            let keyword = if given == 0 { "keyword " } else { "" };
            return format!(
                "{name}() takes at most {all} {keyword}argument{} ({} given)",
                s(all),
                given + kwargs.len()
            );
        }
        if !unbounded && given > most {
            if most == 0 {
                return format!("{name}() takes no positional arguments");
            }
            let how = if least == most && display != "ContextVar" { "exactly" } else { "at most" };
            return format!("{name}() takes {how} {most} positional argument{} ({given} given)", s(most));
        }
        let least_by_place = least.min(signature.posonly.saturating_sub(hidden));
        if given < least_by_place {
            let how = if least_by_place == most { "exactly" } else { "at least" };
            return format!(
                "{name}() takes {how} {least_by_place} positional argument{} ({given} given)",
                s(least_by_place)
            );
        }
        if unbounded && given < least {
            return format!("{name} expected at least {least} argument{}, got {given}", s(least));
        }
        let at_of = |key: &str| {
            let named = signature.posonly..signature.kwarg.unwrap_or(count);
            named.filter(|&at| Some(at) != signature.vararg).find(|&at| signature.params[at].name.as_str() == key)
        };
        for (at, param) in signature.params.iter().enumerate().skip(given + hidden) {
            let is_rest = Some(at) == signature.vararg || Some(at) == signature.kwarg;
            if is_rest || param.default.is_some() || kwargs.iter().any(|key| at_of(key) == Some(at)) {
                continue;
            }
            let param = param.name.as_str();
            return if at >= signature.kwonly {
                format!("{name}() missing required keyword-only argument: '{param}'")
            } else {
                format!("{name}() missing required argument '{param}' (pos {})", at + 1 - hidden)
            };
        }
        for (at, param) in signature.params.iter().enumerate().take(signature.positional().min(given + hidden)) {
            if kwargs.iter().any(|key| at_of(key) == Some(at)) {
                let param = param.name.as_str();
                return format!("argument for {name}() given by name ('{param}') and position ({})", at + 1 - hidden);
            }
        }
        let unknown = kwargs.iter().find(|key| at_of(key).is_none()).map_or("", |key| *key);
        if matches!(display.as_str(), "max" | "min") && given == 0 {
            return format!("{display} expected at least 1 argument, got 0");
        }
        if name == "zip_longest" {
            return format!("{name}() got an unexpected keyword argument");
        }
        let by_name = count.saturating_sub(signature.kwonly);
        if unbounded && display != "print" && signature.kwarg.is_none() && kwargs.len() > by_name {
            let given = kwargs.len();
            return format!("{name}() takes at most {by_name} keyword argument{} ({given} given)", s(by_name));
        }
        let names = signature.params[signature.posonly..].iter().map(|p| p.name.as_str());
        unexpected_keyword(name, unknown, names)
    }
}

/// `f() got an unexpected keyword argument 'colour'. Did you mean 'color'?`
pub(super) fn unexpected_keyword<'a>(name: &str, keyword: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut message = format!("{name}() got an unexpected keyword argument '{keyword}'");
    if let Some(meant) = crate::text::similar::suggest(keyword, known) {
        message.push_str(&format!(". Did you mean '{meant}'?"));
    }
    message
}

/// `f() takes from 1 to 2 positional arguments but 3 were given`, to a function in Python.
pub(super) fn too_many(name: &str, least: i64, most: usize, given: usize, by_name: usize) -> String {
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let (takes, plural) = match least < most as i64 {
        true => (format!("from {least} to {most}"), "s"),
        false => (most.to_string(), s(most)),
    };
    let given = match by_name {
        0 => format!("{given} {}", if given == 1 { "was" } else { "were" }),
        n => format!("{given} positional argument{} (and {n} keyword-only argument{}) were", s(given), s(n)),
    };
    format!("{name}() takes {takes} positional argument{plural} but {given} given")
}

/// `f() missing 2 required positional arguments: 'a' and 'b'`, of a function in Python.
pub(super) fn missing(name: &str, kind: &str, names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let (listed, plural) = match &quoted[..] {
        [] => (String::new(), "s"),
        [one] => (one.clone(), ""),
        [a, b] => (format!("{a} and {b}"), "s"),
        [rest @ .., last] => (format!("{}, and {last}", rest.join(", ")), "s"),
    };
    format!("{name}() missing {} required {kind} argument{plural}: {listed}", names.len())
}

/// `enumerate` reads its arguments by itself: each name is what belongs in its place, or invalid.
fn wrong_enumerate(given: usize, kwargs: &[&str]) -> String {
    let invalid = |name: &str| format!("'{name}' is an invalid keyword argument for enumerate()");
    match (given, kwargs) {
        (0 | 1, [name]) | (0, ["start" | "iterable", name] | [name, _]) => invalid(name),
        (0, _) => "enumerate() missing required argument 'iterable'".to_owned(),
        _ => format!("enumerate() takes at most 2 arguments ({} given)", given + kwargs.len()),
    }
}

/// The parameters of a library's function, as those of a native are written.
pub(super) fn signature_of(function: &Function) -> Signature {
    let code = &function.code;
    let params = &code.params;
    let (positional, kwonly) = (params.positional as usize, params.kwonly as usize);
    let defaults = function.defaults.borrow().len();
    let extra = function.extra.borrow();
    let kwdefaults = extra.as_ref().and_then(|extra| extra.kwdefaults.as_ref());
    let param =
        |name: &Rc<Str>, optional: bool| Parameter { name: name.clone(), default: optional.then_some(Value::None) };
    let variables = &code.variables;
    let named_end = positional + kwonly;
    let mut all: Vec<Parameter> =
        variables[..positional].iter().enumerate().map(|(at, name)| param(name, at + defaults >= positional)).collect();
    if params.vararg {
        all.push(param(&variables[named_end], true));
    }
    let kwonly_at = all.len();
    for name in &variables[positional..named_end] {
        all.push(param(name, kwdefaults.is_some_and(|defaults| defaults.get_str(name).is_some())));
    }
    if params.kwarg {
        all.push(param(&variables[named_end + usize::from(params.vararg)], true));
    }
    let is_method = code.qualname.as_str() != code.name.as_str();
    Signature {
        posonly: (params.posonly as usize).max(usize::from(is_method)),
        kwonly: kwonly_at,
        vararg: params.vararg.then_some(positional),
        kwarg: params.kwarg.then(|| all.len() - 1),
        required: positional - defaults.min(positional),
        params: all,
    }
}
