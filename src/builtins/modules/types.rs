//! The module `types`: the built-in classes that have no name elsewhere.

use crate::builtins::prelude::*;
use crate::object::code::CodeKind;

pub(super) const FUNCTIONS: &[Row] = &[
    // Makes the generators of a function awaitable; whether that is all there is to do.
    native("_make_awaitable(func, /)", |_, args| {
        if let Value::Function(function) = &args[0] {
            match function.code.kind {
                CodeKind::Coroutine => return Ok(Value::bool(true)),
                CodeKind::Generator => {
                    function.code.iterable.set(true);
                    return Ok(Value::bool(true));
                }
                _ => {}
            }
        }
        Ok(Value::bool(false))
    }),
    // What messages of CPython's C code call an object's class.
    native("_type_name(value, /)", |vm, args| Ok(Value::Str(vm.type_name(&args[0])))),
    native("_metaclass_of(meta, bases, /)", |vm, args| {
        let bases = vm.collect(&args[1])?;
        vm.metaclass_of(args[0].given(), &bases)
    }),
];

/// For the page `abc`.
pub(super) const ABSTRACT: &[Row] = &[
    native("_note_answer(cls, subclass, answer, /)", |vm, args| {
        if let (Value::Class(class), Value::Class(of), Value::Bool(answer)) = (&args[0], &args[1], &args[2]) {
            vm.abstract_answers.note(class, of, answer.get());
        }
        Ok(Value::None)
    }),
    native("_forget_answers()", |vm, _| {
        vm.abstract_answers.forget();
        Ok(Value::None)
    }),
];

/// For the pages of `typing`.
pub(super) const UNIONS: &[Row] =
    &[native("_union_of(a, b, /)", |vm, args| crate::builtins::types::generic::union(vm, &args[0], &args[1]))];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let types = &vm.types;
    let classes: Vec<(&str, Rc<Class>)> = [
        ("FunctionType", &types.function),
        ("LambdaType", &types.function),
        ("CodeType", &types.code),
        ("MappingProxyType", &types.mappingproxy),
        ("SimpleNamespace", &types.SimpleNamespace),
        ("CellType", &types.cell),
        ("GeneratorType", &types.generator),
        ("CoroutineType", &types.coroutine),
        ("AsyncGeneratorType", &types.async_generator),
        ("MethodType", &types.method),
        ("BuiltinFunctionType", &types.builtin_function_or_method),
        ("BuiltinMethodType", &types.builtin_function_or_method),
        ("MethodDescriptorType", &types.method_descriptor),
        ("WrapperDescriptorType", &types.wrapper_descriptor),
        ("MethodWrapperType", &types.method_wrapper),
        ("ClassMethodDescriptorType", &types.classmethod_descriptor),
        ("ModuleType", &types.module),
        ("TracebackType", &types.traceback),
        ("FrameType", &types.frame),
        ("GetSetDescriptorType", &types.getset_descriptor),
        ("MemberDescriptorType", &types.member_descriptor),
        ("GenericAlias", &types.GenericAlias),
        ("UnionType", &types.UnionType),
        ("EllipsisType", &types.ellipsis),
        ("NoneType", &types.NoneType),
        ("NotImplementedType", &types.NotImplementedType),
    ]
    .map(|(name, class)| (name, class.clone()))
    .into();
    for (name, class) in classes {
        vm.set_entry(&module.dict, name, Value::Class(class));
    }
    Ok(())
}
