//! Finalisers, and collecting circles of garbage.
//!
//! Objects that died with something left to run wait in a queue; the machine runs it between two steps, and collects
//! there when enough objects were made. **Invariant**: finalisers of garbage run while all of it is still whole; what
//! they bring back to life is left alone.

use super::prelude::*;
use crate::object::Instance;
use crate::object::coroutine::State;
use crate::object::gc::Finalizer;
use crate::object::gc::weak::{Remembered, WeakRef};

impl Vm {
    /// Runs what objects that died have left to run. Errors go to stderr: there is nobody to catch them.
    #[cold]
    pub fn run_finalizers(&mut self, frame: Option<&Frame>) {
        let pushed = frame.is_some();
        if let Some(frame) = frame {
            let span = frame.code.span_at(frame.pc as usize);
            self.calls.push(super::CallSite { code: frame.code.id.get(), span });
        }
        self.drain_finalizers();
        if gc::collection_wanted() {
            self.collect_garbage(gc::full_collection_wanted());
            self.drain_finalizers();
        }
        if pushed {
            self.calls.pop();
        }
    }

    /// What died at a place is finalised before anything else happens there.
    #[inline]
    pub fn finalize_at(&mut self, code: &Code, span: Span) {
        if gc::pending() {
            self.calls.push(super::CallSite { code: code.id.get(), span });
            self.run_finalizers(None);
            self.calls.pop();
        }
    }

    fn drain_finalizers(&mut self) {
        // What a finaliser drops is run as well, but a finaliser that revives itself for ever must not hang the script.
        for _ in 0..10_000 {
            let batch = gc::take_finalizers();
            if batch.is_empty() {
                break;
            }
            for finalizer in batch {
                match finalizer {
                    Finalizer::Del(value) => self.finalize_instance(&value),
                    Finalizer::Coroutine(coroutine) => self.finalize_coroutine(coroutine),
                    Finalizer::Weak(reference) => self.call_weak_callback(&reference),
                    Finalizer::Native(run) => run(self),
                }
            }
        }
    }

    fn finalize_instance(&mut self, value: &Value) {
        if let Value::Instance(instance) = value {
            // A script's `__del__` takes the place of the built-in one.
            if !instance.class().has_del.get() {
                if let Some(finalizer) = instance.native_data().and_then(|data| data.finalizer()) {
                    finalizer(self, value);
                }
                return;
            }
        }
        match self.call_special(value, sym::__del__, &[]) {
            Ok(_) => {}
            Err(error) => {
                let what = self.lookup_special(value, sym::__del__).unwrap_or_default();
                self.report_unraisable(&error, &what);
            }
        }
    }

    fn call_weak_callback(&mut self, reference: &Rc<Instance>) {
        let Some(data) = reference.data::<WeakRef>() else { return };
        drop(data.target.take());
        let callback = data.callback.take();
        if callback.given().is_some() {
            if let Err(error) = self.call(&callback, &[Value::Instance(reference.clone())]) {
                self.report_unraisable(&error, &callback);
            }
        }
    }

    /// The collection at the end of a program.
    pub fn collect_at_exit(&mut self) {
        self.collect_in(true, true);
        self.drain_finalizers();
    }

    /// Frees the circles of garbage among the young objects, or among all; returns how many objects were garbage.
    pub fn collect_garbage(&mut self, full: bool) -> usize {
        self.collect_in(full, false)
    }

    fn collect_in(&mut self, full: bool, at_exit: bool) -> usize {
        if std::mem::replace(&mut self.collecting, true) {
            return 0;
        }
        self.tell_gc_callbacks("start", full, 0);
        if !at_exit {
            self.age_namespace(full);
        }
        let drawn = self.host.style.format != crate::report::ErrorFormat::Python;
        let mut garbage = gc::find_garbage(full, drawn, at_exit);
        let mut count = 0;
        if !garbage.is_empty() {
            gc::weak::cut(&garbage);
            self.drain_finalizers();
            if garbage.iter().any(is_told) {
                garbage = self.finalize_all(garbage);
                garbage = gc::still_garbage(garbage, at_exit);
            }
            // What died of a finaliser already is not counted.
            count = gc::count(&garbage);
            gc::free(garbage);
        }
        self.collecting = false;
        gc::note_collection(full, count);
        self.tell_gc_callbacks("stop", full, count);
        count
    }

    /// In CPython the script's variables have survived a collection of the young before the script begins, and what it makes
    /// stands before them in the first full collection: what was not found alive by then is put behind them in the order
    /// they lead to it, not by age. To import `asyncio` makes so many objects that they are old before.
    fn age_namespace(&mut self, full: bool) {
        if std::mem::replace(&mut self.namespace_aged, true)
            || !full
            || self.modules.get_str(self.name(sym::asyncio)).is_some()
        {
            return;
        }
        if let Some(Value::Module(main)) = self.modules.get_str(self.name(sym::__main__)) {
            gc::rejuvenate(&Value::Dict(main.dict.clone()));
        }
    }

    /// Frees garbage without running anything: for a script that was stopped.
    pub fn discard_garbage(&mut self) {
        discard_finalizers();
        let garbage = gc::find_garbage(true, false, true);
        garbage.iter().for_each(leave_unfinished);
        gc::free(garbage);
        discard_finalizers();
    }

    /// Calls `gc.callbacks`.
    fn tell_gc_callbacks(&mut self, phase: &str, full: bool, collected: usize) {
        let Value::List(callbacks) = &self.gc_callbacks else { return };
        for callback in callbacks.to_vec() {
            let counts = [("generation", if full { 2 } else { 0 }), ("collected", collected), ("uncollectable", 0)];
            let pairs = counts.map(|(name, n)| (Value::Str(self.intern(name)), Value::usize(n))).into();
            let result = self.dict_from_pairs(pairs).and_then(|info| self.call(&callback, &[Value::str(phase), info]));
            if let Err(error) = result {
                self.report_unraisable(&error, &callback);
            }
        }
    }

    /// Runs the finalisers of garbage, which nothing but itself keeps alive meanwhile: what one of them lets go dies at once.
    fn finalize_all(&mut self, garbage: Vec<Value>) -> Vec<Value> {
        let all: Vec<Remembered> = garbage.into_iter().map(|value| Remembered::new(&value)).collect();
        for value in &all {
            let value = value.get();
            if is_told(&value) {
                self.finalize_garbage(&value);
                drop(value);
                self.drain_finalizers();
            }
        }
        all.iter().map(Remembered::get).filter(|value| !value.is_unbound()).collect()
    }

    /// Runs the finaliser of an object in a circle.
    fn finalize_garbage(&mut self, value: &Value) {
        match value {
            Value::Instance(instance) => {
                instance.mark.set_finalized();
                self.finalize_instance(value);
            }
            Value::Exception(exception) => {
                exception.mark.set_finalized();
                self.finalize_instance(value);
            }
            Value::Coroutine(coroutine) => self.finalize_coroutine(coroutine.clone()),
            _ => {}
        }
    }
}

/// Whether an object in a circle has a finaliser to run.
fn is_told(value: &Value) -> bool {
    match value {
        Value::Instance(instance) => instance.wants_finalizing(),
        Value::Exception(exception) => exception.wants_finalizing(),
        Value::Coroutine(coroutine) => {
            let unfinished = matches!(
                (coroutine.kind, coroutine.state.get()),
                (Kind::Coroutine, State::Created) | (_, State::Suspended)
            );
            unfinished && !coroutine.mark.is_finalized()
        }
        _ => false,
    }
}

/// Drops what waits to be finalised, and what is to be finalised because of that.
fn discard_finalizers() {
    loop {
        let batch = gc::take_finalizers();
        if batch.is_empty() {
            return;
        }
        for finalizer in batch {
            match finalizer {
                Finalizer::Del(value) => leave_unfinished(&value),
                Finalizer::Coroutine(coroutine) => leave_unfinished(&Value::Coroutine(coroutine)),
                Finalizer::Weak(_) | Finalizer::Native(_) => {}
            }
        }
    }
}

/// Has an object go without its finaliser.
fn leave_unfinished(value: &Value) {
    match value {
        Value::Instance(instance) => instance.mark.set_finalized(),
        Value::Coroutine(coroutine) => coroutine.state.set(State::Finished),
        _ => {}
    }
}
