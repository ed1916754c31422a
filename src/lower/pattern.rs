//! `match`: a pattern becomes a closure that tests a value and collects what it captures; names are bound only when the
//! whole pattern has matched.

use smallvec::SmallVec;

use super::prelude::*;
use crate::object::class::Layout;
use crate::syntax::ast::{MatchCase, Pattern, PatternKind};

/// Captured values with the number of the name each is for.
type Captures = SmallVec<[(usize, Value); 4]>;
type Test = Box<dyn Fn(&mut Vm, &mut Frame, &Value, &mut Captures) -> Eval<bool>>;

impl Lower<'_> {
    pub(super) fn match_stmt(&mut self, subject: Expr, cases: Vec<MatchCase>) {
        let span = subject.span;
        let slot = self.value_to_temp(subject) as usize;
        let mut done = Vec::new();
        for case in cases {
            let depth = self.unit.next_slot;
            let pattern_span = case.pattern.span;
            let mut names = Vec::new();
            let test = self.pattern(case.pattern, &mut names);
            let stores: Vec<Store> = names.into_iter().map(|name| self.store_name(name)).collect();
            let cond = Box::new(move |vm: &mut Vm, frame: &mut Frame| {
                let value = frame.locals[slot].clone();
                let mut captures = Captures::new();
                if !test(vm, frame, &value, &mut captures).at(pattern_span)? {
                    return Ok(false);
                }
                for (at, value) in captures {
                    stores[at](vm, frame, value)?;
                }
                Ok(true)
            });
            let mut skips = vec![self.emit(Step::JumpIfNot(cond, 0), pattern_span)];
            if let Some(guard) = case.guard {
                let guard_span = guard.span;
                let guard = self.hoist(guard);
                let guard = self.cond(guard);
                skips.push(self.emit(Step::JumpIfNot(guard, 0), guard_span));
            }
            self.unit.next_slot = depth;
            // A subject that nothing else refers to dies before the body runs.
            self.clear_slot(slot as u32, span);
            self.body(case.body);
            done.push(self.emit(Step::Jump(0), span));
            for skip in skips {
                self.patch(skip);
            }
        }
        self.clear_slot(slot as u32, span);
        for jump in done {
            self.patch(jump);
        }
    }

    fn capture(names: &mut Vec<Symbol>, name: Symbol) -> usize {
        names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        })
    }

    fn pattern(&mut self, pattern: Pattern, names: &mut Vec<Symbol>) -> Test {
        let span = pattern.span;
        match pattern.kind {
            PatternKind::Value(value) => {
                let value = self.expr(value);
                Box::new(move |vm, frame, subject, _| {
                    let value = value(vm, frame)?;
                    vm.equals(subject, &value).at(span)
                })
            }
            PatternKind::Singleton(value) => {
                let value = self.expr(value);
                Box::new(move |vm, frame, subject, _| Ok(subject.is(&value(vm, frame)?)))
            }
            PatternKind::As { pattern, name } => {
                let inner = pattern.map(|pattern| self.pattern(*pattern, names));
                let name = name.map(|name| Self::capture(names, name.name));
                Box::new(move |vm, frame, subject, captures| {
                    if let Some(inner) = &inner {
                        if !inner(vm, frame, subject, captures)? {
                            return Ok(false);
                        }
                    }
                    captures.extend(name.map(|name| (name, subject.clone())));
                    Ok(true)
                })
            }
            PatternKind::Or(alternatives) => {
                let tests: Vec<Test> = alternatives.into_iter().map(|p| self.pattern(p, names)).collect();
                Box::new(move |vm, frame, subject, captures| {
                    let before = captures.len();
                    for test in &tests {
                        if test(vm, frame, subject, captures)? {
                            return Ok(true);
                        }
                        captures.truncate(before);
                    }
                    Ok(false)
                })
            }
            PatternKind::Sequence(patterns) => self.sequence_pattern(patterns, span, names),
            // A star stands only inside a sequence, which deals with it.
            PatternKind::Star(_) => Box::new(|_, _, _, _| Ok(true)),
            PatternKind::Mapping { keys, patterns, rest } => {
                self.mapping_pattern(keys, patterns, rest.map(|r| r.name), span, names)
            }
            PatternKind::Class { cls, patterns, kwd_attrs, kwd_patterns } => {
                let cls = self.expr(cls);
                let positional: Vec<Test> = patterns.into_iter().map(|p| self.pattern(p, names)).collect();
                let keywords: Vec<(Rc<Str>, Test)> = kwd_attrs
                    .into_iter()
                    .zip(kwd_patterns)
                    .map(|(attr, p)| (self.vm.name(attr.name).clone(), self.pattern(p, names)))
                    .collect();
                class_pattern(cls, positional, keywords, span)
            }
        }
    }

    fn sequence_pattern(&mut self, patterns: Vec<Pattern>, span: Span, names: &mut Vec<Symbol>) -> Test {
        let mut before = Vec::new();
        let mut after = Vec::new();
        let mut star: Option<Option<usize>> = None;
        // Items that are only counted are not looked at.
        let is_wild = |pattern: &Pattern| matches!(pattern.kind, PatternKind::As { pattern: None, name: None });
        let all_wild =
            patterns.iter().all(|pattern| is_wild(pattern) || matches!(pattern.kind, PatternKind::Star(None)));
        for pattern in patterns {
            match pattern.kind {
                PatternKind::Star(name) => star = Some(name.map(|name| Self::capture(names, name.name))),
                _ if star.is_some() => after.push((is_wild(&pattern), self.pattern(pattern, names))),
                _ => before.push((is_wild(&pattern), self.pattern(pattern, names))),
            }
        }
        Box::new(move |vm, frame, subject, captures| {
            let least = before.len() + after.len();
            if least == 0 && star.is_some() {
                // Any length will do.
                let matches = vm.matches_sequence(subject).at(span)?;
                if !matches || star == Some(None) {
                    return Ok(matches);
                }
            } else {
                let Some(count) = vm.sequence_length(subject).at(span)? else { return Ok(false) };
                if count < least || (star.is_none() && count != least) {
                    return Ok(false);
                }
            }
            if all_wild {
                return Ok(true);
            }
            if star == Some(None) {
                // What the star skips is not looked at, the others are asked for one by one.
                for (at, (_, test)) in before.iter().enumerate().filter(|(_, (wild, _))| !wild) {
                    let item = vm.get_item(subject, &Value::usize(at)).at(span)?;
                    if !test(vm, frame, &item, captures)? {
                        return Ok(false);
                    }
                }
                for (at, (_, test)) in after.iter().enumerate().filter(|(_, (wild, _))| !wild) {
                    let at = (vm.len(subject).at(span)? + at).saturating_sub(after.len());
                    let item = vm.get_item(subject, &Value::usize(at)).at(span)?;
                    if !test(vm, frame, &item, captures)? {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
            // From here on the items are what an assignment would unpack, whatever the length was said to be.
            let mut items = match star {
                Some(_) => vm.unpack_star(subject, before.len(), after.len()),
                None => vm.unpack(subject, least),
            }
            .at(span)?;
            if let Some(Some(name)) = star {
                captures.push((name, items.remove(before.len())));
            }
            for ((_, test), item) in before.iter().chain(&after).zip(&items) {
                if !test(vm, frame, item, captures)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn mapping_pattern(
        &mut self,
        keys: Vec<Expr>,
        patterns: Vec<Pattern>,
        rest: Option<Symbol>,
        span: Span,
        names: &mut Vec<Symbol>,
    ) -> Test {
        let keys: Vec<Thunk> = keys.into_iter().map(|key| self.expr(key)).collect();
        let tests: Vec<Test> = patterns.into_iter().map(|p| self.pattern(p, names)).collect();
        let rest = rest.map(|name| Self::capture(names, name));
        Box::new(move |vm, frame, subject, captures| {
            if !vm.matches_mapping(subject).at(span)? {
                return Ok(false);
            }
            if !keys.is_empty() && vm.len(subject).at(span)? < keys.len() {
                return Ok(false);
            }
            let seen = Rc::new(Dict::new());
            let get = vm.name(sym::get).clone();
            let missing = Value::list(Vec::new());
            // All keys are looked up before any value is compared.
            let mut values = Vec::with_capacity(keys.len());
            for key in &keys {
                let key = key(vm, frame)?;
                if vm.dict_contains(&seen, &key).at(span)? {
                    let shown = vm.repr(&key).at(span)?;
                    let message = format!("mapping pattern checks duplicate key ({shown})");
                    return Err(vm.value_error(message).at(span).into());
                }
                vm.dict_set(&seen, key.clone(), Value::None).at(span)?;
                let found = match subject {
                    Value::Dict(dict) => vm.dict_get(dict, &key).at(span)?.unwrap_or_else(|| missing.clone()),
                    other => {
                        let get = vm.get_attr(other, &get).at(span)?;
                        vm.call(&get, &[key, missing.clone()]).at(span)?
                    }
                };
                if found.is(&missing) {
                    return Ok(false);
                }
                values.push(found);
            }
            for (value, test) in values.iter().zip(&tests) {
                if !test(vm, frame, value, captures)? {
                    return Ok(false);
                }
            }
            if let Some(rest) = rest {
                let left = Rc::new(Dict::new());
                vm.dict_update(&left, subject).at(span)?;
                for key in seen.keys() {
                    vm.dict_remove(&left, &key).at(span)?;
                }
                captures.push((rest, Value::dict(left)));
            }
            Ok(true)
        })
    }
}

fn class_pattern(cls: Thunk, positional: Vec<Test>, keywords: Vec<(Rc<Str>, Test)>, span: Span) -> Test {
    Box::new(move |vm, frame, subject, captures| {
        let cls = cls(vm, frame)?;
        let Value::Class(class) = &cls else {
            return Err(vm.type_error("called match pattern must be a class").at(span).into());
        };
        if !vm.isinstance(subject, &cls).at(span)? {
            return Ok(false);
        }
        // All attributes are looked up before the first of them is tested.
        let mut names: Vec<Value> = Vec::new();
        let mut itself = false;
        if !positional.is_empty() {
            let accepted = match vm.get_attr_opt(&cls, sym::__match_args__).at(span)? {
                Some(Value::Tuple(accepted)) => accepted.to_vec(),
                Some(other) => {
                    let (name, found) = (class.name.borrow().clone(), vm.type_name(&other));
                    let message = format!("{name}.__match_args__ must be a tuple (got {found})");
                    return Err(vm.type_error(message).at(span).into());
                }
                None => {
                    // Built-in types match their one positional pattern against the value itself.
                    itself = vm.matches_itself(class);
                    Vec::new()
                }
            };
            let count = if itself { 1 } else { accepted.len() };
            if count < positional.len() {
                return Err(vm.pattern_count(class, count, positional.len()).at(span).into());
            }
            names = accepted;
            names.truncate(positional.len());
        }
        names.extend(keywords.iter().map(|(name, _)| Value::Str(name.clone())));
        let mut values = if itself { vec![subject.clone()] } else { Vec::new() };
        for (at, name) in names.iter().enumerate() {
            let Some(name) = name.as_str() else {
                let found = vm.type_name(name);
                let message = format!("__match_args__ elements must be strings (got {found})");
                return Err(vm.type_error(message).at(span).into());
            };
            if names[..at].iter().any(|known| known.as_str().is_some_and(|known| known.as_str() == name.as_str())) {
                let class = class.name.borrow().clone();
                let message = format!("{class}() got multiple sub-patterns for attribute '{name}'");
                return Err(vm.type_error(message).at(span).into());
            }
            match vm.get_attr_opt(subject, name).at(span)? {
                Some(value) => values.push(value),
                None => return Ok(false),
            }
        }
        for (test, value) in positional.iter().chain(keywords.iter().map(|(_, test)| test)).zip(&values) {
            if !test(vm, frame, value, captures)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

impl Vm {
    fn pattern_count(&mut self, class: &crate::object::Class, accepts: usize, given: usize) -> Error {
        self.type_error(format!(
            "{}() accepts {accepts} positional sub-pattern{} ({given} given)",
            class.name.borrow(),
            if accepts == 1 { "" } else { "s" }
        ))
    }

    fn matches_itself(&self, class: &Rc<crate::object::Class>) -> bool {
        let types = &self.types;
        [
            &types.bool_, &types.bytearray, &types.bytes, &types.dict, &types.float, &types.frozenset, &types.int,
            &types.list, &types.set, &types.str_, &types.tuple,
        ]
        .iter()
        .any(|known| class.is_subclass(known))
    }

    fn matches_sequence(&mut self, subject: &Value) -> Result<bool> {
        Ok(match subject {
            Value::List(_) | Value::Tuple(_) | Value::Range(_) => true,
            Value::Instance(_) => self.collection_kind(subject)? == Some("Sequence"),
            _ => false,
        })
    }

    /// The length of what a sequence pattern may match.
    fn sequence_length(&mut self, subject: &Value) -> Result<Option<usize>> {
        Ok(match subject {
            Value::List(list) => Some(list.len()),
            Value::Tuple(tuple) => Some(tuple.len()),
            other if self.matches_sequence(other)? => Some(self.len(other)?),
            _ => None,
        })
    }

    fn matches_mapping(&mut self, subject: &Value) -> Result<bool> {
        Ok(match subject {
            Value::Dict(_) => true,
            Value::Instance(_) => self.collection_kind(subject)? == Some("Mapping"),
            _ => false,
        })
    }

    /// Whether an instance is a sequence or a mapping to a pattern: what comes first among its base classes, or else
    /// what it is registered as.
    fn collection_kind(&mut self, subject: &Value) -> Result<Option<&'static str>> {
        let class = self.class_of(subject);
        let module = self.loaded("collections.abc");
        let mut abstracts = Vec::new();
        for kind in ["Sequence", "Mapping"] {
            if let Some(module) = &module {
                abstracts.push((self.get_attr(module, kind)?, kind));
            }
        }
        let lineage = class.mro();
        for base in lineage.iter() {
            let types = &self.types;
            if [&types.list, &types.tuple, &types.range].iter().any(|known| Rc::ptr_eq(known, base))
                || base.layout == Layout::DEQUE
            {
                return Ok(Some("Sequence"));
            }
            if Rc::ptr_eq(&types.dict, base) {
                return Ok(Some("Mapping"));
            }
            let base = Value::Class(base.clone());
            if let Some((_, kind)) = abstracts.iter().find(|(class, _)| class.is(&base)) {
                return Ok(Some(kind));
            }
        }
        // Text is registered as a sequence, but is none to a pattern.
        let types = &self.types;
        let text = [&types.str_, &types.bytes, &types.bytearray];
        if lineage.iter().any(|base| text.iter().any(|known| Rc::ptr_eq(known, base))) {
            return Ok(None);
        }
        for (class, kind) in abstracts {
            if self.isinstance(subject, &class)? {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }
}
