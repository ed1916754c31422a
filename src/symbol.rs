//! Interned names: every identifier of every source is one small number.
//!
//! The names that the interpreter itself looks up (`__init__`, `send`, ...) are interned first, in the order of the
//! table below, so that they are constants.

use std::collections::HashMap;
use std::rc::Rc;

/// An interned name; equal names have equal symbols within one [`Interner`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub u32);

/// About as many names as a program that imports a module or two has.
const AT_START: usize = 3000;

/// The levels of a tree that any stack allows.
pub const LEAST_LEVELS: u32 = 1_200;
/// The levels that CPython's compiler goes down at most.
pub const MOST_LEVELS: u32 = 9_997;

/// Maps names to symbols and back.
pub struct Interner {
    /// The levels that the tree of a text may have, which those who walk through it need native stack for.
    pub levels: u32,
    names: Vec<Rc<str>>,
    symbols: HashMap<Rc<str>, Symbol, foldhash::fast::FixedState>,
}

impl Default for Interner {
    fn default() -> Self {
        let symbols = HashMap::with_capacity_and_hasher(AT_START, foldhash::fast::FixedState::default());
        let mut interner = Interner { levels: LEAST_LEVELS, names: Vec::with_capacity(AT_START), symbols };
        for name in sym::NAMES {
            interner.intern(name);
        }
        interner
    }
}

impl Interner {
    pub fn intern(&mut self, name: &str) -> Symbol {
        if let Some(&symbol) = self.symbols.get(name) {
            return symbol;
        }
        let symbol = Symbol(self.names.len() as u32);
        let name: Rc<str> = name.into();
        self.names.push(name.clone());
        self.symbols.insert(name, symbol);
        symbol
    }

    /// The symbol of a name that has one.
    pub fn known(&self, name: &str) -> Option<Symbol> {
        self.symbols.get(name).copied()
    }

    pub fn name(&self, symbol: Symbol) -> &Rc<str> {
        &self.names[symbol.0 as usize]
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

macro_rules! symbols {
    ($($name:ident $(= $text:literal)?)*) => {
        /// The names known to the interpreter itself, as constants.
        #[expect(non_upper_case_globals, reason = "a constant is spelled as the name it stands for")]
        pub mod sym {
            use super::Symbol;
            #[expect(non_camel_case_types, reason = "numbers the names")]
            enum Index { $($name),* }
            $(pub const $name: Symbol = Symbol(Index::$name as u32);)*
            pub(super) const NAMES: &[&str] = &[$({ let _text = stringify!($name); $(let _text = $text;)? _text }),*];
        }
    };
}

symbols! {
    __init__ __new__ __del__ __repr__ __str__ __bytes__ __format__ __hash__ __bool__ __len__ __length_hint__
    __lt__ __le__ __eq__ __ne__ __gt__ __ge__
    __add__ __sub__ __mul__ __matmul__ __truediv__ __floordiv__ __mod__ __divmod__ __pow__ __lshift__ __rshift__
    __and__ __xor__ __or__
    __radd__ __rsub__ __rmul__ __rmatmul__ __rtruediv__ __rfloordiv__ __rmod__ __rdivmod__ __rpow__ __rlshift__
    __rrshift__ __rand__ __rxor__ __ror__
    __iadd__ __isub__ __imul__ __imatmul__ __itruediv__ __ifloordiv__ __imod__ __ipow__ __ilshift__ __irshift__
    __iand__ __ixor__ __ior__
    __neg__ __pos__ __abs__ __invert__ __int__ __float__ __complex__ __index__ __round__ __trunc__ __floor__ __ceil__
    __getattr__ __getattribute__ __setattr__ __delattr__ __dir__ __get__ __set__ __delete__ __set_name__
    __call__ __getitem__ __setitem__ __delitem__ __missing__ __contains__ _default_factory __iter__ __next__ __reversed__
    __enter__ __exit__ __await__ __aiter__ __anext__ __aenter__ __aexit__
    __class__ __dict__ __slots__ __weakref__ __bases__ __base__ __mro__ __mro_entries__ __name__ __qualname__ __module__ __doc__
    __annotations__ __type_params__ __wrapped__ __defaults__ __kwdefaults__ __closure__ __code__ __globals__ __self__
    __func__ __init_subclass__ __class_getitem__ __prepare__ __instancecheck__ __subclasscheck__ __subclasshook__ __subclasses__
    __match_args__ __all__ __file__ __path__ __package__ __spec__ __loader__ __builtins__ __import__ __main__ __debug__
    __build_class__ __classcell__ __static_attributes__ __firstlineno__ __isabstractmethod__ __objclass__
    __cause__ __context__ __suppress_context__ __traceback__ __notes__ __fspath__ __reduce__ __reduce_ex__ __copy__
    __deepcopy__ __getstate__ __setstate__ __getnewargs__ __getnewargs_ex__ __sizeof__ __text_signature__ __signature__ __future__ __origin__ __args__
    send throw close asend athrow aclose cancel result exception args value name keys values items get pop append
    update mro write flush read readline print len range object cls fileno isatty
    asyncio _asyncio_future_blocking copy join sort add extend remove insert index count split strip format encode
    lower upper startswith endswith replace setdefault clear discard msg code errno filename strerror add_note
    with_traceback exceptions message obj path lineno offset text end_lineno end_offset print_file_and_line
    start stop step real imag numerator denominator fget fset fdel gi_frame cr_frame ag_frame annotations filename2 characters_written name_from encoding reason end kept
    case exec eval locals vars dir match_ = "match" type_ = "type" super_ = "super" wildcard = "_" star = "*" first_iterable = ".0"
    module_ = "<module>" lambda_ = "<lambda>" genexpr_ = "<genexpr>" comprehension_ = "<comprehension>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_constants() {
        let mut interner = Interner::default();
        assert_eq!(interner.intern("__init__"), sym::__init__);
        assert_eq!(&**interner.name(sym::__await__), "__await__");
        assert_eq!(interner.intern("annotations"), sym::annotations);
        assert_eq!(interner.intern("<lambda>"), sym::lambda_);
    }
}
