//! What `datetime` does all the time: dates, times and lengths of time as numbers, their arithmetic, order and usual
//! text. Everything else is the page `datetime`, and so is what these natives do with arguments out of the ordinary: of
//! each function that both have, the page's is kept under another name.

use std::cmp::Ordering;

use num_traits::ToPrimitive;

use super::moments::{DAY, Fields, check_moment, date_of, day_number, is_leap, local_offset, weekday};
use super::support::{by_page, items, kept, keywords, take_over, this};
use crate::builtins::prelude::*;
use crate::builtins::types::special::member;
use crate::syntax::ast::{BinOp, CmpOp};
use crate::text::hash::{hash_i64, hash_tuple};

const SECOND: i128 = 1_000_000;
const DAY_US: i128 = DAY as i128 * SECOND;
/// The ordinal of 1970-01-01, and that of the last day there is.
const BEFORE_1970: i64 = 719_163;
const LAST_DAY: i64 = 3_652_059;

/// A length of time.
struct Span {
    days: i32,
    seconds: i32,
    micros: i32,
}

impl Span {
    fn us(&self) -> i128 {
        i128::from(self.days) * DAY_US + i128::from(self.seconds) * SECOND + i128::from(self.micros)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Date,
    Time,
    DateTime,
}

/// A date, a time of day or both.
#[derive(Clone)]
struct Moment {
    kind: Kind,
    year: i32,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    fold: u8,
    micro: u32,
    zone: Value,
}

impl Moment {
    fn day_number(&self) -> i64 {
        day_number(self.year.into(), self.month.into(), self.day.into())
    }

    fn ordinal(&self) -> i64 {
        self.day_number() + BEFORE_1970
    }

    /// Since the day before the first, as the clocks in its zone count.
    fn us(&self) -> i128 {
        let days = if self.kind == Kind::Time { 0 } else { self.ordinal() };
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        i128::from(days * DAY + minutes * 60 + i64::from(self.second)) * SECOND + i128::from(self.micro)
    }

    /// What it is so many microseconds after the day before the first, if there is such a day.
    fn at(kind: Kind, us: i128, zone: Value) -> Option<Moment> {
        let (ordinal, in_day) = (us.div_euclid(DAY_US) as i64, us.rem_euclid(DAY_US));
        if !(1..=LAST_DAY).contains(&ordinal) {
            return None;
        }
        let (year, month, day) = date_of(ordinal - BEFORE_1970);
        let seconds = (in_day / SECOND) as u32;
        Some(Moment {
            kind,
            year: year as i32,
            month: month as u8,
            day: day as u8,
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            fold: 0,
            micro: (in_day % SECOND) as u32,
            zone,
        })
    }

    /// With the fields alone that its kind has: what two of them differ in is in no other.
    fn plain(self) -> Moment {
        match self.kind {
            Kind::Date => Moment { hour: 0, minute: 0, second: 0, micro: 0, fold: 0, zone: Value::None, ..self },
            Kind::Time => Moment { year: 1, month: 1, day: 1, ..self },
            Kind::DateTime => self,
        }
    }

    fn key(&self) -> (i32, u8, u8, u8, u8, u8, u32) {
        (self.year, self.month, self.day, self.hour, self.minute, self.second, self.micro)
    }

    fn date_text(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn fields(&self) -> Fields {
        let (hour, minute, second) = (self.hour.into(), self.minute.into(), self.second.into());
        match self.kind {
            // CPython's time of day is one of the first day of 1900, which is a Monday to it.
            Kind::Time => Fields { hour, minute, second, weekday: 0, ..Fields::of_day(1900, 1, 1) },
            _ => {
                Fields { hour, minute, second, ..Fields::of_day(self.year.into(), self.month.into(), self.day.into()) }
            }
        }
    }

    /// What its class takes, `fold` last.
    fn parts(&self) -> Vec<Value> {
        let date = [self.year.into(), i64::from(self.month), self.day.into()];
        let clock = [self.hour.into(), self.minute.into(), self.second.into(), i64::from(self.micro)];
        let mut parts: Vec<Value> = Vec::with_capacity(9);
        if self.kind != Kind::Time {
            parts.extend(date.map(Value::Int));
        }
        if self.kind != Kind::Date {
            parts.extend(clock.map(Value::Int));
            parts.extend([self.zone.clone(), Value::Int(self.fold.into())]);
        }
        parts
    }
}

impl Native for Span {}

impl Native for Moment {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.zone);
    }
}

/// The classes, once the page has made them.
#[derive(Default)]
struct Classes {
    span: Option<Rc<Class>>,
    date: Option<Rc<Class>>,
    time: Option<Rc<Class>>,
    datetime: Option<Rc<Class>>,
    tzinfo: Option<Rc<Class>>,
}

impl Classes {
    fn of(&self, kind: Kind) -> Option<&Rc<Class>> {
        match kind {
            Kind::Date => self.date.as_ref(),
            Kind::Time => self.time.as_ref(),
            Kind::DateTime => self.datetime.as_ref(),
        }
    }
}

pub(super) const FUNCTIONS: &[Row] = &[
    // Takes over what it has itself of a class's methods.
    native("_complete(cls, /)", |vm, args| {
        let Value::Class(class) = &args[0] else { return Ok(Value::None) };
        let name = class.name.borrow().clone();
        let classes = vm.extension::<Classes>();
        let (place, tables): (_, &[&'static [Row]]) = match name.as_str() {
            "timedelta" => (&mut classes.span, &[SPAN]),
            "date" => (&mut classes.date, &[DATE, REPLACE, ORDER, DAYS, WEEK, TEXT]),
            "time" => (&mut classes.time, &[TIME, REPLACE, CLOCK, ORDER, TEXT]),
            "datetime" => (&mut classes.datetime, &[DATETIME, REPLACE, CLOCK, ORDER, DAYS]),
            _ => (&mut classes.tzinfo, &[]),
        };
        *place = Some(class.clone());
        take_over(vm, class, tables);
        Ok(Value::None)
    }),
    native("_span(cls, microseconds, /)", |vm, args| match &args[0] {
        Value::Class(class) => span_of(vm, class, whole(&args[1])),
        _ => Ok(Value::None),
    }),
    // Everything is checked.
    native("_moment(cls, parts, /)", |vm, args| {
        let (Value::Class(class), Some(parts)) = (&args[0], args[1].as_tuple()) else { return Ok(Value::None) };
        let kind = match parts.len() {
            3 => Kind::Date,
            6 => Kind::Time,
            _ => Kind::DateTime,
        };
        match moment(vm, kind, parts) {
            Some(moment) => Ok(Instance::create(class, Payload::native(moment))),
            None => Err(vm.value_error("no such moment")),
        }
    }),
];

/// What the page does in a method's place.
fn method_by_page(vm: &mut Vm, name: &str, args: &[Value]) -> Result {
    let class = vm.class_of(&args[0]);
    by_page(vm, &class, name, args, &[])
}

fn span(vm: &mut Vm, us: Option<i128>) -> Result {
    match vm.extension::<Classes>().span.clone() {
        Some(class) => span_of(vm, &class, us),
        None => Ok(Value::None),
    }
}

/// A length of so many microseconds; `None` are too many to count.
fn span_of(vm: &mut Vm, class: &Rc<Class>, us: Option<i128>) -> Result {
    let days = us.and_then(|us| i32::try_from(us.div_euclid(DAY_US)).ok());
    let (Some(us), Some(days)) = (us, days) else {
        return Err(vm.overflow_error("Python int too large to convert to C int"));
    };
    if days.abs() > 999_999_999 {
        return Err(vm.overflow_error(format!("days={days}; must have magnitude <= 999999999")));
    }
    let in_day = us.rem_euclid(DAY_US);
    let span = Span { days, seconds: (in_day / SECOND) as i32, micros: (in_day % SECOND) as i32 };
    Ok(Instance::create(class, Payload::native(span)))
}

/// A moment of the parts that its class takes, `fold` last, if all are numbers in range and the zone is one.
fn moment(vm: &mut Vm, kind: Kind, parts: &[Value]) -> Option<Moment> {
    let moment = numbers(kind, parts)?;
    (moment.zone.is_none() || is_zone(vm, &moment.zone)).then_some(moment)
}

fn is_zone(vm: &mut Vm, zone: &Value) -> bool {
    let tzinfo = vm.extension::<Classes>().tzinfo.clone();
    tzinfo.is_some_and(|tzinfo| vm.is_instance_of(zone, &tzinfo))
}

/// The same for any zone.
fn numbers(kind: Kind, parts: &[Value]) -> Option<Moment> {
    let mut made =
        Moment { kind, year: 1, month: 1, day: 1, hour: 0, minute: 0, second: 0, fold: 0, micro: 0, zone: Value::None };
    let number = |value: &Value, least: i64, most: i64| match value {
        Value::Int(n) if (least..=most).contains(n) => Some(*n),
        _ => None,
    };
    let clock = match (kind, parts) {
        (Kind::Time, clock) => clock,
        (_, [year, month, day, clock @ ..]) => {
            let (year, month) = (number(year, 1, 9999)?, number(month, 1, 12)?);
            let days = match month {
                2 => 28 + i64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (made.year, made.month) = (year as i32, month as u8);
            made.day = number(day, 1, days)? as u8;
            clock
        }
        _ => return None,
    };
    if let [hour, minute, second, micro, zone, fold] = clock {
        made.hour = number(hour, 0, 23)? as u8;
        made.minute = number(minute, 0, 59)? as u8;
        made.second = number(second, 0, 59)? as u8;
        made.micro = number(micro, 0, 999_999)? as u32;
        made.fold = number(fold, 0, 1)? as u8;
        made.zone = zone.clone();
    }
    Some(made)
}

/// A moment as an object of a class, which is asked to make it if it is a script's.
fn made(vm: &mut Vm, class: &Rc<Class>, moment: Moment) -> Result {
    let moment = moment.plain();
    if vm.extension::<Classes>().of(moment.kind).is_some_and(|own| Rc::ptr_eq(own, class)) {
        return Ok(Instance::create(class, Payload::native(moment)));
    }
    let mut parts = moment.parts();
    let mut named = Vec::new();
    if moment.kind != Kind::Date {
        let fold = parts.pop().unwrap_or_default();
        if moment.fold != 0 {
            named.push((vm.intern("fold"), fold));
        }
    }
    vm.call_kw(&Value::Class(class.clone()), &parts, &named)
}

/// A moment of another kind, out of the same fields.
fn part_of(vm: &mut Vm, kind: Kind, moment: Moment) -> Result {
    let class = vm.extension::<Classes>().of(kind).cloned();
    class.map_or(Ok(Value::None), |class| made(vm, &class, Moment { kind, ..moment }))
}

const DATE_PARTS: &[&str] = &["year", "month", "day"];
const TIME_PARTS: &[&str] = &["hour", "minute", "second", "microsecond", "tzinfo", "fold"];
const DATETIME_PARTS: &[&str] = &["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];

impl Kind {
    fn names(self) -> &'static [&'static str] {
        match self {
            Kind::Date => DATE_PARTS,
            Kind::Time => TIME_PARTS,
            Kind::DateTime => DATETIME_PARTS,
        }
    }
}

/// Puts arguments into the places of their names; whether all have one, `fold` only by its name.
fn place(names: &[&str], parts: &mut [Value], args: &[Value], named: &[Named]) -> bool {
    let by_position = names.len() - usize::from(names.last() == Some(&"fold"));
    if args.len() > by_position {
        return false;
    }
    for (part, arg) in parts.iter_mut().zip(args) {
        *part = arg.clone();
    }
    named.iter().all(|(name, value)| {
        let at = names.iter().position(|known| *known == name.as_str()).filter(|&at| at >= args.len());
        at.map(|at| parts[at] = value.clone()).is_some()
    })
}

/// `__new__` of a class of moments.
fn new_moment(vm: &mut Vm, kind: Kind, args: &[Value], named: &[Named]) -> Result {
    if let [Value::Class(class), given @ ..] = args {
        let mut parts = [const { Value::Int(0) }; 9];
        let names = kind.names();
        if kind != Kind::Date {
            parts[names.len() - 2] = Value::None;
        }
        if place(names, &mut parts, given, named) {
            if let Some(moment) = moment(vm, kind, &parts[..names.len()]) {
                return Ok(Instance::create(class, Payload::native(moment)));
            }
        }
    }
    let class = vm.extension::<Classes>().of(kind).cloned();
    class.map_or(Ok(Value::None), |class| by_page(vm, &class, "__new__", args, named))
}

/// The row of a `__new__`.
macro_rules! new {
    ($new:expr) => {
        static_method("__new__(cls, /, *args, **kwargs)", |vm, args| {
            let mut all = vec![args[0].clone()];
            all.extend_from_slice(items(&args[1]));
            $new(vm, &all, &keywords(&args[2]))
        })
        .or_plain(|vm, args| $new(vm, args, &[]))
    };
}

fn replace(vm: &mut Vm, args: &[Value]) -> Result {
    let old = this!(vm, args[0], Moment);
    let (given, named, class) = (items(&args[1]), keywords(&args[2]), vm.class_of(&args[0]));
    let mut parts = old.parts();
    if place(old.kind.names(), &mut parts, given, &named) {
        if let Some(moment) = moment(vm, old.kind, &parts) {
            return made(vm, &class, moment);
        }
    }
    let mut all = vec![args[0].clone()];
    all.extend_from_slice(given);
    by_page(vm, &class, "replace", &all, &named)
}

const REPLACE: &[Row] = &[method("replace(*args, **kwargs)", replace), method("__replace__(*args, **kwargs)", replace)];

/// The row of a number that a moment has.
macro_rules! part {
    ($name:literal, $field:ident) => {
        getter($name, |vm, value| Ok(Value::Int(this!(vm, value, Moment).$field.into())))
    };
}

/// The row of a comparison.
macro_rules! compare {
    ($signature:literal, $op:ident, $compare:expr) => {
        method($signature, |vm, args| $compare(vm, CmpOp::$op, args))
    };
}

fn holds(op: CmpOp, order: Ordering) -> Value {
    Value::bool(match op {
        CmpOp::Eq => order.is_eq(),
        CmpOp::Lt => order.is_lt(),
        CmpOp::LtE => order.is_le(),
        CmpOp::Gt => order.is_gt(),
        CmpOp::GtE => order.is_ge(),
        _ => order.is_ne(),
    })
}

fn compare_moments(vm: &mut Vm, op: CmpOp, args: &[Value]) -> Result {
    let (one, Some(other)) = (this!(vm, args[0], Moment), args[1].data::<Moment>()) else {
        return Ok(Value::NotImplemented);
    };
    if one.kind != other.kind {
        return Ok(Value::NotImplemented);
    }
    if one.zone.is(&other.zone) {
        return Ok(holds(op, one.key().cmp(&other.key())));
    }
    let pair = vm.call_page("datetime", if op == CmpOp::Eq { "_equated" } else { "_ordered" }, &args[..2])?;
    match pair.as_tuple().map(|pair| &pair[..]) {
        Some([a, b]) => vm.compare(op, a, b),
        _ => Ok(Value::bool(false)),
    }
}

const ORDER: &[Row] = &[
    compare!("__eq__(value, /)", Eq, compare_moments),
    compare!("__lt__(value, /)", Lt, compare_moments),
    compare!("__le__(value, /)", LtE, compare_moments),
    compare!("__gt__(value, /)", Gt, compare_moments),
    compare!("__ge__(value, /)", GtE, compare_moments),
    method("__hash__()", |vm, args| {
        let moment = this!(vm, args[0], Moment);
        match (moment.kind, moment.zone.is_none()) {
            (Kind::Date, _) => {
                let parts = [i64::from(moment.year), moment.month.into(), moment.day.into()];
                Ok(Value::Int(hash_tuple(parts.map(hash_i64))))
            }
            (_, true) => vm.hash(&Value::int(moment.us().into())).map(Value::Int),
            _ => method_by_page(vm, "__hash__", args),
        }
    }),
];

/// What `datetime` inherits from `date`, and `time` has as well.
const TEXT: &[Row] = &[method("strftime(format)", strftime), method("__format__(format, /)", format)];

const DAYS: &[Row] = &[
    method("__add__(value, /)", |vm, args| added(vm, args, 1)),
    method("__radd__(value, /)", |vm, args| added(vm, args, 1)),
    method("__sub__(value, /)", |vm, args| {
        let (one, Some(other)) = (this!(vm, args[0], Moment), args[1].data::<Moment>()) else {
            return added(vm, args, -1);
        };
        match one.zone.is(&other.zone) {
            _ if one.kind != other.kind => Ok(Value::NotImplemented),
            true => span(vm, Some(one.us() - other.us())),
            false => method_by_page(vm, "__sub__", &args[..2]),
        }
    }),
];

/// What `datetime` inherits from `date`.
const WEEK: &[Row] = &[
    method("toordinal()", |vm, args| Ok(Value::Int(this!(vm, args[0], Moment).ordinal()))),
    method("weekday()", |vm, args| Ok(Value::Int(weekday(this!(vm, args[0], Moment).day_number())))),
    method("isoweekday()", |vm, args| Ok(Value::Int(weekday(this!(vm, args[0], Moment).day_number()) + 1))),
];

/// So much time later, or earlier.
fn added(vm: &mut Vm, args: &[Value], sign: i128) -> Result {
    let (moment, Some(span)) = (this!(vm, args[0], Moment), args[1].data::<Span>()) else {
        return Ok(Value::NotImplemented);
    };
    let us = match moment.kind {
        Kind::Date => i128::from(span.days) * DAY_US,
        _ => span.us(),
    };
    let class = vm.class_of(&args[0]);
    match Moment::at(moment.kind, moment.us() + sign * us, moment.zone.clone()) {
        Some(moment) => made(vm, &class, moment),
        None => Err(vm.overflow_error("date value out of range")),
    }
}

/// What `time.strftime` does not know is put in first.
fn strftime(vm: &mut Vm, args: &[Value]) -> Result {
    let moment = this!(vm, args[0], Moment);
    let Some(format) = args[1].as_str() else {
        return Err(vm.type_error(format!("strftime() argument 1 must be str, not {}", vm.argument_name(&args[1]))));
    };
    let fields = moment.fields();
    let mut prepared = String::with_capacity(format.as_str().len());
    let mut rest = format.as_str();
    while let Some(at) = rest.find('%') {
        prepared.push_str(&rest[..at]);
        let code = &rest[at..];
        let end = code.char_indices().nth(2).map_or(code.len(), |(end, _)| end);
        let end = if code.starts_with("%:z") { 3 } else { end };
        match &code[..end] {
            "%f" => prepared.push_str(&format!("{:06}", moment.micro)),
            "%z" | "%:z" | "%Z" if moment.kind == Kind::Date => {}
            directive @ ("%z" | "%:z" | "%Z") => {
                let zone = vm.call_page("datetime", "_zone_text", &[args[0].clone(), Value::str(directive)])?;
                prepared.push_str(&zone.as_str().map_or("", |zone| zone.as_str()).replace('%', "%%"));
            }
            directive => prepared.push_str(directive),
        }
        rest = &code[end..];
    }
    prepared.push_str(rest);
    if prepared.contains('\0') {
        return Err(vm.value_error("embedded null character"));
    }
    Ok(Value::string(fields.written(&prepared)))
}

fn format(vm: &mut Vm, args: &[Value]) -> Result {
    match args[1].as_str() {
        Some(format) if format.is_empty() => vm.str(&args[0]).map(Value::Str),
        Some(_) => vm.call_method(&args[0], "strftime", &args[1..2]),
        None => Err(vm.type_error(format!("__format__() argument 1 must be str, not {}", vm.argument_name(&args[1])))),
    }
}

fn new_span(vm: &mut Vm, args: &[Value], named: &[Named]) -> Result {
    const NAMES: &[&str] = &["days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"];
    const UNITS: [i128; 7] = [DAY_US, SECOND, 1, 1000, 60 * SECOND, 3600 * SECOND, 7 * DAY_US];
    if let [Value::Class(class), given @ ..] = args {
        let mut parts = [const { Value::Int(0) }; 7];
        let whole = place(NAMES, &mut parts, given, named) && parts.iter().all(|part| matches!(part, Value::Int(_)));
        if whole {
            let us = parts.iter().zip(UNITS).map(|(part, unit)| i128::from(part.as_int().unwrap_or(0)) * unit).sum();
            return span_of(vm, class, Some(us));
        }
    }
    let class = vm.extension::<Classes>().span.clone();
    class.map_or(Ok(Value::None), |class| by_page(vm, &class, "__new__", args, named))
}

/// The row of an operator of two lengths.
macro_rules! of_two {
    ($signature:literal, $call:expr) => {
        method($signature, |vm, args| match (this!(vm, args[0], Span).us(), args[1].data::<Span>()) {
            (one, Some(other)) => $call(vm, one, other.us()),
            _ => Ok(Value::NotImplemented),
        })
    };
}

fn us_value(us: i128) -> Value {
    Value::int(us.into())
}

/// A length of as many microseconds as a number says.
fn span_counted(vm: &mut Vm, us: &Value) -> Result {
    span(vm, whole(us))
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some((*n).into()),
        value => value.as_bigint().and_then(|n| n.to_i128()),
    }
}

fn times(vm: &mut Vm, args: &[Value]) -> Result {
    let us = this!(vm, args[0], Span).us();
    if args[1].is_int() {
        let product = vm.binary(BinOp::Mul, &us_value(us), &args[1])?;
        return span_counted(vm, &product);
    }
    method_by_page(vm, "__mul__", &args[..2])
}

fn compare_spans(vm: &mut Vm, op: CmpOp, args: &[Value]) -> Result {
    match (this!(vm, args[0], Span).us(), args[1].data::<Span>()) {
        (one, Some(other)) => Ok(holds(op, one.cmp(&other.us()))),
        _ => Ok(Value::NotImplemented),
    }
}

const SPAN: &[Row] = &[
    new!(new_span),
    member("days", |vm, value| Ok(Value::Int(this!(vm, value, Span).days.into()))),
    member("seconds", |vm, value| Ok(Value::Int(this!(vm, value, Span).seconds.into()))),
    member("microseconds", |vm, value| Ok(Value::Int(this!(vm, value, Span).micros.into()))),
    method("_us()", |vm, args| Ok(us_value(this!(vm, args[0], Span).us()))),
    method("total_seconds()", |vm, args| {
        let us = us_value(this!(vm, args[0], Span).us());
        vm.binary(BinOp::Div, &us, &Value::Int(1_000_000))
    }),
    of_two!("__add__(value, /)", |vm: &mut Vm, a, b| span(vm, Some(a + b))),
    of_two!("__radd__(value, /)", |vm: &mut Vm, a, b| span(vm, Some(a + b))),
    of_two!("__sub__(value, /)", |vm: &mut Vm, a, b| span(vm, Some(a - b))),
    of_two!("__rsub__(value, /)", |vm: &mut Vm, a: i128, b| span(vm, Some(b - a))),
    of_two!("__mod__(value, /)", |vm: &mut Vm, a, b| {
        let rest = vm.binary(BinOp::Mod, &us_value(a), &us_value(b))?;
        span_counted(vm, &rest)
    }),
    of_two!("__divmod__(value, /)", |vm: &mut Vm, a, b| {
        let count = vm.binary(BinOp::FloorDiv, &us_value(a), &us_value(b))?;
        let rest = vm.binary(BinOp::Mod, &us_value(a), &us_value(b))?;
        Ok(Value::tuple([count, span_counted(vm, &rest)?]))
    }),
    method("__floordiv__(value, /)", |vm, args| {
        let us = us_value(this!(vm, args[0], Span).us());
        match args[1].data::<Span>() {
            Some(other) => vm.binary(BinOp::FloorDiv, &us, &us_value(other.us())),
            None if args[1].is_int() => {
                let part = vm.binary(BinOp::FloorDiv, &us, &args[1])?;
                span_counted(vm, &part)
            }
            None => Ok(Value::NotImplemented),
        }
    }),
    method("__truediv__(value, /)", |vm, args| match args[1].data::<Span>() {
        Some(other) => {
            let us = this!(vm, args[0], Span).us();
            vm.binary(BinOp::Div, &us_value(us), &us_value(other.us()))
        }
        None => method_by_page(vm, "__truediv__", &args[..2]),
    }),
    method("__mul__(value, /)", times),
    method("__rmul__(value, /)", times),
    method("__neg__()", |vm, args| {
        let us = this!(vm, args[0], Span).us();
        span(vm, Some(-us))
    }),
    method("__pos__()", |vm, args| {
        let us = this!(vm, args[0], Span).us();
        span(vm, Some(us))
    }),
    method("__abs__()", |vm, args| {
        let us = this!(vm, args[0], Span).us();
        span(vm, Some(us.abs()))
    }),
    compare!("__eq__(value, /)", Eq, compare_spans),
    compare!("__lt__(value, /)", Lt, compare_spans),
    compare!("__le__(value, /)", LtE, compare_spans),
    compare!("__gt__(value, /)", Gt, compare_spans),
    compare!("__ge__(value, /)", GtE, compare_spans),
    method("__hash__()", |vm, args| {
        let Span { days, seconds, micros } = *this!(vm, args[0], Span);
        Ok(Value::Int(hash_tuple([days, seconds, micros].map(|part| hash_i64(part.into())))))
    }),
    method("__bool__()", |vm, args| Ok(Value::bool(this!(vm, args[0], Span).us() != 0))),
    method("__str__()", |vm, args| {
        let Span { days, seconds, micros } = *this!(vm, args[0], Span);
        let mut text = match days {
            0 => String::new(),
            _ => format!("{days} day{}, ", if days.abs() == 1 { "" } else { "s" }),
        };
        text.push_str(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
        if micros > 0 {
            text.push_str(&format!(".{micros:06}"));
        }
        Ok(Value::string(text))
    }),
];

const CLOCK: &[Row] = &[
    part!("hour", hour),
    part!("minute", minute),
    part!("second", second),
    part!("microsecond", micro),
    part!("fold", fold),
    getter("tzinfo", |vm, value| Ok(this!(vm, value, Moment).zone.clone())),
    method("_local_us()", |vm, args| Ok(Value::int(this!(vm, args[0], Moment).us().into()))),
];

const TIME: &[Row] = &[new!(|vm: &mut Vm, args: &[Value], named: &[Named]| new_moment(vm, Kind::Time, args, named))];

const DATE: &[Row] = &[
    new!(|vm: &mut Vm, args: &[Value], named: &[Named]| new_moment(vm, Kind::Date, args, named)),
    part!("year", year),
    part!("month", month),
    part!("day", day),
    method("isoformat()", |vm, args| Ok(Value::string(this!(vm, args[0], Moment).date_text()))),
    method("__str__()", |vm, args| vm.call_method(&args[0], "isoformat", &[])),
    class_method("fromisoformat(date_string, /)", |vm, args| match read_moment(&args[1]) {
        Some((moment, Kind::Date)) => made_of(vm, args, Moment { kind: Kind::Date, ..moment }),
        _ => by_class(vm, Kind::Date, "fromisoformat", args),
    }),
    class_method("today()", |vm, args| {
        let own = vm.extension::<Classes>().date.clone();
        match &args[0] {
            Value::Class(class) if own.is_some_and(|own| Rc::ptr_eq(&own, class)) => {
                let now = now(vm);
                moment_at(vm, class, Kind::Date, now, Value::None)
            }
            _ => by_class(vm, Kind::Date, "today", args),
        }
    }),
];

const DATETIME: &[Row] = &[
    new!(|vm: &mut Vm, args: &[Value], named: &[Named]| new_moment(vm, Kind::DateTime, args, named)),
    method("isoformat(sep='T', timespec='auto')", |vm, args| {
        let moment = this!(vm, args[0], Moment);
        let (Some(sep), Some(spec)) = (args[1].as_str(), args[2].as_str()) else {
            return method_by_page(vm, "isoformat", args);
        };
        if sep.len() != 1 || spec.as_str() != "auto" {
            return method_by_page(vm, "isoformat", args);
        }
        iso_text(vm, &args[0], moment, sep.as_str())
    }),
    method("__str__()", |vm, args| {
        let class = vm.class_of(&args[0]);
        let moment = this!(vm, args[0], Moment);
        if vm.extension::<Classes>().datetime.as_ref().is_some_and(|own| Rc::ptr_eq(own, &class)) {
            return iso_text(vm, &args[0], moment, " ");
        }
        method_by_page(vm, "__str__", args)
    }),
    class_method("fromisoformat(date_string, /)", |vm, args| match read_moment(&args[1]) {
        Some((moment, _)) => made_of(vm, args, moment),
        None => by_class(vm, Kind::DateTime, "fromisoformat", args),
    }),
    class_method("now(tz=None)", |vm, args| {
        let now = now(vm);
        match &args[0] {
            Value::Class(class) => moment_at(vm, class, Kind::DateTime, now, args[1].clone()),
            _ => Ok(Value::None),
        }
    }),
    // So many microseconds after 1970 began, as a clock in a zone shows them.
    class_method("_from_us(us, tz, /)", |vm, args| match &args[0] {
        Value::Class(class) => {
            let us = whole(&args[1]).unwrap_or(i128::MAX);
            moment_at(vm, class, Kind::DateTime, us, args[2].clone())
        }
        _ => Ok(Value::None),
    }),
    method("timestamp()", |vm, args| {
        let moment = this!(vm, args[0], Moment);
        if !moment.zone.is_none() {
            return method_by_page(vm, "timestamp", args);
        }
        // CPython asks for the local time of a day before as well, of what comes second of a day after.
        match moment.ordinal() {
            1 if moment.fold == 0 => return Err(vm.value_error("year 0 is out of range")),
            LAST_DAY if moment.fold == 1 => return Err(vm.value_error("year 10000 is out of range")),
            _ => {}
        }
        let local = (moment.us() / SECOND) as i64 - BEFORE_1970 * DAY;
        let (offset, _) = local_offset(vm, local);
        let (offset, _) = local_offset(vm, local - offset);
        Ok(Value::float((local - offset) as f64 + f64::from(moment.micro) / 1e6))
    }),
    method("date()", |vm, args| {
        let moment = this!(vm, args[0], Moment).clone();
        part_of(vm, Kind::Date, moment)
    }),
    method("time()", |vm, args| {
        let moment = this!(vm, args[0], Moment).clone();
        part_of(vm, Kind::Time, Moment { zone: Value::None, ..moment })
    }),
    method("timetz()", |vm, args| {
        let moment = this!(vm, args[0], Moment).clone();
        part_of(vm, Kind::Time, moment)
    }),
];

/// What the page does for a class method.
fn by_class(vm: &mut Vm, kind: Kind, name: &str, args: &[Value]) -> Result {
    let own = vm.extension::<Classes>().of(kind).cloned();
    let kept = vm.intern(&kept(name));
    let found = own.and_then(|own| own.dict().get_str(&kept)).unwrap_or_default();
    let bound = match (&found, &args[0]) {
        (Value::Descriptor(_), Value::Class(class)) => vm.bind(&found, None, class)?,
        _ => found,
    };
    vm.call(&bound, &args[1..])
}

fn made_of(vm: &mut Vm, args: &[Value], moment: Moment) -> Result {
    match &args[0] {
        Value::Class(class) => made(vm, class, moment),
        _ => Ok(Value::None),
    }
}

/// Microseconds since 1970.
fn now(vm: &mut Vm) -> i128 {
    vm.host.clock.wall().div_euclid(1000)
}

/// A moment as a clock in a zone shows it, or as a local one.
fn moment_at(vm: &mut Vm, class: &Rc<Class>, kind: Kind, us: i128, zone: Value) -> Result {
    if !zone.is_none() && !is_zone(vm, &zone) {
        vm.call_page("datetime", "_check_tzinfo", std::slice::from_ref(&zone))?;
    }
    let seconds = check_moment(vm, i64::try_from(us.div_euclid(SECOND)).ok())?;
    let offset = if zone.is_none() { local_offset(vm, seconds).0 } else { 0 };
    let local = us + i128::from(offset + BEFORE_1970 * DAY) * SECOND;
    let Some(moment) = Moment::at(kind, local, zone.clone()) else {
        let year = date_of(local.div_euclid(DAY_US).clamp(-1 << 40, 1 << 40) as i64 - BEFORE_1970).0;
        return Err(vm.value_error(format!("year {year} is out of range")));
    };
    let moment = made(vm, class, moment)?;
    if zone.is_none() { Ok(moment) } else { vm.call_method(&zone, "fromutc", &[moment]) }
}

fn iso_text(vm: &mut Vm, value: &Value, moment: &Moment, sep: &str) -> Result {
    let mut text = moment.date_text();
    text.push_str(&format!("{sep}{:02}:{:02}:{:02}", moment.hour, moment.minute, moment.second));
    if moment.micro > 0 {
        text.push_str(&format!(".{:06}", moment.micro));
    }
    if !moment.zone.is_none() {
        let zone = vm.call_page("datetime", "_zone_text", &[value.clone(), Value::str("%:z")])?;
        text.push_str(zone.as_str().map_or("", |zone| zone.as_str()));
    }
    Ok(Value::string(text))
}

/// `YYYY-MM-DD`, with a time of day behind it in any of the usual forms without a zone, and which of the two it is.
fn read_moment(text: &Value) -> Option<(Moment, Kind)> {
    let text = text.as_str().filter(|text| text.is_ascii())?.as_str().as_bytes();
    let number = |at: usize, len: usize| {
        let digits = text.get(at..at + len)?;
        digits.iter().try_fold(0i64, |n, digit| digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, wanted: u8| (text.get(at) == Some(&wanted)).then_some(());
    is(4, b'-').and(is(7, b'-'))?;
    let mut parts = [number(0, 4)?, number(5, 2)?, number(8, 2)?, 0, 0, 0, 0, 0].map(Value::Int).to_vec();
    match text.len() {
        10 => {}
        16 | 19 | 26 => {
            is(13, b':')?;
            (parts[3], parts[4]) = (Value::Int(number(11, 2)?), Value::Int(number(14, 2)?));
            if text.len() > 16 {
                is(16, b':')?;
                parts[5] = Value::Int(number(17, 2)?);
            }
            if text.len() > 19 {
                is(19, b'.')?;
                parts[6] = Value::Int(number(20, 6)?);
            }
        }
        _ => return None,
    }
    parts.insert(7, Value::None);
    Some((numbers(Kind::DateTime, &parts)?, if text.len() == 10 { Kind::Date } else { Kind::DateTime }))
}
