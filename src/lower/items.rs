//! Items of lists that variables lead to: `row[i + 1]`, `grid[y][x]`, `self.cells[n]`.
//!
//! Such an item is read and replaced where it is: the lists on the way are not counted, and the indices do not become
//! values. Likewise values of dicts, `self.names[key]`, where keys are texts or numbers. Going there runs no script code
//! and changes nothing, so where anything else is met, all is evaluated anew in the general way.

use super::expr::{Attribute, Variable};
use super::name::{Captured, Global, Place};
use super::prelude::*;
use super::special::SpecialSite;
use super::stmt::combined;
use super::store::{assign_item, read_item};
use crate::machine::ops;
use crate::object::{List, gc};
use crate::syntax::ast::{BinOp, UnaryOp};
use crate::text::slice;

/// A number that at most one variable of the function and a constant make: `i`, `3`, `-1`, `i + 1`.
#[derive(Clone, Copy)]
struct Offset {
    slot: Option<Slot>,
    plus: i64,
}

impl Offset {
    #[inline(always)]
    fn get(self, frame: &Frame) -> Option<i64> {
        match self.slot {
            None => Some(self.plus),
            Some(slot) => match &frame.locals[slot as usize] {
                Value::Int(n) => n.checked_add(self.plus),
                _ => None,
            },
        }
    }
}

/// What a way to an item begins at, looked at in place.
pub(super) trait Root: 'static {
    fn look<R>(&self, vm: &Vm, frame: &Frame, at: impl FnOnce(&Value) -> Option<R>) -> Option<R>;
    fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval;
}

impl Root for Variable {
    #[inline(always)]
    fn look<R>(&self, _vm: &Vm, frame: &Frame, at: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        at(&frame.locals[self.slot])
    }

    fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        self.get(vm, frame).cloned()
    }
}

impl Root for Box<Attribute> {
    #[inline(always)]
    fn look<R>(&self, _vm: &Vm, frame: &Frame, at: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        Attribute::look(self, frame, at)
    }

    fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        Attribute::value(self, vm, frame)
    }
}

impl Root for Box<Global> {
    #[inline(always)]
    fn look<R>(&self, vm: &Vm, frame: &Frame, at: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        Global::look(self, vm, frame, at)
    }

    fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        Global::value(self, vm, frame)
    }
}

impl Root for Box<Captured> {
    #[inline(always)]
    fn look<R>(&self, _vm: &Vm, frame: &Frame, at: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        Captured::look(self, frame, at)
    }

    fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        Captured::value(self, vm, frame)
    }
}

/// What no way begins at.
impl Root for Thunk {
    fn look<R>(&self, _: &Vm, _: &Frame, _: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        None
    }

    fn value(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        self(vm, frame)
    }
}

/// One index on the way, and the span of the subscript.
struct Index {
    /// `None` for one that is no number.
    offset: Option<Offset>,
    operand: Operand,
    span: Span,
}

/// The way to an item.
struct Path<R, const N: usize> {
    root: R,
    indices: [Index; N],
    /// Who answers where the container is an object of a script's class.
    getter: SpecialSite,
    setter: SpecialSite,
}

/// A way that [`Lower::item_path`] found.
pub(super) struct Way {
    root: Operand,
    first: Index,
    second: Option<Index>,
}

/// A way, or the expressions back.
pub(super) type Found = std::result::Result<Way, (Expr, Expr)>;

/// Makes a closure for the root and the length that a way has.
macro_rules! by_path {
    ($way:expr, |$path:ident| $make:expr) => {{
        let Way { root, first, second } = $way;
        macro_rules! by_length {
            ($root:expr) => {
                match second {
                    None => {
                        let $path = Path::new($root, [first]);
                        $make
                    }
                    Some(second) => {
                        let $path = Path::new($root, [first, second]);
                        $make
                    }
                }
            };
        }
        match root {
            Operand::Local(root) => by_length!(root),
            Operand::Attribute(root) => by_length!(root),
            Operand::Global(root) => by_length!(root),
            Operand::Captured(root) => by_length!(root),
            other => by_length!(Lower::operand_thunk(other)),
        }
    }};
}

impl<R: Root, const N: usize> Path<R, N> {
    fn new(root: R, indices: [Index; N]) -> Path<R, N> {
        Path { root, indices, getter: SpecialSite::default(), setter: SpecialSite::default() }
    }

    /// Goes to the container of the item, with the index in it.
    #[inline(always)]
    fn look<T>(&self, vm: &Vm, frame: &Frame, take: impl FnOnce(&Value, i64) -> Option<T>) -> Option<T> {
        let mut at = [0; N];
        for (at, index) in at.iter_mut().zip(&self.indices) {
            *at = index.offset?.get(frame)?;
        }
        self.root.look(vm, frame, |root| match at[..] {
            [first, second] => match root {
                Value::List(list) => {
                    let items = list.items.borrow();
                    take(items.get(slice::index(first, items.len())?)?, second)
                }
                Value::Tuple(items) => take(items.get(slice::index(first, items.len())?)?, second),
                _ => None,
            },
            [only, ..] => take(root, only),
            [] => None,
        })
    }

    /// The same for a place in a list.
    #[inline(always)]
    fn change<T>(&self, vm: &Vm, frame: &Frame, change: impl FnOnce(&Rc<List>, &mut Value) -> Option<T>) -> Option<T> {
        self.look(vm, frame, |container, at| {
            let Value::List(list) = container else { return None };
            let mut items = list.items.borrow_mut();
            let at = slice::index(at, items.len())?;
            change(list, items.get_mut(at)?)
        })
    }

    /// Goes to a dict, with the key in it.
    #[inline(always)]
    fn look_in_dict<T>(&self, vm: &Vm, frame: &Frame, take: impl FnOnce(&Rc<Dict>, &Value) -> Option<T>) -> Option<T> {
        let [index] = &self.indices[..] else { return None };
        let key = index.operand.peek(frame)?;
        self.root.look(vm, frame, |root| take(vm.plain_dict(root)?, key))
    }

    /// Replaces the item. What the collector has to look at goes the general way: it may be the object whose attribute is
    /// being looked at.
    #[inline(always)]
    fn assign(&self, vm: &mut Vm, frame: &mut Frame, mut value: Value) -> Eval<()> {
        let old = self.change(vm, frame, |list, place| {
            gc::is_noted(list, &value).then(|| std::mem::replace(place, value.take()))
        });
        if let Some(old) = old {
            old.discard();
            return Ok(());
        }
        self.assign_any(vm, frame, value)
    }

    #[inline(never)]
    fn assign_any(&self, vm: &mut Vm, frame: &mut Frame, mut value: Value) -> Eval<()> {
        let old = self.look_in_dict(vm, frame, |dict, key| {
            if self.setter.is_used() || !gc::is_noted(dict, &value) {
                return None;
            }
            Vm::dict_change_at_once(dict, key, |place| Some(std::mem::replace(place, value.take())))
        });
        if old.is_some() {
            return Ok(());
        }
        let (object, index) = self.evaluate(vm, frame)?;
        assign_item(vm, frame, (&object, &index), value, self.span(), Some(&self.setter))
    }

    /// Reads an item that is not in a list or a tuple.
    #[inline(never)]
    fn read_any(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        if self.getter.is_used() {
            return self.ask(vm, frame);
        }
        let found = self.look(vm, frame, |container, at| match container {
            Value::Str(text) => vm.char_at_once(text, at),
            Value::Instance(instance) => match instance.own_native() {
                Some(data) => data.item(at),
                None => Vm::item_at_once(vm.sequence_read(container)?, &Value::Int(at)),
            },
            _ => None,
        });
        match found.or_else(|| self.look_in_dict(vm, frame, |dict, key| Vm::dict_get_at_once(dict, key)?)) {
            Some(found) => Ok(found),
            None => self.ask(vm, frame),
        }
    }

    /// Asks the container for the item.
    fn ask(&self, vm: &mut Vm, frame: &mut Frame) -> Eval {
        let (object, index) = self.evaluate(vm, frame)?;
        match self.getter.ask(vm, frame, sym::__getitem__, [&object, &index], self.span()) {
            Some(found) => found,
            None => read_item(vm, frame, &object, &index, self.span()),
        }
    }

    /// The list, the index and the number that stands there.
    #[inline(always)]
    fn number(&self, vm: &Vm, frame: &Frame) -> Option<(Rc<List>, i64, Value)> {
        self.look(vm, frame, |container, at| {
            let Value::List(list) = container else { return None };
            let old = number(&list.items.borrow()[slice::index(at, list.len())?])?;
            Some((list.clone(), at, old))
        })
    }

    /// The dict, the key and the number that stands there.
    fn number_in_dict(&self, vm: &Vm, frame: &Frame) -> Option<(Value, Value, Value)> {
        self.look_in_dict(vm, frame, |dict, key| {
            let old = Vm::dict_change_at_once(dict, key, |old| number(old))?;
            Some((Value::Dict(dict.clone()), key.clone(), old))
        })
    }

    /// The container and the index, evaluated in the general way.
    #[inline(never)]
    fn evaluate(&self, vm: &mut Vm, frame: &mut Frame) -> Eval<(Value, Value)> {
        let mut object = self.root.value(vm, frame)?;
        let mut index = self.indices[0].operand.value(vm, frame)?;
        for (at, next) in self.indices.iter().skip(1).enumerate() {
            object = read_item(vm, frame, &object, &index, self.indices[at].span)?;
            index = next.operand.value(vm, frame)?;
        }
        Ok((object, index))
    }

    fn span(&self) -> Span {
        self.indices[N - 1].span
    }
}

impl Lower<'_> {
    /// The way to `value[index]`, if it is one that can be gone without running anything.
    pub(super) fn item_path(&mut self, value: Expr, index: Expr, span: Span) -> Found {
        let offset = self.offset(&index);
        if offset.is_none() && !matches!(index.kind, ExprKind::Constant(_)) {
            return Err((value, index));
        }
        let (root, first) = match value.kind {
            ExprKind::Subscript { value: root, index: first } => {
                match (self.is_root(&root), self.offset(&first), offset) {
                    (true, Some(at), Some(_)) => (*root, Some((*first, at, value.span))),
                    _ => {
                        return Err((Expr { kind: ExprKind::Subscript { value: root, index: first }, ..value }, index));
                    }
                }
            }
            _ if self.is_root(&value) => (value, None),
            _ => return Err((value, index)),
        };
        let root = self.operand(root);
        let first = first.map(|(first, at, span)| Index { offset: Some(at), operand: self.operand(first), span });
        let last = Index { offset, operand: self.operand(index), span };
        Ok(match first {
            Some(first) => Way { root, first, second: Some(last) },
            None => Way { root, first: last, second: None },
        })
    }

    /// The same for all but an item of a variable at a variable, whose container may well be a dict.
    pub(super) fn item_path_unless_plain(&mut self, value: Expr, index: Expr, span: Span) -> Found {
        if self.local_slot(&value).is_some() && self.local_slot(&index).is_some() {
            return Err((value, index));
        }
        self.item_path(value, index, span)
    }

    /// Whether the operand that becomes of an expression is a variable, or an attribute of one.
    fn is_root(&self, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Name(name) => !matches!(self.place(*name), Place::Namespace(_) | Place::NamespaceFree(..)),
            ExprKind::Attribute { value, .. } => self.local_slot(value).is_some() && !self.calls_super(value),
            _ => false,
        }
    }

    fn offset(&self, e: &Expr) -> Option<Offset> {
        let constant = |e: &Expr| match &e.kind {
            ExprKind::Constant(Constant::Int(n)) => Some(*n),
            _ => None,
        };
        match &e.kind {
            ExprKind::Name(_) => self.local_slot(e).map(|slot| Offset { slot: Some(slot), plus: 0 }),
            ExprKind::Constant(_) => constant(e).map(|plus| Offset { slot: None, plus }),
            ExprKind::UnaryOp { op: UnaryOp::Neg, operand } => {
                constant(operand).map(|plus| Offset { slot: None, plus: -plus })
            }
            ExprKind::BinOp { first, rest } => match &rest[..] {
                [(op @ (BinOp::Add | BinOp::Sub), by)] => {
                    let (slot, by) = (self.local_slot(first)?, constant(by)?);
                    Some(Offset { slot: Some(slot), plus: if *op == BinOp::Add { by } else { -by } })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

fn number(value: &Value) -> Option<Value> {
    matches!(value, Value::Int(_) | Value::Float(_)).then(|| value.clone())
}

/// Reads the item.
pub(super) fn reading(way: Way) -> Thunk {
    by_path!(way, |path| Box::new(move |vm, frame| {
        let found = path.look(vm, frame, |container, at| match container {
            Value::List(list) => {
                let items = list.items.borrow();
                Some(items[slice::index(at, items.len())?].clone_in_line())
            }
            Value::Tuple(items) => Some(items[slice::index(at, items.len())?].clone_in_line()),
            _ => None,
        });
        match found {
            Some(found) => Ok(found),
            None => path.read_any(vm, frame),
        }
    }))
}

/// Replaces the item.
pub(super) fn storing(way: Way) -> Store {
    by_path!(way, |path| Box::new(move |vm, frame, value| path.assign(vm, frame, value)))
}

/// `item = value`.
pub(super) fn assigning(way: Way, value: Operand) -> Action {
    by_path!(way, |path| Box::new(move |vm, frame| {
        let value = value.value(vm, frame)?;
        path.assign(vm, frame, value)
    }))
}

/// `item op= value`.
pub(super) fn changing(way: Way, op: BinOp, value: Operand, span: Span) -> Action {
    by_path!(way, |path| Box::new(move |vm, frame| {
        if let Some(value) = value.peek(frame) {
            let change = |place: &mut Value| {
                // Numbers, both.
                std::mem::forget(std::mem::replace(place, ops::quick(op, place, value)?));
                Some(())
            };
            let changed = path.change(vm, frame, |_, place| change(place));
            let changed = changed
                .or_else(|| path.look_in_dict(vm, frame, |dict, key| Vm::dict_change_at_once(dict, key, change)));
            if changed.is_some() {
                return Ok(());
            }
        } else if let Some((list, at, old)) = path.number(vm, frame) {
            return change_in_list(vm, frame, (list, at, old), op, &value, (path.span(), span));
        } else if let Some((dict, key, old)) = path.number_in_dict(vm, frame) {
            return change_old(vm, frame, (&dict, &key, old), op, &value, (path.span(), span));
        }
        let (object, index) = path.evaluate(vm, frame)?;
        change_item(vm, frame, &object, &index, op, &value, (path.span(), span))
    }))
}

/// The same of any object; the spans are those of the target and of all.
pub(super) fn change_item(
    vm: &mut Vm,
    frame: &mut Frame,
    object: &Value,
    index: &Value,
    op: BinOp,
    value: &Operand,
    spans: (Span, Span),
) -> Eval<()> {
    let old = read_item(vm, frame, object, index, spans.0)?;
    change_old(vm, frame, (object, index, old), op, value, spans)
}

/// The same of a number in a list.
#[inline(never)]
fn change_in_list(
    vm: &mut Vm,
    frame: &mut Frame,
    (list, at, old): (Rc<List>, i64, Value),
    op: BinOp,
    value: &Operand,
    spans: (Span, Span),
) -> Eval<()> {
    change_old(vm, frame, (&Value::List(list), &Value::Int(at), old), op, value, spans)
}

/// The same once the item has been read.
#[inline(always)]
fn change_old(
    vm: &mut Vm,
    frame: &mut Frame,
    (object, index, old): (&Value, &Value, Value),
    op: BinOp,
    value: &Operand,
    (target_span, span): (Span, Span),
) -> Eval<()> {
    let value = value.value(vm, frame)?;
    let new = combined(vm, frame, op, old, &value, span)?;
    value.discard();
    assign_item(vm, frame, (object, index), new, target_span, None)
}
