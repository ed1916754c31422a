//! Exceptions on their way through frames: handlers, what is being handled, and finalisers.

use std::collections::HashMap;
use std::rc::Weak;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

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

/// Leaves the variables of a frame that an exception ends to its traceback: they live as long as that does. Gives the view
/// that has them.
pub(super) fn keep_locals(
    locals: &mut [Value],
    function: &Rc<Function>,
    error: &Error,
    span: Span,
) -> Option<Rc<FrameView>> {
    let entry = error.0.traceback.borrow().clone().filter(|entry| Rc::ptr_eq(&entry.code, &function.code))?;
    let count = variables(&entry, locals);
    let slots = locals[..count].iter_mut().map(Value::take).collect();
    leave_to(&entry, slots, function, &error.0, span)
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

/// How many of a frame's slots are variables.
fn variables(entry: &Traceback, locals: &[Value]) -> usize {
    entry.code.variables.len().min(locals.len())
}

/// A frame that has ended, with its variables.
fn ended_view(locals: &[Value], function: &Rc<Function>, span: Span) -> Rc<FrameView> {
    let code = &function.code;
    if let Some(Value::Frame(view)) = code.view.and_then(|slot| locals.get(slot as usize)) {
        return view.clone();
    }
    let view = FrameView::new(code.clone(), function.globals.clone(), span);
    view.slots.replace(locals.iter().take(code.variables.len()).cloned().collect());
    view.function.replace(Some(function.clone()));
    Rc::new(view)
}

/// Has an entry of an exception's traceback hold the variables of its frame, and the place where that ended.
fn leave_to(
    entry: &Traceback,
    mut slots: Vec<Value>,
    function: &Rc<Function>,
    exception: &Rc<Exception>,
    span: Span,
) -> Option<Rc<FrameView>> {
    if slots.iter().all(Value::is_unbound) && span == entry.span {
        return None;
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
    let view = view.clone();
    drop(known);
    drop(old);
    Some(view)
}

/// Something by which the variables of a frame are held when it has ended, while it lives itself.
#[derive(Clone)]
pub(super) enum Caught {
    /// An exception that the frame has caught, and the frame's entry in its traceback.
    Exception(Weak<Exception>, Weak<Traceback>),
    /// A frame that this one called, which has ended and is held.
    Callee(Weak<FrameView>),
}

impl Caught {
    fn is_gone(&self) -> bool {
        match self {
            Caught::Exception(exception, _) => exception.strong_count() == 0,
            Caught::Callee(frame) => frame.strong_count() == 0,
        }
    }
}

/// What is known of frames that have not ended: what they have caught, and which of those that they called have ended and
/// are held, as each holds its caller.
#[derive(Default)]
pub(super) struct Holders {
    /// What was caught last, with where the frame's variables are.
    latest: Option<(*const Value, Caught)>,
    /// The rest, and all that is known of suspended frames, by where the variables are.
    by_place: HashMap<*const Value, SmallVec<[Caught; 1]>, FixedState>,
    /// The depth of frames under way, with one that each has called, innermost last.
    callees: Vec<(u32, Weak<FrameView>)>,
    /// The depth of the innermost among them, 0 if there are none.
    depth: u32,
}

impl Holders {
    /// Whether no frame is known to have caught anything.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.latest.is_none() && self.by_place.is_empty()
    }

    fn push_callee(&mut self, depth: u32, callee: &Rc<FrameView>) {
        if self.callees.len() >= 32 && self.callees.len().is_power_of_two() {
            self.callees.retain(|(_, callee)| callee.strong_count() > 0);
        }
        self.callees.push((depth, Rc::downgrade(callee)));
        self.depth = depth;
    }

    /// Takes what is known of a frame at a depth, and of those that were below it.
    fn take_callees(&mut self, depth: u32) -> impl Iterator<Item = Caught> + use<> {
        let first = self.callees.partition_point(|(known, _)| *known < depth);
        let taken = self.callees.split_off(first);
        self.depth = self.callees.last().map_or(0, |(depth, _)| *depth);
        taken.into_iter().map(|(_, callee)| Caught::Callee(callee)).filter(|caught| !caught.is_gone())
    }

    /// Notes that the frame with its variables there has caught an exception, unless that has been noted last: a frame
    /// that raises it again catches it once more at the end of its handler.
    fn note_caught(&mut self, place: *const Value, exception: &Rc<Exception>, entry: &Rc<Traceback>) {
        if let Some((latest, Caught::Exception(known, at))) = &self.latest
            && *latest == place
            && known.as_ptr() == Rc::as_ptr(exception)
            && at.as_ptr() == Rc::as_ptr(entry)
        {
            return;
        }
        let caught = Caught::Exception(Rc::downgrade(exception), Rc::downgrade(entry));
        let before = self.latest.replace((place, caught));
        if let Some((place, caught)) = before.filter(|(_, caught)| !caught.is_gone()) {
            self.file(place, caught);
        }
    }

    fn file(&mut self, place: *const Value, caught: Caught) {
        if self.by_place.len() >= 32 && self.by_place.len().is_power_of_two() {
            self.by_place.retain(|_, known| !known.iter().all(Caught::is_gone));
        }
        let known = self.by_place.entry(place).or_default();
        while known.last().is_some_and(Caught::is_gone) {
            known.pop();
        }
        if known.len() >= 32 && known.len().is_power_of_two() {
            known.retain(|caught| !caught.is_gone());
        }
        known.push(caught);
    }

    /// Takes what is known of the frame with its variables there.
    fn take(&mut self, place: *const Value) -> impl Iterator<Item = Caught> + use<> {
        let filed = if self.by_place.is_empty() { None } else { self.by_place.remove(&place) };
        let latest = self.latest.take_if(|(latest, _)| *latest == place);
        filed.into_iter().flatten().chain(latest.map(|(_, caught)| caught))
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
            let own = keep_locals(frame.locals, frame.function, &error, span);
            if !self.holders.is_empty() || self.is_held_caller() {
                self.leave_to_caught(frame.locals, frame.function, Some(exception), own);
            }
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
            self.holders.note_caught(frame.locals.as_ptr(), &error.0, entry);
        }
    }

    /// The end of a frame that may have caught exceptions: who still has one of them has the frame's variables too, and
    /// those of the frames that called it when they end.
    #[inline]
    pub fn leave_caught(&mut self, locals: &mut [Value], function: &Rc<Function>) {
        if !self.holders.is_empty() || self.is_held_caller() {
            self.leave_to_caught(locals, function, None, None);
        }
    }

    /// Whether the frame that runs called one that is held.
    #[inline(always)]
    pub(super) fn is_held_caller(&self) -> bool {
        self.holders.depth >= self.depth
    }

    /// The same, for a frame that may end because an exception leaves it, whose traceback has the frame and its callers
    /// anyway. `own` is the view of the frame that has its variables, if there is one already.
    #[cold]
    pub(super) fn leave_to_caught(
        &mut self,
        locals: &[Value],
        function: &Rc<Function>,
        leaving: Option<&Rc<Exception>>,
        mut own: Option<Rc<FrameView>>,
    ) {
        let known = self.holders.take(locals.as_ptr());
        let callees = self.is_held_caller().then(|| self.holders.take_callees(self.depth));
        let mut held = false;
        for caught in known.chain(callees.into_iter().flatten()) {
            match caught {
                Caught::Exception(exception, entry) => {
                    let (Some(exception), Some(entry)) = (exception.upgrade(), entry.upgrade()) else { continue };
                    if !Rc::ptr_eq(&entry.code, &function.code) {
                        continue;
                    }
                    let leaves = leaving.is_some_and(|leaving| Rc::ptr_eq(leaving, &exception));
                    if leaves && own.is_none() {
                        continue;
                    }
                    held |= !leaves;
                    let asked = entry.frame.borrow().clone();
                    match (asked, &own) {
                        (Some(asked), Some(own)) if Rc::ptr_eq(&asked, own) => {}
                        // Somebody has asked for the frame before.
                        (Some(asked), _) => {
                            let slots = own.as_ref().map(|own| own.slots.borrow().clone());
                            let slots = slots.unwrap_or_else(|| locals[..variables(&entry, locals)].to_vec());
                            leave_to(&entry, slots, function, &exception, entry.span);
                            own.get_or_insert(asked);
                        }
                        (None, _) => {
                            let own = own.get_or_insert_with(|| ended_view(locals, function, entry.span));
                            *entry.frame.borrow_mut() = Some(own.clone());
                            if exception.in_circle.get() {
                                own.slots.borrow_mut().push(Value::Exception(exception.clone()));
                            }
                            gc::register(&exception);
                        }
                    }
                }
                Caught::Callee(callee) => {
                    let Some(callee) = callee.upgrade() else { continue };
                    let span = function.code.head_span();
                    let view = own.get_or_insert_with(|| ended_view(locals, function, span)).clone();
                    if callee.code.view.is_none() {
                        drop(callee.back.replace(Some(view)));
                    }
                    held = true;
                }
            }
        }
        if let Some(own) = own.filter(|_| held && self.depth > 1) {
            self.holders.push_callee(self.depth - 1, &own);
        }
    }

    /// An exception left the outermost frame of a coroutine that no frame of a script has called: who has it has the
    /// variables of those that run the event loop when they end.
    pub fn hold_callers(&mut self, error: &Error) {
        let Some(entry) = error.0.traceback.borrow().clone() else { return };
        let frame = self.frame_of(&entry);
        gc::register(&error.0);
        self.holders.push_callee(self.depth, &frame);
    }

    /// A frame is suspended that called one which is held: from now on it is known by where its variables are.
    #[cold]
    pub(super) fn suspend_caller(&mut self, locals: &[Value]) {
        let place = locals.as_ptr();
        let callees: SmallVec<[Caught; 1]> = self.holders.take_callees(self.depth).collect();
        callees.into_iter().for_each(|callee| self.holders.file(place, callee));
    }

    /// The variables of a frame have moved.
    pub fn caught_moved(&mut self, from: *const Value, to: *const Value) {
        for caught in self.holders.take(from) {
            self.holders.file(to, caught);
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
