//! Instances of script classes, of native classes with identity, and of subclasses of built-in types.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Deref;
use std::rc::Rc;

use super::attrs::AttrCell;
use super::{Class, Result, Value, gc};
use crate::machine::Vm;

/// What an instance holds besides its attributes.
pub enum Payload {
    /// The built-in value inside an instance of a subclass of a built-in type, if it is one.
    Value(Option<Box<Value>>),
    /// The data of a native class.
    Native(Box<dyn Native>),
}

impl Payload {
    pub const NONE: Payload = Payload::Value(None);

    pub fn value(inner: Value) -> Payload {
        Payload::Value(Some(Box::new(inner)))
    }

    pub fn native(data: impl Native) -> Payload {
        Payload::Native(Box::new(data))
    }
}

/// The data of a native class with identity: a future, a lock, a context variable.
pub trait Native: Any {
    /// What to run when the last reference to the object goes, if anything. The object is alive again while it runs.
    fn finalizer(&self) -> Option<fn(&mut Vm, &Value)> {
        None
    }

    /// When it was made: see [`gc::next_age`]. For what has a finaliser.
    fn age(&self) -> Option<&Cell<u32>> {
        None
    }

    /// What `self[at]` is, where the native class has a short way to it.
    fn item(&self, _at: i64) -> Option<Value> {
        None
    }

    /// How many items it has, if it is a container.
    fn item_count(&self) -> Option<usize> {
        None
    }

    /// `iter(self)`, where the native class has a short way to it; `this` is the instance.
    fn iterator(&self, _vm: &mut Vm, _this: &Value) -> Option<Value> {
        None
    }

    /// `self[at] = value`, likewise: whether that is done.
    fn set_item(&self, _at: i64, _value: &Value) -> bool {
        false
    }

    /// What it gives when it is called with these, where the native class has a short way to it.
    fn call(&self, _vm: &mut Vm, _args: &[Value]) -> Option<Result> {
        None
    }

    /// The awaitable that it stands for, if it does nothing itself but wait for that.
    fn awaited(&self) -> Option<Value> {
        None
    }

    /// The bytes it lends to others, copied out.
    fn buffer(&self) -> Option<Vec<u8>> {
        None
    }

    /// Shows the references it holds to the garbage collector; see [`gc::trace`].
    fn trace(&self, _visit: gc::Visit) {}

    /// Lets go of the references it holds: the object is garbage.
    fn clear(&self) {}
}

pub struct Instance {
    /// The class it was made of; see [`Instance::class`].
    made_of: Rc<Class>,
    pub attrs: AttrCell,
    pub payload: Payload,
    pub mark: gc::Mark,
}

#[cfg(not(debug_assertions))]
const _: () = assert!(size_of::<Instance>() == 48, "with its two counts it fits in 64 bytes");

thread_local! {
    /// The classes of the instances that have been given another than they were made of, by address.
    static GIVEN: RefCell<HashMap<usize, Rc<Class>, foldhash::fast::FixedState>> = RefCell::default();
}

/// The class of an instance.
pub enum ClassRef<'a> {
    Own(&'a Rc<Class>),
    Given(Rc<Class>),
}

impl Deref for ClassRef<'_> {
    type Target = Rc<Class>;

    #[inline(always)]
    fn deref(&self) -> &Rc<Class> {
        match self {
            ClassRef::Own(class) => class,
            ClassRef::Given(class) => class,
        }
    }
}

impl Instance {
    #[inline]
    pub fn new(class: Rc<Class>, payload: Payload) -> Instance {
        Instance { made_of: class, attrs: AttrCell::default(), payload, mark: gc::Mark::default() }
    }

    /// An instance as a script makes it. One with a finaliser is known to the collector, which keeps its identity.
    #[inline]
    pub fn create(class: &Rc<Class>, payload: Payload) -> Value {
        let instance = Rc::new(Instance::new(class.clone(), payload));
        if class.has_del.get() {
            gc::register(&instance);
        }
        Value::Instance(instance)
    }

    pub fn native(class: &Rc<Class>, data: impl Native) -> Value {
        Value::Instance(Rc::new(Instance::new(class.clone(), Payload::native(data))))
    }

    #[inline(always)]
    pub fn class(&self) -> ClassRef<'_> {
        if self.mark.has_other_class() { self.given_class() } else { ClassRef::Own(&self.made_of) }
    }

    #[cold]
    #[inline(never)]
    fn given_class(&self) -> ClassRef<'_> {
        let given = GIVEN.try_with(|given| given.borrow().get(&self.address()).cloned());
        given.ok().flatten().map_or(ClassRef::Own(&self.made_of), ClassRef::Given)
    }

    /// `__class__ = class`.
    pub fn set_class(&self, class: &Rc<Class>) {
        self.attrs.change(|attrs| attrs.rebase(&class.root_shape));
        self.mark.set_has_other_class();
        let old = GIVEN.try_with(|given| given.borrow_mut().insert(self.address(), class.clone()));
        drop(old);
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The built-in value inside.
    #[inline]
    pub fn inner(&self) -> Option<&Value> {
        match &self.payload {
            Payload::Value(inner) => inner.as_deref(),
            Payload::Native(_) => None,
        }
    }

    /// The data of a native class.
    pub fn native_data(&self) -> Option<&dyn Native> {
        match &self.payload {
            Payload::Value(_) => None,
            Payload::Native(data) => Some(&**data),
        }
    }

    /// The native data of an instance of a native class itself, whose methods no script has replaced.
    #[inline]
    pub fn own_native(&self) -> Option<&dyn Native> {
        match &self.payload {
            Payload::Native(data) if self.class().builtin => Some(&**data),
            _ => None,
        }
    }

    /// The native data, if it is of this type.
    #[inline]
    pub fn data<T: Native>(&self) -> Option<&T> {
        match &self.payload {
            Payload::Native(data) => (&**data as &dyn Any).downcast_ref(),
            Payload::Value(_) => None,
        }
    }

    /// Whether a finaliser is to run before it is freed.
    pub fn wants_finalizing(&self) -> bool {
        !self.mark.is_finalized()
            && (self.class().has_del.get() || self.native_data().is_some_and(|data| data.finalizer().is_some()))
    }

    /// Shows the references it holds to the garbage collector.
    pub(super) fn trace(&self, visit: gc::Visit) {
        self.attrs.look(|attrs| attrs.trace(visit));
        match &self.payload {
            Payload::Value(inner) => inner.as_deref().into_iter().for_each(&mut *visit),
            Payload::Native(data) => data.trace(visit),
        }
        gc::link(&self.made_of, Value::Class, visit);
        if let ClassRef::Given(class) = self.class() {
            gc::link(&class, Value::Class, visit);
        }
    }
}

impl Value {
    /// The native data of an instance, if it is of this type.
    #[inline]
    pub fn data<T: Native>(&self) -> Option<&T> {
        match self {
            Value::Instance(instance) => instance.data(),
            _ => None,
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let address = self.address();
        if self.wants_finalizing() {
            let payload = std::mem::replace(&mut self.payload, Payload::NONE);
            let revived = Instance::new(self.class().clone(), payload);
            revived.attrs.set(self.attrs.take());
            revived.mark.set_finalized();
            gc::finalize_revived(&self.mark, address, Value::Instance(Rc::new(revived)));
        } else {
            if self.mark.is_finalized() {
                gc::forget_identity(address);
            }
            if let Payload::Value(Some(inner)) = &mut self.payload {
                gc::release_one(inner);
            }
        }
        if self.mark.has_other_class() {
            let given = GIVEN.try_with(|given| given.borrow_mut().remove(&address));
            drop(given);
        }
        self.mark.died(address);
    }
}
