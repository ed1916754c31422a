//! The names that are meant for the prompt: `exit`, `quit`, `help`, `copyright`, `credits` and `license`.

use crate::builtins::modules::support::{define, items, natives};
use crate::builtins::prelude::*;

/// `exit` and `quit`.
struct Quitter(&'static str);
/// A text to be read.
struct Printer(&'static str);
struct Helper;

natives!(Quitter, Printer, Helper);

const END_OF_FILE: &str = "Ctrl-D (i.e. EOF)";
pub(in crate::builtins) const COPYRIGHT: &str = "Copyright (c) 2026 the aio contributors";
const CREDITS: &str =
    "The aio contributors wrote it, in Rust. The language is that of the Python developers: see www.python.org.";
const LICENSE: &str = "Type license() to see the full license text";
const TERMS: &str = include_str!("../../../LICENSE-MIT");

pub(super) fn install(vm: &mut Vm, dict: &Dict) {
    let object = vm.types.object.clone();
    let mut class = |name, layout, rows| {
        let class = define(vm, name, &object, Layout::Native(layout), rows);
        class.named_in_full.set(false);
        class.patchable.set(true);
        class
    };
    let quitter = class("_sitebuiltins.Quitter", 230, QUITTER);
    let printer = class("_sitebuiltins._Printer", 231, PRINTER);
    let helper = class("_sitebuiltins._Helper", 232, HELPER);
    for name in ["exit", "quit"] {
        vm.set_entry(dict, name, Instance::native(&quitter, Quitter(name)));
    }
    for (name, text) in [("copyright", COPYRIGHT), ("credits", CREDITS), ("license", LICENSE)] {
        vm.set_entry(dict, name, Instance::native(&printer, Printer(text)));
    }
    vm.set_entry(dict, "help", Instance::native(&helper, Helper));
}

const QUITTER: &[Row] = &[
    method("def __call__(code=None)", |vm, args| {
        // So that a shell around it ends as well.
        if let Some(stdin) = vm.sys_attr("stdin") {
            let _ = vm.call_method(&stdin, "close", &[]);
        }
        let error = vm.new_error(vm.types.SystemExit.clone(), vec![args[1].clone()]);
        vm.set_exception_attr(&error, sym::code, args[1].clone());
        Err(error)
    }),
    of!("def __repr__()", Value::data::<Quitter>, |_, quitter, _| {
        Ok(Value::string(format!("Use {}() or {END_OF_FILE} to exit", quitter.0)))
    }),
    getter("name", |_, this| Ok(this.data::<Quitter>().map_or(Value::None, |quitter| Value::str(quitter.0)))),
    getter("eof", |_, _| Ok(Value::str(END_OF_FILE))),
];

const PRINTER: &[Row] = &[
    of!("def __call__()", Value::data::<Printer>, |vm, printer, _| {
        let text = if printer.0 == LICENSE { TERMS.trim_end() } else { printer.0 };
        vm.call_page("builtins", "print", &[Value::str(text)])
    }),
    of!("def __repr__()", Value::data::<Printer>, |_, printer, _| Ok(Value::str(printer.0))),
];

const HELPER: &[Row] = &[
    method("def __call__(*args, **kwds)", |vm, args| {
        let request = items(&args[1]).to_vec();
        vm.call_page("_sitebuiltins", "show", &request)
    }),
    method("def __repr__()", |_, _| {
        Ok(Value::str("Type help() for interactive help, or help(object) for help about object."))
    }),
];
