//! `sleep(delay, result=None)`.

use super::event_loop;
use super::future::{self, TimerState, Waited};
use super::policy;
use super::state::{Function, state};
use crate::builtins::prelude::*;
use crate::object::coroutine::{Kind, NativeCoroutine, Outcome, Resume};
use crate::object::native::Prompt;
use crate::syntax::ast::CmpOp;

struct Sleep {
    delay: Value,
    result: Value,
    phase: Phase,
}

enum Phase {
    Start,
    /// One bare `yield`.
    Pass,
    /// The future that a timer of our own ends.
    Timer(Rc<Instance>),
    /// The future and the handle of a loop that a script has written.
    Handle(Rc<Instance>, Value),
}

pub fn sleep(vm: &mut Vm, args: &[Value]) -> Result {
    let body = Sleep { delay: args[0].clone(), result: args[1].clone(), phase: Phase::Start };
    Ok(state(vm).coroutine(vm, Function::Sleep, body))
}

/// `await sleep(0)` does no more than give way.
pub fn give_way(_: &mut Vm, args: &[Value]) -> Result<Option<Prompt>> {
    Ok(matches!(args, [Value::Int(n)] if *n <= 0).then_some(Prompt::GiveWay))
}

impl NativeCoroutine for Sleep {
    fn trace(&self, visit: gc::Visit) {
        visit(&self.result);
        match &self.phase {
            Phase::Timer(future) => gc::link(future, Value::Instance, visit),
            Phase::Handle(future, handle) => {
                gc::link(future, Value::Instance, visit);
                visit(handle);
            }
            Phase::Start | Phase::Pass => {}
        }
    }

    fn resume(&mut self, vm: &mut Vm, input: Resume) -> Result<Outcome> {
        match (&self.phase, input) {
            (Phase::Start, Resume::Send(_) | Resume::Deliver(_)) => self.begin(vm),
            (Phase::Pass, Resume::Send(_) | Resume::Deliver(_)) => Ok(Outcome::Return(self.result.take())),
            (Phase::Timer(future), input) => {
                let result = match future::waited(vm, future, input) {
                    Waited::Again(outcome) => return Ok(outcome),
                    Waited::Done(result) => result,
                };
                cancel_timer(future);
                result.map(Outcome::Return)
            }
            (Phase::Handle(future, handle), input) => {
                let result = match future::waited(vm, future, input) {
                    Waited::Again(outcome) => return Ok(outcome),
                    Waited::Done(result) => result,
                };
                let handle = handle.clone();
                vm.call_method(&handle, sym::cancel, &[])?;
                result.map(Outcome::Return)
            }
            (Phase::Start | Phase::Pass, Resume::Throw(error) | Resume::Fail(error)) => Err(error),
        }
    }

    fn awaiting(&self) -> Value {
        match &self.phase {
            Phase::Timer(future) | Phase::Handle(future, _) => Value::Instance(future.clone()),
            Phase::Start | Phase::Pass => Value::None,
        }
    }

    fn inner(&self) -> Option<(Kind, &'static &'static str)> {
        matches!(self.phase, Phase::Pass).then_some((Kind::Generator, &"__sleep0"))
    }
}

impl Sleep {
    fn begin(&mut self, vm: &mut Vm) -> Result<Outcome> {
        let at_once = match &self.delay {
            Value::Int(n) => *n <= 0,
            Value::Float(x) => x.get() <= 0.0,
            other => {
                let answer = vm.compare(CmpOp::LtE, other, &Value::Int(0))?;
                vm.truth(&answer)?
            }
        };
        if at_once {
            self.phase = Phase::Pass;
            return Ok(Outcome::Yield(Value::None));
        }
        if vm.to_f64(&self.delay)?.is_nan() {
            return Err(vm.value_error("Invalid delay: NaN (not a number)"));
        }
        let event_loop = policy::running_loop(vm)?;
        match event_loop::of(&event_loop) {
            Some(el) if !el.custom.get() && !el.debug.get() => {
                if el.closed.get() {
                    return Err(event_loop::closed(vm));
                }
                let future = future::new_future(vm, &el.state, &event_loop);
                let when = match &self.delay {
                    Value::Int(n) => event_loop::time(vm) + *n as f64,
                    Value::Float(x) => event_loop::time(vm) + x.get(),
                    other => {
                        let now = Value::float(event_loop::time(vm));
                        let when = crate::machine::ops::add(vm, &now, other)?;
                        vm.to_f64(&when)?
                    }
                };
                // The future keeps the result until its time comes.
                future::data(&future).result.replace(self.result.take());
                el.add_sleep(when, &future);
                let outcome = future::wait_for(&future);
                self.phase = Phase::Timer(future);
                Ok(outcome)
            }
            _ => self.begin_custom(vm, &event_loop),
        }
    }

    /// Sleeps on a loop whose methods a script may have written, or in debug mode.
    fn begin_custom(&mut self, vm: &mut Vm, event_loop: &Value) -> Result<Outcome> {
        let made = vm.call_method(event_loop, "create_future", &[])?;
        let wake = super::bound_native(vm, &super::SET_RESULT_UNLESS_CANCELLED, &made);
        let handle = vm.call_method(event_loop, "call_later", &[self.delay.clone(), wake, self.result.clone()])?;
        let Value::Instance(future) = &made else { return vm.delegate(&made) };
        if future.data::<future::Future>().is_none() {
            return vm.delegate(&made);
        }
        let outcome = future::wait_for(future);
        self.phase = Phase::Handle(future.clone(), handle);
        Ok(outcome)
    }
}

/// The sleeper woke up early, or late: its timer is not needed any more.
fn cancel_timer(future: &Rc<Instance>) {
    let data = future::data(future);
    if data.timer.get() != TimerState::Scheduled {
        return;
    }
    data.timer.set(TimerState::Cancelled);
    event_loop::timer_cancelled(&data.event_loop.borrow());
    if data.status.get() != future::Status::Finished {
        let result = data.result.replace(Value::None);
        drop(result);
    }
}

/// The time of a `sleep` is up.
pub fn time_is_up(vm: &mut Vm, future: &Rc<Instance>) -> Result<()> {
    let data = future::data(future);
    if data.is_done() {
        return Ok(());
    }
    let result = data.result.borrow().clone();
    future::fulfil(vm, future, result)
}
