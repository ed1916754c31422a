//! The built-in classes, by name.

use super::prelude::*;
use crate::object::class::Layout;

macro_rules! types {
    ($object:ident; $($field:ident = $name:literal : $base:ident, $layout:expr;)*) => {
        /// The built-in classes; a field is named as Python names the class, `_` appended where Rust needs it.
        #[expect(non_snake_case, reason = "a class is spelled as Python spells it")]
        pub struct Types {
            pub $object: Rc<Class>,
            $(pub $field: Rc<Class>,)*
        }

        impl Types {
            #[expect(non_snake_case, reason = "a class is spelled as Python spells it")]
            pub fn new() -> Types {
                let $object = Class::builtin("object", None, Layout::Object);
                $(let $field = Class::builtin($name, Some(&$base), $layout);)*
                Types { $object, $($field,)* }
            }

            /// Every class, `object` first.
            pub fn all(&self) -> Vec<&Rc<Class>> {
                vec![&self.$object, $(&self.$field,)*]
            }
        }

        impl Default for Types {
            fn default() -> Self {
                Types::new()
            }
        }
    };
}

types! {
    object;
    type_ = "type": object, Layout::Type;
    int = "int": object, Layout::Int;
    bool_ = "bool": int, Layout::Final;
    float = "float": object, Layout::Float;
    complex = "complex": object, Layout::Complex;
    str_ = "str": object, Layout::Str;
    bytes = "bytes": object, Layout::Bytes;
    bytearray = "bytearray": object, Layout::ByteArray;
    tuple = "tuple": object, Layout::Tuple;
    list = "list": object, Layout::List;
    dict = "dict": object, Layout::Dict;
    set = "set": object, Layout::Set;
    frozenset = "frozenset": object, Layout::FrozenSet;
    range = "range": object, Layout::Final;
    slice = "slice": object, Layout::Final;
    NoneType = "NoneType": object, Layout::Final;
    NotImplementedType = "NotImplementedType": object, Layout::Final;
    ellipsis = "ellipsis": object, Layout::Final;
    function = "function": object, Layout::Final;
    builtin_function_or_method = "builtin_function_or_method": object, Layout::Final;
    method_descriptor = "method_descriptor": object, Layout::Final;
    wrapper_descriptor = "wrapper_descriptor": object, Layout::Final;
    classmethod_descriptor = "classmethod_descriptor": object, Layout::Final;
    method_wrapper = "method-wrapper": object, Layout::Final;
    method = "method": object, Layout::Final;
    property = "property": object, Layout::Property;
    classmethod = "classmethod": object, Layout::Native(1);
    staticmethod = "staticmethod": object, Layout::Native(2);
    member_descriptor = "member_descriptor": object, Layout::Final;
    getset_descriptor = "getset_descriptor": object, Layout::Final;
    super_ = "super": object, Layout::Native(3);
    module = "module": object, Layout::Module;
    cell = "cell": object, Layout::Final;
    code = "code": object, Layout::Final;
    frame = "frame": object, Layout::Final;
    traceback = "traceback": object, Layout::Final;
    generator = "generator": object, Layout::Final;
    anext_awaitable = "anext_awaitable": object, Layout::Final;
    coroutine = "coroutine": object, Layout::Final;
    async_generator = "async_generator": object, Layout::Final;
    coroutine_wrapper = "coroutine_wrapper": object, Layout::Final;
    async_generator_asend = "async_generator_asend": object, Layout::Final;
    async_generator_athrow = "async_generator_athrow": object, Layout::Final;
    range_iterator = "range_iterator": object, Layout::Final;
    longrange_iterator = "longrange_iterator": object, Layout::Final;
    list_iterator = "list_iterator": object, Layout::Final;
    list_reverseiterator = "list_reverseiterator": object, Layout::Final;
    tuple_iterator = "tuple_iterator": object, Layout::Final;
    str_iterator = "str_iterator": object, Layout::Final;
    str_ascii_iterator = "str_ascii_iterator": object, Layout::Final;
    bytes_iterator = "bytes_iterator": object, Layout::Final;
    memory_iterator = "memory_iterator": object, Layout::Final;
    bytearray_iterator = "bytearray_iterator": object, Layout::Final;
    dict_keyiterator = "dict_keyiterator": object, Layout::Final;
    dict_valueiterator = "dict_valueiterator": object, Layout::Final;
    dict_itemiterator = "dict_itemiterator": object, Layout::Final;
    dict_reversekeyiterator = "dict_reversekeyiterator": object, Layout::Final;
    dict_reversevalueiterator = "dict_reversevalueiterator": object, Layout::Final;
    dict_reverseitemiterator = "dict_reverseitemiterator": object, Layout::Final;
    dict_keys = "dict_keys": object, Layout::Final;
    dict_values = "dict_values": object, Layout::Final;
    dict_items = "dict_items": object, Layout::Final;
    mappingproxy = "mappingproxy": object, Layout::Final;
    set_iterator = "set_iterator": object, Layout::Final;
    iterator = "iterator": object, Layout::Final;
    callable_iterator = "callable_iterator": object, Layout::Final;
    enumerate = "enumerate": object, Layout::Native(4);
    zip = "zip": object, Layout::Native(5);
    map = "map": object, Layout::Native(6);
    filter = "filter": object, Layout::Native(7);
    reversed = "reversed": object, Layout::Native(8);
    memoryview = "memoryview": object, Layout::Final;
    GenericAlias = "GenericAlias": object, Layout::Native(9);
    UnionType = "UnionType": object, Layout::Final;
    SimpleNamespace = "SimpleNamespace": object, Layout::Object;
    TextIOWrapper = "TextIOWrapper": object, Layout::Native(10);
    BaseException = "BaseException": object, Layout::Exception;
    BaseExceptionGroup = "BaseExceptionGroup": BaseException, Layout::Exception;
    GeneratorExit = "GeneratorExit": BaseException, Layout::Exception;
    KeyboardInterrupt = "KeyboardInterrupt": BaseException, Layout::Exception;
    SystemExit = "SystemExit": BaseException, Layout::Exception;
    CancelledError = "CancelledError": BaseException, Layout::Exception;
    Exception = "Exception": BaseException, Layout::Exception;
    ExceptionGroup = "ExceptionGroup": BaseExceptionGroup, Layout::Exception;
    ArithmeticError = "ArithmeticError": Exception, Layout::Exception;
    FloatingPointError = "FloatingPointError": ArithmeticError, Layout::Exception;
    OverflowError = "OverflowError": ArithmeticError, Layout::Exception;
    ZeroDivisionError = "ZeroDivisionError": ArithmeticError, Layout::Exception;
    AssertionError = "AssertionError": Exception, Layout::Exception;
    AttributeError = "AttributeError": Exception, Layout::Exception;
    BufferError = "BufferError": Exception, Layout::Exception;
    EOFError = "EOFError": Exception, Layout::Exception;
    ImportError = "ImportError": Exception, Layout::Exception;
    ModuleNotFoundError = "ModuleNotFoundError": ImportError, Layout::Exception;
    LookupError = "LookupError": Exception, Layout::Exception;
    IndexError = "IndexError": LookupError, Layout::Exception;
    KeyError = "KeyError": LookupError, Layout::Exception;
    MemoryError = "MemoryError": Exception, Layout::Exception;
    NameError = "NameError": Exception, Layout::Exception;
    UnboundLocalError = "UnboundLocalError": NameError, Layout::Exception;
    OSError = "OSError": Exception, Layout::Exception;
    BlockingIOError = "BlockingIOError": OSError, Layout::Exception;
    ChildProcessError = "ChildProcessError": OSError, Layout::Exception;
    ConnectionError = "ConnectionError": OSError, Layout::Exception;
    BrokenPipeError = "BrokenPipeError": ConnectionError, Layout::Exception;
    ConnectionAbortedError = "ConnectionAbortedError": ConnectionError, Layout::Exception;
    ConnectionRefusedError = "ConnectionRefusedError": ConnectionError, Layout::Exception;
    ConnectionResetError = "ConnectionResetError": ConnectionError, Layout::Exception;
    FileExistsError = "FileExistsError": OSError, Layout::Exception;
    FileNotFoundError = "FileNotFoundError": OSError, Layout::Exception;
    InterruptedError = "InterruptedError": OSError, Layout::Exception;
    IsADirectoryError = "IsADirectoryError": OSError, Layout::Exception;
    NotADirectoryError = "NotADirectoryError": OSError, Layout::Exception;
    PermissionError = "PermissionError": OSError, Layout::Exception;
    ProcessLookupError = "ProcessLookupError": OSError, Layout::Exception;
    TimeoutError = "TimeoutError": OSError, Layout::Exception;
    ReferenceError = "ReferenceError": Exception, Layout::Exception;
    RuntimeError = "RuntimeError": Exception, Layout::Exception;
    NotImplementedError = "NotImplementedError": RuntimeError, Layout::Exception;
    RecursionError = "RecursionError": RuntimeError, Layout::Exception;
    PythonFinalizationError = "PythonFinalizationError": RuntimeError, Layout::Exception;
    StopAsyncIteration = "StopAsyncIteration": Exception, Layout::Exception;
    StopIteration = "StopIteration": Exception, Layout::Exception;
    SyntaxError = "SyntaxError": Exception, Layout::Exception;
    IndentationError = "IndentationError": SyntaxError, Layout::Exception;
    TabError = "TabError": IndentationError, Layout::Exception;
    _IncompleteInputError = "_IncompleteInputError": SyntaxError, Layout::Exception;
    SystemError = "SystemError": Exception, Layout::Exception;
    TypeError = "TypeError": Exception, Layout::Exception;
    ValueError = "ValueError": Exception, Layout::Exception;
    UnicodeError = "UnicodeError": ValueError, Layout::Exception;
    UnicodeDecodeError = "UnicodeDecodeError": UnicodeError, Layout::Exception;
    UnicodeEncodeError = "UnicodeEncodeError": UnicodeError, Layout::Exception;
    UnicodeTranslateError = "UnicodeTranslateError": UnicodeError, Layout::Exception;
    Warning = "Warning": Exception, Layout::Exception;
    BytesWarning = "BytesWarning": Warning, Layout::Exception;
    DeprecationWarning = "DeprecationWarning": Warning, Layout::Exception;
    EncodingWarning = "EncodingWarning": Warning, Layout::Exception;
    FutureWarning = "FutureWarning": Warning, Layout::Exception;
    ImportWarning = "ImportWarning": Warning, Layout::Exception;
    PendingDeprecationWarning = "PendingDeprecationWarning": Warning, Layout::Exception;
    ResourceWarning = "ResourceWarning": Warning, Layout::Exception;
    RuntimeWarning = "RuntimeWarning": Warning, Layout::Exception;
    SyntaxWarning = "SyntaxWarning": Warning, Layout::Exception;
    UnicodeWarning = "UnicodeWarning": Warning, Layout::Exception;
    UserWarning = "UserWarning": Warning, Layout::Exception;
}
