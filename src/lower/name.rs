//! Reading, binding and deleting names.

use std::cell::Cell;

use super::call::noted;
use super::prelude::*;
use crate::object::function::Cell as Shared;
use crate::object::native::NativeFunction;
use crate::object::{Class, Raised};
use crate::resolve::Binding;

/// Where a name lives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Local(Slot),
    /// A local slot that holds a cell.
    Cell(Slot),
    /// A cell of the closure.
    Free(usize),
    Global,
    /// The namespace dict in a slot, then globals, then builtins.
    Namespace(Slot),
    /// The namespace dict in a slot, then a cell of the closure.
    NamespaceFree(Slot, usize),
}

impl Lower<'_> {
    pub(super) fn place(&self, name: Symbol) -> Place {
        let namespace = self.unit.namespace;
        match self.binding(name) {
            Binding::Local => self.slot(name).map_or(Place::Global, Place::Local),
            Binding::Cell => match self.slot(name) {
                Some(slot) => Place::Cell(slot),
                None => self.unit.free.get(&name).map_or(Place::Global, |&at| Place::Free(at)),
            },
            Binding::Free => match self.unit.free.get(&name) {
                Some(&at) => Place::Free(at),
                // A comprehension's outer variable may be its host's own cell.
                None => self.slot(name).map_or(Place::Global, Place::Cell),
            },
            Binding::Global | Binding::GlobalOrBuiltin => Place::Global,
            Binding::Namespace => namespace.map_or(Place::Global, Place::Namespace),
            Binding::ClassFree => match (namespace, self.unit.free.get(&name)) {
                (Some(slot), Some(&at)) => Place::NamespaceFree(slot, at),
                (Some(slot), None) => Place::Namespace(slot),
                (None, Some(&at)) => Place::Free(at),
                (None, None) => Place::Global,
            },
        }
    }

    /// Reads a name.
    pub(super) fn load_name(&mut self, symbol: Symbol, span: Span) -> Thunk {
        let name = self.vm.name(symbol).clone();
        match self.place(symbol) {
            Place::Local(slot) => {
                let slot = slot as usize;
                Box::new(move |vm, frame| match &frame.locals[slot] {
                    Value::Unbound => Err(unbound_local(vm, &name).at(span).into()),
                    value => Ok(value.clone_in_line()),
                })
            }
            Place::Cell(_) | Place::Free(_) => {
                let captured = self.captured(symbol, span);
                Box::new(move |vm, frame| captured.value(vm, frame))
            }
            Place::Global => {
                let global = Global::new(name, span);
                Box::new(move |vm, frame| global.value(vm, frame))
            }
            Place::Namespace(slot) => Self::load_from_namespace(slot as usize, name, span),
            Place::NamespaceFree(slot, at) => {
                let slot = slot as usize;
                Box::new(move |vm, frame| match namespace_get(vm, frame, slot, &name)? {
                    Some(value) => Ok(value),
                    None => match frame.function.closure[at].get() {
                        Value::Unbound => Err(unbound_free(vm, &name).at(span).into()),
                        value => Ok(value),
                    },
                })
            }
        }
    }

    /// Reads a name of the namespace in a slot, else of the module, else a builtin.
    pub(super) fn load_from_namespace(slot: usize, name: Rc<Str>, span: Span) -> Thunk {
        let global = Global { behind: true, ..Global::new(name.clone(), span) };
        Box::new(move |vm, frame| match namespace_get(vm, frame, slot, &name)? {
            Some(value) => Ok(value),
            None => global.value(vm, frame),
        })
    }

    /// A use of a name that is in a cell.
    pub(super) fn captured(&self, symbol: Symbol, span: Span) -> Captured {
        let at = match self.place(symbol) {
            Place::Free(at) => Err(at),
            Place::Cell(slot) => Ok(slot as usize),
            _ => Ok(usize::MAX),
        };
        Captured { at, name: self.vm.name(symbol).clone(), span }
    }

    /// Binds a name.
    pub(super) fn store_name(&mut self, symbol: Symbol) -> Store {
        self.store_name_at(symbol, None)
    }

    /// The same, with the place of the name: a namespace may refuse it.
    pub(super) fn store_name_at(&mut self, symbol: Symbol, span: Option<Span>) -> Store {
        let name = self.vm.name(symbol).clone();
        match self.place(symbol) {
            Place::Local(slot) => {
                let slot = slot as usize;
                Box::new(move |_, frame, value| {
                    frame.put(slot, value);
                    Ok(())
                })
            }
            Place::Cell(slot) => {
                let slot = slot as usize;
                Box::new(move |_, frame, value| {
                    if let Value::Cell(cell) = &frame.locals[slot] {
                        drop(cell.set(value));
                    }
                    Ok(())
                })
            }
            Place::Free(at) => Box::new(move |_, frame, value| {
                drop(frame.function.closure[at].set(value));
                Ok(())
            }),
            Place::Global => {
                let at = Cell::new(usize::MAX);
                Box::new(move |_, frame, value| {
                    set_global(&frame.function.globals, &at, &name, value);
                    Ok(())
                })
            }
            Place::Namespace(slot) | Place::NamespaceFree(slot, _) => {
                let slot = slot as usize;
                Box::new(move |vm, frame, value| match &frame.locals[slot] {
                    Value::Dict(dict) => {
                        drop(dict.set_str(&name, value));
                        Ok(())
                    }
                    other => {
                        let (namespace, name) = (other.clone(), Value::Str(name.clone()));
                        match span {
                            Some(span) => noted(vm, frame, span, |vm| vm.set_item(&namespace, &name, value)),
                            None => vm.set_item(&namespace, &name, value).here(),
                        }
                    }
                })
            }
        }
    }

    /// Deletes a name.
    pub(super) fn delete_name(&mut self, symbol: Symbol, span: Span) -> Action {
        let name = self.vm.name(symbol).clone();
        match self.place(symbol) {
            Place::Local(slot) => {
                let slot = slot as usize;
                Box::new(move |vm, frame| match frame.locals[slot].take() {
                    Value::Unbound => Err(unbound_local(vm, &name).at(span).into()),
                    _ => Ok(()),
                })
            }
            Place::Cell(slot) => {
                let slot = slot as usize;
                Box::new(move |vm, frame| match &frame.locals[slot] {
                    Value::Cell(cell) if !cell.set(Value::Unbound).is_unbound() => Ok(()),
                    _ => Err(unbound_local(vm, &name).at(span).into()),
                })
            }
            Place::Free(at) => Box::new(move |vm, frame| {
                if frame.function.closure[at].set(Value::Unbound).is_unbound() {
                    return Err(unbound_free(vm, &name).at(span).into());
                }
                Ok(())
            }),
            Place::Global => Box::new(move |vm, frame| match frame.function.globals.remove_str(&name) {
                Some(_) => Ok(()),
                None => Err(vm.name_error(&name).at(span).into()),
            }),
            Place::Namespace(slot) | Place::NamespaceFree(slot, _) => {
                let slot = slot as usize;
                Box::new(move |vm, frame| {
                    let removed = match &frame.locals[slot] {
                        Value::Dict(dict) => dict.remove_str(&name).is_some(),
                        other => {
                            let namespace = other.clone();
                            vm.del_item(&namespace, &Value::Str(name.clone())).is_ok()
                        }
                    };
                    if removed { Ok(()) } else { Err(vm.name_error(&name).at(span).into()) }
                })
            }
        }
    }

    /// Sets a name of the module's or class's own namespace.
    pub(super) fn set_namespace(&mut self, name: &str, value: Value, span: Span) {
        let name = self.vm.intern(name);
        let action: Action = match self.unit.namespace {
            Some(slot) => {
                let slot = slot as usize;
                Box::new(move |vm, frame| match &frame.locals[slot] {
                    Value::Dict(dict) => {
                        drop(dict.set_str(&name, value.clone()));
                        Ok(())
                    }
                    other => {
                        let namespace = other.clone();
                        vm.set_item(&namespace, &Value::Str(name.clone()), value.clone()).here()
                    }
                })
            }
            None => Box::new(move |_, frame| {
                drop(frame.function.globals.set_str(&name, value.clone()));
                Ok(())
            }),
        };
        self.emit(Step::Do(action), span);
    }
}

fn namespace_get(vm: &mut Vm, frame: &Frame, slot: usize, name: &Rc<Str>) -> Eval<Option<Value>> {
    match &frame.locals[slot] {
        Value::Dict(dict) => Ok(dict.get_str(name)),
        other => {
            let namespace = other.clone();
            Ok(vm.name_in(&namespace, name)?)
        }
    }
}

/// What a place in the code remembers of a global name: its position in the globals, or in the builtins together with
/// the state of the globals in which it was not among them.
#[derive(Default)]
struct GlobalCache {
    global: Cell<Option<u32>>,
    builtin: Cell<Option<(usize, u32, u32)>>,
}

/// A global name that is called.
pub(super) struct GlobalCallee {
    name: Rc<Str>,
    cache: GlobalCache,
}

/// What a global name that is called stands for, if it is of a kind that has a short way.
pub(super) enum Callee {
    Function(Rc<Function>),
    Class(Rc<Class>),
    Native(Rc<NativeFunction>),
}

impl GlobalCallee {
    pub(super) fn new(name: Rc<Str>) -> GlobalCallee {
        GlobalCallee { name, cache: GlobalCache::default() }
    }

    pub(super) fn name(&self) -> &Rc<Str> {
        &self.name
    }

    /// Whether the name stands for a built-in where it was found last.
    #[inline(always)]
    pub(super) fn is(&self, vm: &Vm, globals: &Rc<Dict>, builtin: &Value) -> bool {
        let found = self.cache.place(vm, globals).and_then(|(dict, at)| {
            dict.look_cached(at as usize, &self.name, |value| match (value, builtin) {
                (Value::Native(a), Value::Native(b)) => Some(Rc::ptr_eq(a, b)),
                (Value::Class(a), Value::Class(b)) => Some(Rc::ptr_eq(a, b)),
                _ => None,
            })
        });
        found == Some(true)
    }

    #[inline(always)]
    pub(super) fn get(&self, vm: &mut Vm, globals: &Rc<Dict>) -> Option<Callee> {
        let take = |value: &Value| match value {
            Value::Function(function) => Some(Callee::Function(function.clone())),
            Value::Class(class) => Some(Callee::Class(class.clone())),
            Value::Native(native) => Some(Callee::Native(native.clone())),
            _ => None,
        };
        let Some((dict, at)) = self.cache.place(vm, globals) else {
            self.cache.look_up(vm, globals, &self.name);
            return None;
        };
        let table = dict.table.borrow();
        let entry = table.entry(at as usize)?;
        match &entry.key {
            Value::Str(key) if Rc::ptr_eq(key, &self.name) => take(&entry.value),
            _ => {
                self.cache.forget();
                None
            }
        }
    }
}

impl GlobalCache {
    /// Where the name was found last, if it may still be there.
    #[inline]
    fn place<'a>(&self, vm: &'a Vm, globals: &'a Rc<Dict>) -> Option<(&'a Dict, u32)> {
        if let Some(at) = self.global.get() {
            return Some((globals, at));
        }
        let (which, version, at) = self.builtin.get()?;
        let known = which == Rc::as_ptr(globals) as usize && version == globals.table.borrow().keys_version;
        known.then(|| (&*vm.builtins, at))
    }

    fn forget(&self) {
        self.global.set(None);
        self.builtin.set(None);
    }

    /// Finds out where the name is. Namespaces that have methods or builtins of their own are asked every time.
    #[cold]
    fn look_up(&self, vm: &mut Vm, globals: &Rc<Dict>, name: &Rc<Str>) {
        self.forget();
        if vm.asked_globals(globals).is_some() {
            return;
        }
        if let Some(at) = globals.position_str(name) {
            self.global.set(Some(at as u32));
        } else if vm.own_builtins(globals).is_none() {
            if let Some(at) = vm.builtins.position_str(name) {
                let version = globals.table.borrow().keys_version;
                self.builtin.set(Some((Rc::as_ptr(globals) as usize, version, at as u32)));
            }
        }
    }
}

/// A use of a global name.
pub(super) struct Global {
    name: Rc<Str>,
    span: Span,
    /// Asked behind a namespace, which looks at the globals past what methods of its own they have.
    behind: bool,
    cache: GlobalCache,
}

impl Global {
    pub(super) fn new(name: Rc<Str>, span: Span) -> Global {
        Global { name, span, behind: false, cache: GlobalCache::default() }
    }

    pub(super) fn value(&self, vm: &mut Vm, frame: &Frame) -> Eval<Value> {
        match self.at_hand(vm, frame) {
            Some(value) => Ok(value),
            None => self.look_up(vm, &frame.function.globals).at(self.span),
        }
    }

    #[cold]
    fn look_up(&self, vm: &mut Vm, globals: &Rc<Dict>) -> Eval {
        let name = &self.name;
        self.cache.look_up(vm, globals, name);
        if let Some((dict, at)) = self.cache.place(vm, globals) {
            if let Some(value) = dict.get_cached(at as usize, name) {
                return Ok(value);
            }
        }
        let found = match vm.asked_globals(globals) {
            Some(owner) if !self.behind => vm.name_in(&owner, name)?,
            _ => globals.get_str(name),
        };
        if let Some(value) = found {
            return Ok(value);
        }
        if let Some(own) = vm.own_builtins(globals) {
            return vm.name_in(&own, name)?.ok_or_else(|| vm.name_error(name).into());
        }
        if let Some(value) = vm.builtins.get_str(name) {
            return Ok(value);
        }
        match vm.namespace_spec(globals, name)? {
            Some(made) => Ok(made),
            None => Err(vm.name_error(name).into()),
        }
    }

    /// Finds out where it is, if that is not known.
    pub(super) fn find(&self, vm: &mut Vm, frame: &Frame) {
        if self.at_hand(vm, frame).is_none() {
            self.cache.look_up(vm, &frame.function.globals, &self.name);
        }
    }

    /// The value where it was found last.
    #[inline]
    pub(super) fn at_hand(&self, vm: &Vm, frame: &Frame) -> Option<Value> {
        let (dict, at) = self.cache.place(vm, &frame.function.globals)?;
        dict.get_cached(at as usize, &self.name)
    }

    /// Looks at the value where it was found last.
    #[inline(always)]
    pub(super) fn look<R>(&self, vm: &Vm, frame: &Frame, look: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        let (dict, at) = self.cache.place(vm, &frame.function.globals)?;
        dict.look_cached(at as usize, &self.name, look)
    }
}

/// A use of a variable that functions share.
pub(super) struct Captured {
    /// The slot its cell is in, or else the place in the closure.
    at: std::result::Result<usize, usize>,
    name: Rc<Str>,
    span: Span,
}

impl Captured {
    /// The cell it is in.
    #[inline(always)]
    fn cell<'f>(&self, frame: &'f Frame) -> Option<&'f Rc<Shared>> {
        match self.at {
            Ok(slot) => match &frame.locals[slot] {
                Value::Cell(cell) => Some(cell),
                _ => None,
            },
            Err(at) => Some(&frame.function.closure[at]),
        }
    }

    /// Looks at the value where it is.
    #[inline(always)]
    pub(super) fn look<R>(&self, frame: &Frame, at: impl FnOnce(&Value) -> Option<R>) -> Option<R> {
        self.cell(frame)?.look(at)
    }

    #[inline]
    pub(super) fn value(&self, vm: &mut Vm, frame: &Frame) -> Eval {
        match self.cell(frame).map(|cell| cell.get()) {
            None | Some(Value::Unbound) => Err(self.unbound(vm)),
            Some(value) => Ok(value),
        }
    }

    #[cold]
    fn unbound(&self, vm: &mut Vm) -> Raised {
        let error = match self.at {
            Ok(_) => unbound_local(vm, &self.name),
            Err(_) => unbound_free(vm, &self.name),
        };
        error.at(self.span).into()
    }
}

/// Sets a global at its remembered position.
#[inline]
pub(super) fn set_global(globals: &Dict, at: &Cell<usize>, name: &Rc<Str>, value: Value) {
    let mut table = globals.table.borrow_mut();
    match table.entry_mut(at.get()) {
        Some((Value::Str(key), place)) if Rc::ptr_eq(key, name) => {
            let old = std::mem::replace(place, value);
            drop(table);
            old.discard();
        }
        _ => {
            drop(table);
            let (place, old) = globals.set_str_at(name, value);
            at.set(place);
            drop(old);
        }
    }
}

#[cold]
pub(super) fn unbound_local(vm: &mut Vm, name: &Rc<Str>) -> Error {
    vm.unbound_local_error(format!("cannot access local variable '{name}' where it is not associated with a value"))
}

#[cold]
pub(super) fn unbound_free(vm: &mut Vm, name: &Rc<Str>) -> Error {
    let class = vm.types.NameError.clone();
    let error = vm.error(
        &class,
        format!("cannot access free variable '{name}' where it is not associated with a value in enclosing scope"),
    );
    vm.set_exception_attr(&error, crate::symbol::sym::name, Value::Str(name.clone()));
    error
}
