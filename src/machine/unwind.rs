//! Exceptions on their way through frames: handlers, what is being handled, and finalisers.

use super::prelude::*;
use crate::machine::links::waiting_frames;
use crate::object::code::Slot;
use crate::object::coroutine::{Coroutine, State};
use std::rc::Weak;

use crate::object::exception::Traceback;
use crate::object::frame::{FrameView, Observed};

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

/// Those of a frame's slots that are variables.
fn variables<'a>(entry: &Traceback, locals: &'a mut [Value]) -> &'a mut [Value] {
    let count = entry.code.variables.len().min(locals.len());
    &mut locals[..count]
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

/// An exception that a frame has caught: while it lives, so do the frame's variables when the frame has ended.
pub(super) struct Caught {
    exception: Weak<Exception>,
    /// The frame's entry in its traceback.
    entry: Weak<Traceback>,
}

impl Caught {
    fn is_gone(&self) -> bool {
        self.exception.strong_count() == 0
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

    /// Takes an exception raised at the current step to its handler, or out of the frame.
    #[cold]
    pub fn unwind(&mut self, frame: &mut Frame, error: Error) -> Result<()> {
        let code = frame.code.clone();
        let exception = &error.0;
        let pc = frame.pc;
        let span = exception.place.take().unwrap_or_else(|| code.span_at(pc as usize));
        exception.left.set((code.id.get(), span));
        self.finalize_at(&code, span);
        if !exception.reraised.get() && exception.traceback.borrow().is_none() && exception.context.borrow().is_none() {
            if let Some(handling) = self.handling.clone() {
                exception.set_context(&handling);
            }
        }
        if exception.traceback.borrow().is_none() {
            self.note_name_suggestion(&error, frame);
        }
        if !exception.reraised.replace(false) {
            exception.add_traceback(&code, span, None);
        }
        let handlers = if self.stopped.is_some() { &[][..] } else { &code.handlers[..] };
        let Some(handler) = handlers.iter().find(|h| h.start <= pc && pc < h.end) else {
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
            known.push(Caught { exception, entry });
        }
    }

    /// The end of a frame that may have caught exceptions: who still has one of them has the frame's variables too.
    #[inline]
    pub fn leave_caught(&mut self, locals: &mut [Value], function: &Rc<Function>) {
        if !self.caught.is_empty() {
            self.leave_to_caught(locals, function);
        }
    }

    #[cold]
    fn leave_to_caught(&mut self, locals: &mut [Value], function: &Rc<Function>) {
        for caught in self.caught.remove(&locals.as_ptr()).unwrap_or_default() {
            let (Some(exception), Some(entry)) = (caught.exception.upgrade(), caught.entry.upgrade()) else { continue };
            if Rc::ptr_eq(&entry.code, &function.code) {
                let slots = variables(&entry, locals).to_vec();
                leave_to(&entry, slots, function, &exception, entry.span);
            }
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

    /// Ends what `enter_handler` began, if it did.
    pub fn leave_handler(&mut self, frame: &mut Frame, outer: Slot) {
        match frame.locals[outer as usize].take() {
            Value::Unbound => return,
            Value::Exception(exception) => frame.handled = Some(exception),
            _ => frame.handled = None,
        }
        self.handling = frame.handled.clone().or_else(|| frame.outer_handled.clone());
    }

    /// The place that is running: the innermost call under way.
    pub fn here(&self) -> Option<(std::rc::Rc<Code>, Span)> {
        self.calls.iter().rev().find_map(|site| {
            let code = self.code_by_id(site.code)?;
            (!code.source.library).then_some((code, site.span))
        })
    }

    /// The frames under way, outermost first, with those of coroutines that wait for the one that runs.
    pub fn frames_under_way(&self) -> Vec<(Rc<Code>, Span)> {
        self.calls_under_way().into_iter().map(|(code, span, _)| (code, span)).collect()
    }

    /// The same with the number of the call that each has under way.
    fn calls_under_way(&self) -> Vec<(Rc<Code>, Span, usize)> {
        self.calls_down_to(None).0
    }

    /// The same down to the frame of a coroutine, and whether that was found.
    fn calls_down_to(&self, coroutine: Option<&Rc<Coroutine>>) -> (Vec<(Rc<Code>, Span, usize)>, bool) {
        let is_wanted = |member: &Rc<Coroutine>| coroutine.is_some_and(|wanted| Rc::ptr_eq(wanted, member));
        let mut frames = Vec::new();
        let mut driving = self.driving.iter().peekable();
        // After the last call what waits for a frame that has none under way.
        for (at, site) in self.calls.iter().map(Some).chain([None]).enumerate() {
            let mut found = false;
            while let Some((root, _)) = driving.next_if(|(_, calls)| *calls <= at) {
                for (member, place) in waiting_frames(root) {
                    found = is_wanted(&member);
                    let Some((code, span)) = place else { break };
                    frames.push((code, span, usize::MAX));
                    if found {
                        return (frames, true);
                    }
                }
            }
            let called = site.and_then(|site| Some((self.code_by_id(site.code)?, site.span, at)));
            frames.extend(called);
            if found && site.is_some() {
                return (frames, true);
            }
        }
        (frames, false)
    }

    /// What a script sees of the frame of a coroutine that runs or waits for the one that does, with the frames that
    /// called it.
    pub fn running_view(&mut self, coroutine: &Rc<Coroutine>) -> Option<Rc<FrameView>> {
        let (mut frames, found) = self.calls_down_to(Some(coroutine));
        if !found {
            // It waits for nobody and nobody for it: all that is noted of it is a call it has under way.
            let code = coroutine.code.as_ref().filter(|_| coroutine.state.get() == State::Running)?;
            match frames.iter().rposition(|(called, ..)| Rc::ptr_eq(called, code)) {
                Some(at) => frames.truncate(at + 1),
                None => frames.push((code.clone(), code.head_span(), usize::MAX)),
            }
        }
        self.view_of(frames)
    }

    /// What a script sees of the frames under way, `depth` frames away from here; `None` if there are not so many.
    pub fn frame_view(&mut self, depth: usize) -> Option<Rc<FrameView>> {
        let mut frames = self.calls_under_way();
        frames.truncate(frames.len().checked_sub(depth)?);
        self.view_of(frames)
    }

    /// What a script sees of the last of these frames.
    fn view_of(&mut self, frames: Vec<(Rc<Code>, Span, usize)>) -> Option<Rc<FrameView>> {
        let mut view = None;
        for (code, span, call) in frames {
            let (id, running) = (code.id.get(), code.is_suspendable());
            let known = |frame: &Observed| frame.code == id && (frame.calls == call || running);
            view = Some(match self.observed.iter().rposition(known).filter(|_| code.observed) {
                Some(at) => self.observed_view(at, code, span, view),
                None => {
                    let globals = code.globals.borrow().upgrade().unwrap_or_default();
                    let locals = if code.kind == CodeKind::Module { Value::Unbound } else { Value::NotImplemented };
                    let mut made = FrameView::new(code, globals, span);
                    made.locals = locals.into();
                    made.back = view;
                    Rc::new(made)
                }
            });
        }
        view
    }

    /// What a script sees of the frame of a traceback's entry.
    pub fn frame_of(&mut self, entry: &Traceback) -> Rc<FrameView> {
        if let Some(view) = entry.frame.borrow().clone() {
            return view;
        }
        let view = match self.observed.iter().rposition(|frame| frame.code == entry.code.id.get()) {
            Some(at) => self.observed_view(at, entry.code.clone(), entry.span, None),
            None => {
                let globals = entry.code.globals.borrow().upgrade().unwrap_or_default();
                Rc::new(FrameView::new(entry.code.clone(), globals, entry.span))
            }
        };
        *entry.frame.borrow_mut() = Some(view.clone());
        view
    }

    /// Whether a frame that a script sees is still to be left.
    pub fn is_under_way(&self, view: &Rc<FrameView>) -> bool {
        let known = |frame: &Observed| frame.view.as_ptr() == Rc::as_ptr(view);
        let Some(frame) = self.observed.iter().find(|frame| known(frame)) else { return false };
        self.calls.get(frame.calls).is_some_and(|site| site.code == frame.code)
    }

    /// Notes where the variables of a frame are that begins.
    pub fn observe(&mut self, frame: &Frame) {
        let (calls, code) = (self.calls.len(), frame.code.id.get());
        // What began later, or at the same place and has ended, is there no more.
        while self.observed.last().is_some_and(|last| {
            let over = || last.cells.iter().all(|cell| cell.strong_count() == 0);
            last.calls > calls || last.calls == calls && (last.code == code || over())
        }) {
            self.observed.pop();
        }
        let cells = frame.locals.iter().take(frame.code.variables.len()).map(|local| match local {
            Value::Cell(cell) => Rc::downgrade(cell),
            _ => Weak::new(),
        });
        let namespace = match (frame.code.kind, frame.locals.first()) {
            (CodeKind::Class, Some(Value::Dict(dict))) => Some(Rc::downgrade(dict)),
            _ => None,
        };
        self.observed.push(Observed {
            calls,
            code,
            function: Rc::downgrade(frame.function),
            cells: cells.collect(),
            namespace,
            extra: Rc::default(),
            view: Weak::new(),
        });
    }

    /// What a script sees of a frame of this code that was noted.
    pub fn observed_view(
        &mut self,
        at: usize,
        code: Rc<Code>,
        span: Span,
        back: Option<Rc<FrameView>>,
    ) -> Rc<FrameView> {
        if let Some(view) = self.observed[at].view.upgrade() {
            view.span.set(span);
            return view;
        }
        let back = back.or_else(|| {
            let mut frames = self.calls_under_way();
            frames.retain(|(.., call)| *call < self.observed[at].calls);
            self.view_of(frames)
        });
        let frame = &mut self.observed[at];
        let globals = code.globals.borrow().upgrade().unwrap_or_default();
        let mut view = FrameView::new(code, globals, span);
        view.slots = frame
            .cells
            .iter()
            .map(|cell| cell.upgrade().map_or(Value::Unbound, Value::Cell))
            .collect::<Vec<_>>()
            .into();
        view.function = frame.function.upgrade().into();
        view.extra = frame.extra.clone();
        view.locals = frame.namespace.as_ref().and_then(Weak::upgrade).map_or(Value::Unbound, Value::Dict).into();
        view.back = back;
        let view = Rc::new(view);
        frame.view = Rc::downgrade(&view);
        view
    }
}
