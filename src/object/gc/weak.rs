//! Weak references, and who is told when an object dies.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::{Rc, Weak};

use super::registry::mark_of;
use super::{Finalizer, finalize_later};
use crate::object::class::Class;
use crate::object::code::Code;
use crate::object::containers::{Dict, List, Set, Tuple};
use crate::object::coroutine::Coroutine;
use crate::object::exception::Exception;
use crate::object::function::{BoundMethod, Cell, Descriptor, Function};
use crate::object::instance::{Instance, Native};
use crate::object::iter::Iter;
use crate::object::module::Module;
use crate::object::native::NativeFunction;
use crate::object::value::Value;

macro_rules! weakly {
    ($(#[$doc:meta])* $name:ident: $($kind:ident($ty:ty)),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub enum $name {
            $($kind(Weak<$ty>),)*
        }

        impl $name {
            pub fn new(value: &Value) -> Option<$name> {
                match value {
                    $(Value::$kind(x) => Some($name::$kind(Rc::downgrade(x))),)*
                    _ => None,
                }
            }

            /// The object, if it is still alive.
            #[inline]
            pub fn upgrade(&self) -> Option<Value> {
                match self {
                    $($name::$kind(x) => x.upgrade().map(Value::$kind),)*
                }
            }
        }
    };
}

weakly!(
    /// A reference that does not keep its object alive.
    Weakly:
    List(List),
    Dict(Dict),
    Set(Set),
    Function(Function),
    Native(NativeFunction),
    BoundMethod(BoundMethod),
    Class(Class),
    Module(Module),
    Cell(Cell),
    Code(Code),
    Coroutine(Coroutine),
    Exception(Exception),
    Instance(Instance),
);

impl Weakly {
    #[inline]
    pub(super) fn is_coroutine(&self) -> bool {
        matches!(self, Weakly::Coroutine(_))
    }
}

weakly!(
    /// The same for all that can refer to others.
    Linked:
    Function(Function),
    Descriptor(Descriptor),
    Class(Class),
    Instance(Instance),
    Tuple(Tuple),
    List(List),
    Dict(Dict),
    Set(Set),
    BoundMethod(BoundMethod),
    Exception(Exception),
    Module(Module),
    Cell(Cell),
    Coroutine(Coroutine),
    Iter(Iter),
);

/// A value that a place in the code remembers: nothing that could be part of a circle is kept alive by that, since no
/// collection sees the place.
pub enum Remembered {
    Plain(Value),
    Linked(Linked),
}

impl Remembered {
    pub fn new(value: &Value) -> Remembered {
        Linked::new(value).map_or_else(|| Remembered::Plain(value.clone()), Remembered::Linked)
    }

    /// The value; `Unbound` if it is gone.
    #[inline]
    pub fn get(&self) -> Value {
        match self {
            Remembered::Linked(linked) => linked.upgrade().unwrap_or_default(),
            Remembered::Plain(value) => value.clone(),
        }
    }
}

impl Default for Remembered {
    fn default() -> Self {
        Remembered::Plain(Value::Unbound)
    }
}

/// The data of a `weakref.ref`.
pub struct WeakRef {
    /// `None` once it was cleared.
    pub target: RefCell<Option<Weakly>>,
    pub callback: RefCell<Value>,
    /// The hash of the object, once it was asked for.
    pub hash: std::cell::Cell<Option<i64>>,
    /// The proxy that looks at the object through this reference.
    pub proxy: RefCell<Option<Weakly>>,
}

impl WeakRef {
    pub fn get(&self) -> Option<Value> {
        self.target.borrow().as_ref().and_then(Weakly::upgrade)
    }
}

impl Native for WeakRef {
    fn trace(&self, visit: super::Visit) {
        visit(&self.callback.borrow());
    }

    fn clear(&self) {
        drop(self.callback.take());
    }
}

/// In an object without a mark: its address once something refers to it weakly, else 0.
#[derive(Default)]
pub struct Watched(std::cell::Cell<usize>);

impl Watched {
    /// The object is going: whoever refers to it is told, once.
    pub fn tell(&self) {
        match self.0.replace(0) {
            0 => {}
            address => died(address),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tell();
    }
}

fn watched(value: &Value) -> Option<&Watched> {
    match value {
        Value::Native(x) => Some(&x.watched),
        Value::BoundMethod(x) => Some(&x.watched),
        Value::Module(x) => Some(&x.watched),
        Value::Code(x) => Some(&x.watched),
        _ => None,
    }
}

thread_local! {
    /// The weak reference objects by the address of what they refer to, oldest first.
    static WATCHERS: RefCell<HashMap<usize, Vec<Weak<Instance>>>> = RefCell::default();
}

/// Remembers that a weak reference object wants to know of an object's death.
pub fn watch(target: &Value, reference: &Rc<Instance>) {
    let Some(address) = target.address() else { return };
    match (mark_of(target), watched(target)) {
        (Some(mark), _) => mark.set_watched(),
        (_, Some(watched)) => watched.0.set(address),
        _ => return,
    }
    WATCHERS.with(|watchers| {
        let mut watchers = watchers.borrow_mut();
        let list = watchers.entry(address).or_default();
        list.retain(|reference| reference.strong_count() > 0);
        list.push(Rc::downgrade(reference));
    });
}

/// The weak reference objects of an object, oldest first.
pub fn references(target: &Value) -> Vec<Rc<Instance>> {
    if !mark_of(target).is_some_and(super::registry::Mark::is_watched)
        && watched(target).is_none_or(|watched| watched.0.get() == 0)
    {
        return Vec::new();
    }
    let Some(address) = target.address() else { return Vec::new() };
    WATCHERS.with(|watchers| {
        watchers.borrow().get(&address).map_or(Vec::new(), |list| list.iter().filter_map(Weak::upgrade).collect())
    })
}

/// Forgets who watches an object, and returns them.
pub fn forget(address: usize) -> Vec<Rc<Instance>> {
    let watchers = WATCHERS.try_with(|watchers| watchers.borrow_mut().remove(&address));
    watchers.ok().flatten().map_or(Vec::new(), |list| list.iter().filter_map(Weak::upgrade).collect())
}

/// An object moved to a new address when its finaliser revived it: those that watch it follow.
pub fn moved(from: usize, to: &Value) {
    for reference in forget(from) {
        watch(to, &reference);
        if let Some(data) = reference.data::<WeakRef>() {
            data.target.replace(Weakly::new(to));
        }
    }
}

/// Cuts the weak references to objects that are garbage, and queues the callbacks of those that are not.
pub fn cut(garbage: &[Value]) {
    let mut members = None;
    for value in garbage {
        let references = references(value);
        if references.is_empty() {
            continue;
        }
        if let Some(address) = value.address() {
            forget(address);
        }
        for reference in references.into_iter().rev() {
            if let Some(data) = reference.data::<WeakRef>() {
                drop(data.target.take());
            }
            let members =
                members.get_or_insert_with(|| garbage.iter().filter_map(Value::address).collect::<HashSet<usize>>());
            if !members.contains(&Rc::as_ptr(&reference).addr()) {
                finalize_later(Finalizer::Weak(reference));
            }
        }
    }
}

/// An object has died: the callbacks of its weak references are to be run, the newest first.
#[cold]
pub(super) fn died(address: usize) {
    for reference in forget(address).into_iter().rev() {
        finalize_later(Finalizer::Weak(reference));
    }
}
