//! Exceptions on their way through frames: handlers, what is being handled, and finalisers.

use crate::machine::Vm;
use crate::machine::coroutine::waiting_frames;
use crate::object::code::{Code, CodeKind, Slot};
use std::rc::Rc;

use crate::object::frame::{Frame, FrameView};
use crate::object::gc;
use crate::object::{Error, Result, Value};
use crate::source::Span;

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
fn keep_locals(frame: &mut Frame, error: &Error, span: Span) {
    let variables = frame.code.variables.len().min(frame.locals.len());
    if frame.locals[..variables].iter().all(Value::is_unbound) {
        return;
    }
    let slots: Vec<Value> = frame.locals[..variables].iter_mut().map(Value::take).collect();
    if slots.iter().any(Value::is_container) {
        gc::register(&error.0);
    }
    let view = FrameView {
        code: frame.code.clone(),
        globals: frame.function.globals.clone(),
        locals: Default::default(),
        slots: slots.into(),
        span,
        back: None,
    };
    if let Some(entry) = &*error.0.traceback.borrow() {
        if Rc::ptr_eq(&entry.code, frame.code) {
            entry.frame.replace(Some(Rc::new(view)));
        }
    }
}

impl Vm {
    /// Takes an exception raised at the current step to its handler, or out of the frame.
    #[cold]
    pub fn unwind(&mut self, frame: &mut Frame, error: Error) -> Result<()> {
        // What died on the way here died at this step, not at the handler.
        if gc::pending() {
            self.run_finalizers(Some(frame));
        }
        let code = frame.code.clone();
        let exception = &error.0;
        let pc = frame.pc;
        let span = exception.place.take().unwrap_or_else(|| code.spans.get(pc as usize).copied().unwrap_or(code.span));
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
            if gc::pending() {
                self.run_finalizers(Some(frame));
            }
            keep_locals(frame, &error, span);
            // A group that `except*` made and that is raised again at once has come from nowhere.
            let known = exception.traceback.borrow().is_some();
            exception.raised.set(known || exception.raised.get());
            return Err(error);
        };
        clear_from(frame, handler.clear as usize);
        if gc::pending() {
            self.run_finalizers(Some(frame));
        }
        frame.locals[handler.exc as usize] = error.value();
        frame.pc = handler.target;
        drop(error);
        if gc::pending() {
            self.run_finalizers(Some(frame));
        }
        Ok(())
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
    pub fn here(&self) -> Option<(std::rc::Rc<crate::object::code::Code>, Span)> {
        self.calls.iter().rev().find_map(|site| {
            let code = self.code_by_id(site.code)?;
            (!code.source.library).then_some((code, site.span))
        })
    }

    /// The frames under way, outermost first, with those of coroutines that wait for the one that runs. A frame that
    /// waits for an operator or an iterator is passed over: only calls are noted.
    pub fn frames_under_way(&self) -> Vec<(Rc<Code>, Span)> {
        let mut frames = Vec::new();
        let mut driving = self.driving.iter().peekable();
        for (at, site) in self.calls.iter().enumerate() {
            while let Some((root, _)) = driving.next_if(|(_, calls)| *calls <= at) {
                frames.append(&mut waiting_frames(root));
            }
            frames.extend(self.code_by_id(site.code).map(|code| (code, site.span)));
        }
        frames
    }

    /// What a script sees of the frames under way, `depth` frames away from here; `None` if there are not so many.
    pub fn frame_view(&self, depth: usize) -> Option<Rc<FrameView>> {
        let frames = self.frames_under_way();
        let count = frames.len().checked_sub(depth)?;
        let mut view = None;
        for (code, span) in frames.into_iter().take(count) {
            let globals = code.globals.borrow().upgrade().unwrap_or_default();
            let locals = if code.kind == CodeKind::Module { Value::Unbound } else { Value::NotImplemented };
            let slots = Default::default();
            view = Some(Rc::new(FrameView { code, globals, locals: locals.into(), slots, span, back: view }));
        }
        view
    }
}
