//! A listing of code, for people who study the interpreter.

use std::fmt::Write;

use crate::machine::Vm;
use crate::object::code::{Code, Step};

/// The steps of a code object and, after it, of those made from the same source.
pub fn dump_code(vm: &Vm, code: &Code) -> String {
    let mut text = String::new();
    list(code, &mut text);
    for other in vm.codes_of(&code.source) {
        if other.id.get() != code.id.get() {
            text.push('\n');
            list(&other, &mut text);
        }
    }
    text
}

fn list(code: &Code, text: &mut String) {
    let _ = writeln!(text, "{} ({:?}), line {}", code.qualname, code.kind, code.first_line());
    let names: Vec<&str> = code.variables.iter().map(|name| name.as_str()).collect();
    let _ =
        writeln!(text, "  locals {names:?}, {} slots, cells {:?}, free {}", code.slots, code.cells, code.free.len());
    for (pc, (step, span)) in code.steps.iter().zip(&code.spans).enumerate() {
        let source = code.source.text.get(span.range()).unwrap_or_default();
        let shown: String = source.lines().next().unwrap_or_default().chars().take(60).collect();
        let _ = writeln!(text, "  {pc:>4}  {:<28} {shown}", describe(step));
    }
    for handler in &*code.handlers {
        let _ = writeln!(
            text,
            "  {}..{} raises to {} with the exception in {}",
            handler.start, handler.end, handler.target, handler.exc
        );
    }
}

fn describe(step: &Step) -> String {
    match step {
        Step::Expr(_) => "Expr".to_owned(),
        Step::Do(_) => "Do".to_owned(),
        Step::StoreLocal(slot, _) => format!("StoreLocal {slot}"),
        Step::Jump(to) => format!("Jump {to}"),
        Step::Loop(to) => format!("Loop {to}"),
        Step::JumpIf(_, to) => format!("JumpIf {to}"),
        Step::LoopIf(_, to) => format!("LoopIf {to}"),
        Step::JumpIfNot(_, to) => format!("JumpIfNot {to}"),
        Step::Return(_) => "Return".to_owned(),
        Step::ForLocal { iter, local, exit } => format!("For {local} in {iter} else {exit}"),
        Step::For { iter, exit, .. } | Step::ForPair { iter, exit, .. } => format!("For .. in {iter} else {exit}"),
        Step::Yield(_, slot) => format!("Yield -> {slot}"),
        Step::AsyncYield(_, slot) => format!("AsyncYield -> {slot}"),
        Step::AwaitCall(_, slot) => format!("AwaitCall -> {slot}"),
        Step::Await(slot) => format!("Await {slot}"),
        Step::YieldFrom(slot) => format!("YieldFrom {slot}"),
        Step::AsyncNext { iter, value, exit } => format!("AsyncNext {value} in {iter} else {exit}"),
        Step::EndFinally(finally) => format!("EndFinally {} {:?}", finally.why, finally.exits),
    }
}
