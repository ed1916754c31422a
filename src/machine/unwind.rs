//! Exceptions on their way through frames: handlers, what is being handled, and finalisers.

use std::rc::Weak;

use super::prelude::*;
use crate::object::code::{Pc, Slot};
use crate::object::coroutine::ParkedFrame;
use crate::object::exception::Traceback;
use crate::object::frame::FrameView;

/// Class, value and traceback of an exception as `sys.exc_info` gives them, or three times `None`.
pub fn exc_info(exception: Option<&Rc<Exception>>) -> [Value; 3] {
    let Some(exception) = exception else { return [Value::None, Value::None, Value::None] };
    let traceback = exception.traceback.borrow().clone();
    let class = exception.class.borrow().clone();
    [Value::Class(class), Value::Exception(exception.clone()), traceback.map_or(Value::None, Value::Traceback)]
}

/// Frees the slots from one on, the innermost first: iterators and other values that statements were in the midst of.
fn clear_from(frame: &mut Frame, first: usize) {
    let end = frame.locals.len().min(frame.code.slots as usize);
    for local in frame.locals[first.min(end)..end].iter_mut().rev() {
        if local.is_heap() {
            drop(local.take());
        }
    }
}

/// Leaves the variables of a frame that an exception ends to its traceback: they live as long as that does.
pub(super) fn keep_locals(locals: &mut [Value], function: &Rc<Function>, error: &Error, span: Span) {
    let entry = error.0.traceback.borrow().clone();
    if let Some(entry) = entry.filter(|entry| Rc::ptr_eq(&entry.code, &function.code)) {
        let slots = variables(&entry, locals).iter_mut().map(Value::take).collect();
        leave_to(&entry, slots, function, &error.0, span);
    }
}

/// Leaves all that a frame has to the exception it is handling, which it refers to itself: a generator dies in the midst of
/// that.
pub(super) fn leave_handling(frame: ParkedFrame, pc: Pc) {
    let ParkedFrame { function, locals, handled } = frame;
    let mut locals = locals.into_vec();
    if let Some(exception) = handled
        && let Some(entry) = exception.traceback.borrow().clone()
        && Rc::ptr_eq(&entry.code, &function.code)
    {
        exception.in_circle.set(true);
        leave_to(&entry, locals, &function, &exception, function.code.span_at(pc as usize));
    } else {
        gc::release_in_order(&mut locals);
    }
}

/// Those of a frame's slots that are variables.
fn variables<'a>(entry: &Traceback, locals: &'a mut [Value]) -> &'a mut [Value] {
    let count = entry.code.variables.len().min(locals.len());
    &mut locals[..count]
}

/// A frame that has ended, with its variables.
fn ended_view(locals: &[Value], function: &Rc<Function>) -> Rc<FrameView> {
    let code = &function.code;
    if let Some(Value::Frame(view)) = code.view.and_then(|slot| locals.get(slot as usize)) {
        return view.clone();
    }
    let view = FrameView::new(code.clone(), function.globals.clone(), code.head_span());
    view.slots.replace(locals.iter().take(code.variables.len()).cloned().collect());
    view.function.replace(Some(function.clone()));
    Rc::new(view)
}

/// Has an entry of an exception's traceback hold the variables of its frame, and the place where that ended.
fn leave_to(entry: &Traceback, mut slots: Vec<Value>, function: &Rc<Function>, exception: &Rc<Exception>, span: Span) {
    if slots.iter().all(Value::is_unbound) && span == entry.span {
        return;
    }
    if exception.in_circle.get() {
        slots.push(Value::Exception(exception.clone()));
    }
    if slots.iter().any(Value::is_container) {
        gc::register(exception);
    }
    let mut known = entry.frame.borrow_mut();
    let view = known.get_or_insert_with(|| Rc::new(FrameView::new(entry.code.clone(), function.globals.clone(), span)));
    view.span.set(span);
    *view.function.borrow_mut() = Some(function.clone());
    let old = view.slots.replace(slots);
    drop(known);
    drop(old);
}

/// What holds the variables of a frame when it has ended, while it lives itself.
#[derive(Clone)]
enum Holder {
    /// The frame's entry in the traceback of an exception that it has caught.
    Entry(Weak<Traceback>),
    /// A frame that this one called, which has ended and is held.
    Callee(Weak<FrameView>),
}

/// An exception that a frame has caught, or one that it called: while it lives, so do the frame's variables when the
/// frame has ended.
#[derive(Clone)]
pub(super) struct Caught {
    exception: Weak<Exception>,
    holder: Holder,
}

impl Caught {
    fn is_gone(&self) -> bool {
        match &self.holder {
            Holder::Entry(_) => self.exception.strong_count() == 0,
            Holder::Callee(frame) => frame.strong_count() == 0,
        }
    }
}

/// The frames under way that called one which has ended and is held: each holds its caller. Known by their depth until
/// they end or are suspended, innermost last.
#[derive(Default)]
pub(super) struct Callers {
    known: Vec<(u32, Caught)>,
    /// The depth of the innermost, 0 if there are none.
    depth: u32,
}

impl Callers {
    fn push(&mut self, depth: u32, caught: Caught) {
        if self.known.len() >= 32 && self.known.len().is_power_of_two() {
            self.known.retain(|(_, caught)| !caught.is_gone());
        }
        self.known.push((depth, caught));
        self.depth = depth;
    }

    /// Takes what is known of a frame at a depth, and of those that were below it.
    fn take(&mut self, depth: u32) -> impl Iterator<Item = Caught> {
        let first = self.known.partition_point(|(known, _)| *known < depth);
        let taken = self.known.split_off(first);
        self.depth = self.known.last().map_or(0, |(depth, _)| *depth);
        taken.into_iter().map(|(_, caught)| caught).filter(|caught| !caught.is_gone())
    }
}

impl Vm {
    /// Has an exception keep something alive that nobody sees, as the frames of Python's own library in its traceback would.
    pub fn keep_with(&mut self, error: &Error, value: Value) {
        gc::register(&error.0);
        let entry = error.0.traceback.borrow().clone();
        let globals = entry.as_ref().and_then(|entry| entry.code.globals.borrow().upgrade());
        let (Some(entry), Some(globals)) = (entry, globals) else {
            let (name, root) = (self.name(sym::kept).clone(), error.class().root_shape.clone());
            if let Some(before) = error.0.own.change(|own| own.set(&root, &name, value.clone())) {
                self.set_exception_attr(error, sym::kept, Value::tuple([before, value]));
            }
            return;
        };
        let mut known = entry.frame.borrow_mut();
        let view = known.get_or_insert_with(|| Rc::new(FrameView::new(entry.code.clone(), globals, entry.span)));
        let mut slots = view.slots.borrow_mut();
        if slots.len() < entry.code.variables.len() {
            slots.resize(entry.code.variables.len(), Value::Unbound);
        }
        slots.push(value);
    }

    /// An exception that a native has raised gets what is being handled as its context.
    pub fn arises(&self, exception: &Rc<Exception>) {
        let is_raised_here =
            !exception.reraised.get() && exception.traceback.borrow().is_none() && exception.context.borrow().is_none();
        if let Some(handling) = self.handling.as_ref().filter(|_| is_raised_here) {
            exception.set_context(handling);
        }
    }

    /// Takes an exception raised at the current step to its handler, or out of the frame.
    #[cold]
    pub fn unwind(&mut self, frame: &mut Frame, error: Error) -> Result<()> {
        let code = frame.code.clone();
        let exception = &error.0;
        let pc = frame.pc;
        let span = exception.place.take().unwrap_or_else(|| code.span_at(pc as usize));
        let is_new = exception.left.replace((code.id.get(), span)) == Default::default();
        self.finalize_at(&code, span);
        if is_new {
            self.arises(exception);
        }
        if exception.traceback.borrow().is_none() {
            self.note_name_suggestion(&error, frame);
        }
        let seen = code.view.map(|slot| self.failing_view(frame, slot));
        if let Some(view) = &seen {
            view.span.set(span);
        }
        if !exception.reraised.replace(false) {
            exception.add_traceback(&code, span, seen);
        }
        let handlers = if self.stopped.is_some() { &[][..] } else { &code.handlers[..] };
        let Some(handler) = handlers.iter().find(|h| h.start <= pc && pc < h.end) else {
            if code.source.library && error.is(&self.types.AttributeError) {
                if let Some(error) = self.wrong_receiver(frame.function, frame.locals.first()) {
                    return Err(error);
                }
            }
            clear_from(frame, code.variables.len());
            self.finalize_at(&code, span);
            self.leave_caught(frame.locals, frame.function);
            keep_locals(frame.locals, frame.function, &error, span);
            // A group that `except*` made and that is raised again at once has come from nowhere.
            let known = exception.traceback.borrow().is_some();
            exception.raised.set(known || exception.raised.get());
            return Err(error);
        };
        clear_from(frame, handler.clear as usize);
        self.finalize_at(&code, span);
        frame.locals[handler.exc as usize] = error.value();
        frame.pc = handler.target;
        self.note_caught(frame, &error);
        drop(error);
        self.finalize_at(&code, span);
        Ok(())
    }

    fn note_caught(&mut self, frame: &Frame, error: &Error) {
        if error.0.in_circle.get() {
            self.keep_with(error, error.value());
        }
        if let Some(entry) = error.0.traceback.borrow().as_ref() {
            let (exception, entry) = (Rc::downgrade(&error.0), Rc::downgrade(entry));
            if self.caught.len() >= 32 && self.caught.len().is_power_of_two() {
                self.caught.retain(|_, known| !known.iter().all(Caught::is_gone));
            }
            let known = self.caught.entry(frame.locals.as_ptr()).or_default();
            while known.last().is_some_and(Caught::is_gone) {
                known.pop();
            }
            if known.len() >= 32 && known.len().is_power_of_two() {
                known.retain(|caught| !caught.is_gone());
            }
            known.push(Caught { exception, holder: Holder::Entry(entry) });
        }
    }

    /// The end of a frame that may have caught exceptions: who still has one of them has the frame's variables too, and
    /// those of the frames that called it when they end.
    #[inline]
    pub fn leave_caught(&mut self, locals: &mut [Value], function: &Rc<Function>) {
        if !self.caught.is_empty() || self.is_held_caller() {
            self.leave_to_caught(locals, function);
        }
    }

    /// Whether the frame that runs called one that is held.
    #[inline(always)]
    pub(super) fn is_held_caller(&self) -> bool {
        self.callers.depth >= self.depth
    }

    #[cold]
    pub(super) fn leave_to_caught(&mut self, locals: &mut [Value], function: &Rc<Function>) {
        let mut known = self.caught.remove(&locals.as_ptr()).unwrap_or_default();
        if self.is_held_caller() {
            known.extend(self.callers.take(self.depth));
        }
        let mut own: Option<Rc<FrameView>> = None;
        for Caught { exception, holder } in known {
            let origin = exception.upgrade();
            let view = match holder {
                Holder::Entry(entry) => {
                    let (Some(exception), Some(entry)) = (&origin, entry.upgrade()) else { continue };
                    if !Rc::ptr_eq(&entry.code, &function.code) {
                        continue;
                    }
                    let slots = variables(&entry, locals).to_vec();
                    leave_to(&entry, slots, function, exception, entry.span);
                    self.frame_of(&entry)
                }
                Holder::Callee(callee) => {
                    let Some(callee) = callee.upgrade() else { continue };
                    let view = own.get_or_insert_with(|| ended_view(locals, function)).clone();
                    if callee.code.view.is_none() {
                        drop(callee.back.replace(Some(view.clone())));
                    }
                    if let Some(exception) = &origin {
                        gc::register(exception);
                    }
                    view
                }
            };
            if self.depth > 1 {
                let caller = Caught { exception, holder: Holder::Callee(Rc::downgrade(&view)) };
                self.callers.push(self.depth - 1, caller);
            }
            own.get_or_insert(view);
        }
    }

    /// An exception left the outermost frame of a coroutine that no frame of a script has called: who has it has the
    /// variables of those that run the event loop when they end.
    pub fn hold_callers(&mut self, error: &Error) {
        let Some(entry) = error.0.traceback.borrow().clone() else { return };
        let holder = Holder::Callee(Rc::downgrade(&self.frame_of(&entry)));
        self.callers.push(self.depth, Caught { exception: Rc::downgrade(&error.0), holder });
    }

    /// A frame is suspended that called one which is held: from now on it is known by where its variables are.
    #[cold]
    pub(super) fn suspend_caller(&mut self, locals: &[Value]) {
        let known: Vec<Caught> = self.callers.take(self.depth).collect();
        if !known.is_empty() {
            self.caught.entry(locals.as_ptr()).or_default().extend(known);
        }
    }

    /// The variables of a frame have moved.
    pub fn caught_moved(&mut self, from: *const Value, to: *const Value) {
        if let Some(known) = self.caught.remove(&from) {
            self.caught.insert(to, known);
        }
    }

    /// Begins to handle the exception in a slot; what was being handled is kept in another.
    pub fn enter_handler(&mut self, frame: &mut Frame, exc: Slot, outer: Slot) {
        if let Value::Exception(exception) = &frame.locals[exc as usize] {
            let exception = exception.clone();
            self.handling = Some(exception.clone());
            let before = frame.handled.replace(exception);
            frame.locals[outer as usize] = before.map_or(Value::None, Value::Exception);
        }
    }

    /// Handles another exception in place of the one that is being handled.
    pub fn handle_instead(&mut self, frame: &mut Frame, exception: Rc<Exception>) {
        self.handling = Some(exception.clone());
        frame.handled = Some(exception);
    }

    /// Ends what `enter_handler` began, if it did.
    pub fn leave_handler(&mut self, frame: &mut Frame, outer: Slot) {
        match frame.locals[outer as usize].take() {
            Value::Unbound => return,
            Value::Exception(exception) => frame.handled = Some(exception),
            _ => frame.handled = None,
        }
        self.handling = frame.handled.clone().or_else(|| frame.outer_handled.clone());
    }
}
