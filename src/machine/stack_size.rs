//! How much of its stack CPython's compiler has a function use.
//!
//! What a frame takes there decides where CPython begins a new piece of its stack, and a constructor called in a place that
//! has called it before counts twice toward the recursion limit unless one begins with it. So it is asked for where
//! constructors reach the limit, and read from the text then.

use std::collections::HashMap;

use super::prelude::*;
use crate::object::code::CodeKind;
use crate::source::Source;
use crate::symbol::{Interner, Symbol};
use crate::syntax::ast::*;
use crate::syntax::{Parsed, parse_module};

/// Of more values than this a display or a call makes no use of the stack.
const GUIDELINE: usize = 30;
/// The words of a piece of the stack.
const PIECE: u32 = 2045;
/// What a frame takes beside its variables and values, and what the one below that of an `__init__` takes.
const FRAME: u32 = 9;
const BELOW: u32 = 11;
/// The frames of an event loop.
const LOOP: u32 = 3;
/// About what a function of CPython's library takes.
const LIBRARY: u32 = 20;

#[derive(Clone, Default)]
struct Size {
    /// The most values on the stack.
    most: u32,
    /// The variables of its comprehensions, which are its own to CPython.
    inlined: Vec<Symbol>,
}

/// The texts that were read, with the sizes in them.
#[derive(Default)]
struct Known(HashMap<usize, (Rc<Source>, HashMap<Span, Size>)>);

impl Vm {
    /// How many values CPython has on the stack of a code at most.
    pub fn stack_size(&mut self, code: &Code) -> u32 {
        self.size_of(code).most
    }

    fn size_of(&mut self, code: &Code) -> Size {
        let key = Rc::as_ptr(&code.source) as usize;
        if !self.extension::<Known>().0.contains_key(&key) {
            let sizes = sizes_in(&code.source, &mut self.interner);
            self.sync_names();
            self.extension::<Known>().0.insert(key, (code.source.clone(), sizes));
        }
        let span = if code.kind == CodeKind::Module { whole(&code.source) } else { code.span };
        let known = self.extension::<Known>().0.get(&key);
        let mut size = known.and_then(|(_, sizes)| sizes.get(&span)).cloned().unwrap_or_default();
        // A function that takes variables with it is made of two things.
        let least = if code.inner.iter().any(|inner| !inner.free.is_empty()) { 2 } else { 1 };
        size.most = size.most.max(least);
        size
    }

    /// How many of the constructors under way count once although their places have called them before.
    pub(super) fn counted_once(&mut self) -> u32 {
        if self.constructing.is_empty() {
            return 0;
        }
        let entered = self.constructing.last().filter(|(at, _)| *at as usize == self.calls.len());
        let codes: Vec<_> = self.calls.iter().map(|site| site.code).chain(entered.map(|&(_, code)| code)).collect();
        let twice = self.constructing.clone();
        // An event loop's are not among the calls, nor need the running frame be. What awaits has no place on the stack.
        let hidden = self.depth.saturating_sub((self.calls.len() + twice.len()) as u32);
        let hidden = if hidden < LOOP { 0 } else { LOOP };
        let mut twice = twice.into_iter().map(|(at, _)| at as usize).peekable();
        let mut sizes = HashMap::new();
        let (mut words, mut once) = (1 + hidden * LIBRARY, 0);
        for (at, id) in codes.into_iter().enumerate() {
            let size = match sizes.get(&id) {
                Some(&size) => size,
                None => {
                    let size = self.code_by_id(id).map_or(LIBRARY, |code| self.frame_words(&code));
                    sizes.insert(id, size);
                    size
                }
            };
            let is_twice = twice.next_if(|&twice| twice <= at).is_some();
            if is_twice {
                if size + BELOW + words < PIECE {
                    words += BELOW;
                } else {
                    once += 1;
                }
            }
            words = if size + words < PIECE { words + size } else { size };
        }
        once
    }

    fn frame_words(&mut self, code: &Code) -> u32 {
        match code.kind {
            // These have theirs elsewhere.
            CodeKind::Generator | CodeKind::Coroutine | CodeKind::AsyncGenerator => 0,
            _ if code.source.library => LIBRARY,
            _ => {
                let size = self.size_of(code);
                let inlined = size.inlined.iter().filter(|&&name| !code.variables.contains(self.name(name))).count();
                let variables = code.variables.len() + inlined + code.free.len();
                (FRAME + variables as u32 + size.most).min(PIECE - 1)
            }
        }
    }
}

fn whole(source: &Source) -> Span {
    Span { start: 0, end: source.text.len() as u32 }
}

/// The sizes of all functions, classes and generator expressions of a text, by their places.
fn sizes_in(source: &Rc<Source>, interner: &mut Interner) -> HashMap<Span, Size> {
    let mut sizes = Sizes { own: Size::default(), found: HashMap::new() };
    if let Parsed::Complete(module) = parse_module(source, interner) {
        sizes.own(whole(source), |sizes| sizes.block(&module.body, 0));
    }
    sizes.found
}

/// `base` is everywhere how many values lie on the stack already.
struct Sizes {
    own: Size,
    found: HashMap<Span, Size>,
}

impl Sizes {
    fn at(&mut self, values: u32) {
        self.own.most = self.own.most.max(values);
    }

    /// What has a frame of its own.
    fn own(&mut self, span: Span, body: impl FnOnce(&mut Sizes)) {
        let outer = std::mem::take(&mut self.own);
        body(self);
        let own = std::mem::replace(&mut self.own, outer);
        self.found.insert(span, own);
    }

    fn block(&mut self, body: &[Stmt], base: u32) {
        body.iter().for_each(|stmt| self.stmt(stmt, base));
    }

    fn exprs<'e>(&mut self, values: impl IntoIterator<Item = &'e Expr>, base: u32) {
        for (at, value) in (base..).zip(values) {
            self.expr(value, at);
        }
    }

    fn stmt(&mut self, stmt: &Stmt, base: u32) {
        match &stmt.kind {
            StmtKind::Expr(value) if matches!(value.kind, ExprKind::Constant(_)) => {}
            StmtKind::Expr(value) => self.expr(value, base),
            StmtKind::Assign { targets, value } => {
                self.expr(value, base);
                self.at(base + if targets.len() > 1 { 2 } else { 1 });
                for (at, target) in targets.iter().enumerate() {
                    self.store(target, base + if at + 1 < targets.len() { 2 } else { 1 });
                }
            }
            StmtKind::AugAssign { target, value, .. } => {
                let kept = match &target.kind {
                    ExprKind::Attribute { .. } => 1,
                    ExprKind::Subscript { index, .. } => match &index.kind {
                        ExprKind::Slice { step: None, .. } => 3,
                        _ => 2,
                    },
                    _ => 0,
                };
                self.expr(target, base);
                self.at(base + 2 * kept);
                self.expr(value, base + kept + 1);
            }
            StmtKind::AnnAssign { target, value, .. } => {
                if let Some(value) = value {
                    self.expr(value, base);
                    self.store(target, base + 1);
                }
            }
            StmtKind::Return(value) => value.iter().for_each(|value| self.expr(value, base)),
            StmtKind::Delete(targets) => targets.iter().for_each(|target| self.delete(target, base)),
            StmtKind::Raise { exc, cause } => self.exprs(exc.iter().chain(cause), base),
            StmtKind::Assert { test, msg } => {
                self.jump(test, base);
                self.at(base + 1);
                msg.iter().for_each(|msg| self.expr(msg, base + 1));
            }
            StmtKind::Import(_) | StmtKind::ImportFrom { .. } => self.at(base + 2),
            StmtKind::If { test, body, orelse } | StmtKind::While { test, body, orelse } => {
                self.jump(test, base);
                self.block(body, base);
                self.block(orelse, base);
            }
            StmtKind::For { target, iter, body, orelse, is_async } => {
                self.expr(iter, base);
                self.at(base + if *is_async { 3 } else { 2 });
                self.store(target, base + 2);
                self.block(body, base + 1);
                self.block(orelse, base);
            }
            StmtKind::Try { body, handlers, orelse, finalbody, .. } => {
                // While `finally` is waiting, nothing of it is on the stack.
                self.at(base + 4);
                self.block(body, base);
                for handler in handlers {
                    handler.kind.iter().for_each(|kind| self.expr(kind, base + 2));
                    self.block(&handler.body, base + 1);
                    if handler.name.is_some() {
                        self.at(base + 4);
                    }
                }
                self.block(orelse, base);
                self.block(finalbody, base);
                self.block(finalbody, base + 2);
            }
            StmtKind::With { items, body, is_async } => {
                for (at, item) in (base..).zip(items) {
                    self.expr(&item.context, at);
                    item.target.iter().for_each(|target| self.store(target, at + 2));
                    self.at(at + if *is_async { 7 } else { 6 });
                }
                self.block(body, base + items.len() as u32);
            }
            StmtKind::FunctionDef(def) => {
                self.exprs(&def.decorators, base);
                let below = base + def.decorators.len() as u32;
                self.function(&def.params, def.returns.as_ref(), below);
                self.own(from_decorators(&def.decorators, stmt.span), |sizes| sizes.block(&def.body, 0));
            }
            StmtKind::ClassDef(def) => {
                self.exprs(&def.decorators, base);
                let below = base + def.decorators.len() as u32;
                self.at(below + 4);
                self.arguments(&def.args, below + 2, 2);
                self.own(from_decorators(&def.decorators, stmt.span), |sizes| sizes.block(&def.body, 0));
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject, base);
                for case in cases {
                    let copied = u32::from(cases.len() > 2);
                    self.at(base + copied + if matches!(case.pattern.kind, PatternKind::Value(_)) { 2 } else { 1 });
                    case.guard.iter().for_each(|guard| self.jump(guard, base));
                    self.block(&case.body, base);
                }
            }
            StmtKind::TypeAlias { .. } => self.at(base + 4),
            StmtKind::Global(_) | StmtKind::Nonlocal(_) | StmtKind::Pass | StmtKind::Break | StmtKind::Continue => {}
        }
    }

    /// The value to be stored is the last of `base`.
    fn store(&mut self, target: &Expr, base: u32) {
        match &target.kind {
            ExprKind::Attribute { value, .. } => self.expr(value, base),
            ExprKind::Subscript { value, index } => self.item(value, index, base),
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                let count = items.len() as u32;
                self.at(base - 1 + count);
                for (at, item) in (0..count).zip(items) {
                    self.store(item, base - 1 + count - at);
                }
            }
            ExprKind::Starred(inner) => self.store(inner, base),
            _ => {}
        }
    }

    fn delete(&mut self, target: &Expr, base: u32) {
        match &target.kind {
            ExprKind::Attribute { value, .. } => self.expr(value, base),
            ExprKind::Subscript { value, index } => self.item(value, index, base),
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|item| self.delete(item, base)),
            _ => {}
        }
    }

    fn item(&mut self, value: &Expr, index: &Expr, base: u32) {
        self.expr(value, base);
        self.expr(index, base + 1);
    }

    /// A condition: nothing stays of it.
    fn jump(&mut self, test: &Expr, base: u32) {
        match &test.kind {
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => self.jump(operand, base),
            ExprKind::BoolOp { values, .. } => values.iter().for_each(|value| self.jump(value, base)),
            ExprKind::IfExp { test, body, orelse } => {
                [test, body, orelse].into_iter().for_each(|part| self.jump(part, base));
            }
            ExprKind::Constant(_) => {}
            _ => self.expr(test, base),
        }
    }

    fn expr(&mut self, value: &Expr, base: u32) {
        self.at(base + 1);
        match &value.kind {
            ExprKind::Constant(_) | ExprKind::Name(_) | ExprKind::Temp(_) => {}
            ExprKind::JoinedStr(parts) => self.text(parts, base),
            ExprKind::Tuple(_) if is_constant(value) => {}
            ExprKind::List(items) | ExprKind::Set(items) if items.len() > 2 && items.iter().all(is_constant) => {
                self.at(base + 2);
            }
            ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => self.items(items, base),
            ExprKind::Dict(pairs) => self.dict(pairs, base),
            ExprKind::Starred(inner) | ExprKind::UnaryOp { operand: inner, .. } => self.expr(inner, base),
            ExprKind::BoolOp { values, .. } => {
                self.at(base + 2);
                values.iter().for_each(|value| self.expr(value, base));
            }
            ExprKind::BinOp { .. } if is_constant(value) => {}
            ExprKind::BinOp { first, rest } => {
                self.expr(first, base);
                rest.iter().for_each(|(_, operand)| self.expr(operand, base + 1));
            }
            ExprKind::Compare { first, rest } => {
                self.expr(first, base);
                if rest.len() > 1 {
                    self.at(base + 3);
                }
                rest.iter().for_each(|(_, operand)| self.expr(operand, base + 1));
            }
            ExprKind::Lambda(lambda) => {
                self.function(&lambda.params, None, base);
                self.own(value.span, |sizes| sizes.expr(&lambda.body, 0));
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.jump(test, base);
                self.expr(body, base);
                self.expr(orelse, base);
            }
            ExprKind::Call { func, args } => {
                match &func.kind {
                    ExprKind::Attribute { value, .. } => self.object(value, base),
                    _ => self.expr(func, base),
                }
                self.at(base + 2);
                self.arguments(args, base + 2, 0);
            }
            ExprKind::Attribute { value, .. } => self.object(value, base),
            ExprKind::Subscript { value, index } => self.item(value, index, base),
            ExprKind::Slice { lower, upper, step } => {
                self.at(base + 2);
                for (at, part) in (base..).zip([lower, upper, step]) {
                    part.iter().for_each(|part| self.expr(part, at));
                }
            }
            ExprKind::Await(inner) | ExprKind::YieldFrom(inner) => {
                self.expr(inner, base);
                self.at(base + 3);
            }
            ExprKind::Yield(inner) => inner.iter().for_each(|inner| self.expr(inner, base)),
            ExprKind::NamedExpr { value, .. } => {
                self.expr(value, base);
                self.at(base + 2);
            }
            ExprKind::ListComp(comp) | ExprKind::SetComp(comp) | ExprKind::DictComp(comp) => {
                self.comprehension(comp, base);
            }
            ExprKind::GeneratorExp(comp) => {
                self.at(base + 2);
                comp.generators.first().iter().for_each(|first| self.expr(&first.iter, base + 1));
                self.own(value.span, |sizes| sizes.rounds(comp, 0));
            }
        }
    }

    /// What an attribute is asked of. `super()` is not called for it.
    fn object(&mut self, value: &Expr, base: u32) {
        match &value.kind {
            ExprKind::Call { func, args }
                if matches!(func.kind, ExprKind::Name(name) if name == sym::super_) && matches!(args.len(), 0 | 2) =>
            {
                self.at(base + 3);
                self.exprs(args.iter().map(Arg::value), base + 1);
            }
            _ => self.expr(value, base),
        }
    }

    fn text(&mut self, parts: &[FStringPart], base: u32) {
        let (mut at, mut follows) = (base, false);
        for part in parts {
            self.at(at + 1);
            let literal = std::mem::replace(&mut follows, matches!(part, FStringPart::Literal(_)));
            if let FStringPart::Field(field) = part {
                // The text of `x=` goes with the one before.
                at += u32::from(field.debug.is_some() && !literal);
                self.expr(&field.value, at);
                field.format_spec.iter().for_each(|spec| self.text(spec, at + 1));
            }
            at += 1;
        }
    }

    /// The items of a display or of a call: from the first `*` on, or if there are many, they are appended to a list.
    fn items(&mut self, items: &[Expr], base: u32) {
        let mut appended = items.len() > GUIDELINE;
        for (at, item) in (base..).zip(items) {
            appended |= matches!(item.kind, ExprKind::Starred(_));
            self.expr(item, if appended { base + 1 } else { at });
        }
    }

    fn dict(&mut self, pairs: &[(Option<Expr>, Expr)], base: u32) {
        let constant = |(key, _): &(Option<Expr>, Expr)| key.as_ref().is_some_and(is_constant);
        if pairs.len() > 1 && 2 * pairs.len() <= GUIDELINE && pairs.iter().all(constant) {
            self.exprs(pairs.iter().map(|(_, value)| value), base);
            self.at(base + pairs.len() as u32 + 1);
            return;
        }
        let unpacked = pairs.iter().any(|(key, _)| key.is_none());
        let mut at = base + u32::from(unpacked || 2 * pairs.len() > GUIDELINE);
        for (key, value) in pairs {
            let Some(key) = key else {
                self.expr(value, base + 1);
                at = base + 1;
                continue;
            };
            self.expr(key, at);
            self.expr(value, at + 1);
            if 2 * pairs.len() <= GUIDELINE {
                at += 2;
            }
        }
    }

    /// What follows the called object, `given` arguments of which are there already.
    fn arguments(&mut self, args: &[Arg], base: u32, given: u32) {
        let has = |wanted: fn(&Arg) -> bool| args.iter().any(wanted);
        let (stars, doubles) = (has(|arg| matches!(arg, Arg::Star(..))), has(|arg| matches!(arg, Arg::DoubleStar(..))));
        let keywords = || args.iter().filter(|arg| matches!(arg, Arg::Keyword(..) | Arg::DoubleStar(..)));
        let positional = || args.iter().filter(|arg| matches!(arg, Arg::Positional(_) | Arg::Star(..)));
        if !stars && !doubles && args.len() <= GUIDELINE {
            self.exprs(args.iter().map(Arg::value), base + given);
            if keywords().next().is_some() {
                self.at(base + given + args.len() as u32 + 1);
            }
            return;
        }
        let mut appended = given == 0 && positional().count() > GUIDELINE;
        let alone = given == 0 && positional().count() == 1;
        for (at, arg) in (base + given..).zip(positional()) {
            let star = matches!(arg, Arg::Star(..)) && !alone;
            appended |= star;
            self.expr(arg.value(), if appended { base + 1 } else { at });
        }
        self.at(base + 1);
        let count = keywords().count() as u32;
        if doubles {
            self.at(base + 2);
            keywords().for_each(|arg| self.expr(arg.value(), base + 2));
        } else if count == 1 {
            keywords().for_each(|arg| self.expr(arg.value(), base + 2));
        } else if count > 1 {
            self.exprs(keywords().map(Arg::value), base + 1);
            self.at(base + count + 2);
        }
    }

    /// A function or lambda is made.
    fn function(&mut self, params: &Params, returns: Option<&Expr>, base: u32) {
        let mut base = base;
        let positional = || params.posonly.iter().chain(&params.args).filter_map(|param| param.default.as_ref());
        if positional().next().is_some() {
            self.at(base + 1);
            if !positional().all(is_constant) {
                self.exprs(positional(), base);
            }
            base += 1;
        }
        let named = || params.kwonly.iter().filter_map(|param| param.default.as_ref());
        let count = named().count() as u32;
        if count > 0 {
            self.exprs(named(), base + u32::from(count == 1));
            self.at(base + if count == 1 { 2 } else { count + 1 });
            base += 1;
        }
        let all = params.posonly.iter().chain(&params.args).chain(&params.vararg);
        let all = all.chain(&params.kwonly).chain(&params.kwarg);
        let annotations = all.filter_map(|param| param.annotation.as_ref()).chain(returns);
        let mut at = base;
        for annotation in annotations {
            self.expr(annotation, at + 1);
            at += 2;
        }
        self.at(base + u32::from(at > base) + 1);
    }

    /// It runs in the frame around it, on top of what its variables were there.
    fn comprehension(&mut self, comp: &Comp, base: u32) {
        let mut bound = Vec::new();
        comp.generators.iter().for_each(|generator| names(&generator.target, &mut bound));
        bound.sort_unstable();
        bound.dedup();
        for &name in &bound {
            if !self.own.inlined.contains(&name) {
                self.own.inlined.push(name);
            }
        }
        // These, and what is made.
        let base = base + bound.len() as u32 + 1;
        let first = base - 1 - bound.len() as u32;
        comp.generators.first().iter().for_each(|generator| self.expr(&generator.iter, first));
        self.rounds(comp, base);
    }

    fn rounds(&mut self, comp: &Comp, mut base: u32) {
        for (at, generator) in comp.generators.iter().enumerate() {
            if at > 0 {
                self.expr(&generator.iter, base);
            }
            base += 1;
            self.at(base + 1);
            self.store(&generator.target, base + 1);
            generator.ifs.iter().for_each(|test| self.jump(test, base));
        }
        self.expr(&comp.element, base);
        comp.value.iter().for_each(|value| self.expr(value, base + 1));
    }
}

/// Where a definition begins with its decorators.
fn from_decorators(decorators: &[Expr], span: Span) -> Span {
    decorators.first().map_or(span, |first| Span { start: first.span.start, ..span })
}

/// The names that a target binds.
fn names(target: &Expr, found: &mut Vec<Symbol>) {
    match &target.kind {
        ExprKind::Name(name) => found.push(*name),
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|item| names(item, found)),
        ExprKind::Starred(inner) => names(inner, found),
        _ => {}
    }
}

/// What the compiler computes.
fn is_constant(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Constant(_) => true,
        ExprKind::Tuple(items) => items.iter().all(is_constant),
        ExprKind::UnaryOp { operand, .. } => matches!(operand.kind, ExprKind::Constant(_)),
        ExprKind::BinOp { first, rest } => is_constant(first) && rest.iter().all(|(_, operand)| is_constant(operand)),
        _ => false,
    }
}
