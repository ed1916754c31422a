//! Modules: a name and a namespace.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Class, Dict, Str, Value};
use crate::object::exception::Result;

/// Finds a name that the module does not have yet: parts that are loaded when first asked for.
pub type Lazy = fn(&mut crate::machine::Vm, &Rc<Module>, &Rc<Str>) -> Result<Option<Value>>;

pub struct Module {
    pub name: RefCell<Rc<Str>>,
    pub dict: Rc<Dict>,
    pub lazy: Option<Lazy>,
    /// What a script has made its class, if it has.
    pub class: RefCell<Option<Rc<Class>>>,
    pub watched: super::gc::weak::Watched,
}

impl Module {
    pub fn new(name: Rc<Str>, dict: Rc<Dict>, lazy: Option<Lazy>) -> Module {
        Module { name: name.into(), dict, lazy, class: RefCell::default(), watched: Default::default() }
    }
}
