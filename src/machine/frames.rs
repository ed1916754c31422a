//! The frames under way, and what a script sees of them.

use super::prelude::*;
use std::collections::HashMap;

use crate::machine::CallSite;
use crate::machine::links::waiting_frames;
use crate::object::code::{Code, CodeKind, Slot};
use crate::object::coroutine::{Body, Coroutine, State};
use crate::object::exception::Traceback;
use crate::object::frame::{FrameView, Observed};
use crate::source::Span;

/// A frame under way.
struct UnderWay {
    code: Rc<Code>,
    span: Span,
    /// The number of the call it has under way; `None` if it waits for a coroutine.
    call: Option<usize>,
    coroutine: Option<Rc<Coroutine>>,
}

impl Vm {
    /// The place that is running: the innermost call under way.
    pub fn here(&self) -> Option<(std::rc::Rc<Code>, Span)> {
        self.calls.iter().rev().find_map(|site| {
            let code = self.code_by_id(site.code)?;
            (!code.source.library).then_some((code, site.span))
        })
    }

    /// The running thread's frames under way, outermost first, with those of coroutines that wait for the one that runs.
    pub fn frames_under_way(&self) -> Vec<(Rc<Code>, Span)> {
        self.calls_of_thread().into_iter().map(|frame| (frame.code, frame.span)).collect()
    }

    /// The same as far as they are a script's, and `None` for each that is one of CPython's library.
    pub fn frames_with_library(&self) -> Vec<Option<(Rc<Code>, Span)>> {
        let base = self.threads.base();
        let mut hidden = self.hidden.iter().filter(|(calls, _)| base == 0 || *calls > base).peekable();
        let mut frames = Vec::new();
        let mut calls = base;
        for frame in self.calls_of_thread() {
            while let Some((_, count)) = hidden.next_if(|(before, _)| *before <= calls) {
                frames.extend((0..*count).map(|_| None));
            }
            calls = frame.call.map_or(calls, |call| call + 1);
            frames.push((!frame.code.source.library).then_some((frame.code, frame.span)));
        }
        frames.extend(hidden.flat_map(|(_, count)| (0..*count).map(|_| None)));
        frames
    }

    fn calls_of_thread(&self) -> Vec<UnderWay> {
        let mut frames = self.calls_down_to(None).0;
        let base = self.threads.base();
        let others = frames.iter().rposition(|frame| frame.call.is_some_and(|call| call < base));
        frames.drain(..others.map_or(0, |last| last + 1));
        frames
    }

    /// The same down to the frame of a coroutine, and whether that was found.
    fn calls_down_to(&self, coroutine: Option<&Rc<Coroutine>>) -> (Vec<UnderWay>, bool) {
        let is_wanted = |member: &Rc<Coroutine>| coroutine.is_some_and(|wanted| Rc::ptr_eq(wanted, member));
        let mut frames = Vec::new();
        let mut driving = self.driving.iter().peekable();
        // After the last call what waits for a frame that has none under way.
        for (at, site) in self.calls.iter().map(Some).chain([None]).enumerate() {
            let (mut found, mut running) = (false, None);
            while let Some((root, _)) = driving.next_if(|(_, calls)| *calls <= at) {
                for (member, place) in waiting_frames(root) {
                    found = is_wanted(&member);
                    let Some((code, span)) = place else {
                        running = Some(member);
                        break;
                    };
                    frames.push(UnderWay { code, span, call: None, coroutine: Some(member) });
                    if found {
                        return (frames, true);
                    }
                }
            }
            if let Some((site, code)) = site.and_then(|site| Some((site, self.code_by_id(site.code)?))) {
                let coroutine =
                    running.filter(|running| running.code.as_ref().is_some_and(|own| Rc::ptr_eq(own, &code)));
                frames.push(UnderWay { code, span: site.span, call: Some(at), coroutine });
            }
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
            let code = coroutine.code.clone().filter(|_| coroutine.state.get() == State::Running)?;
            match frames.iter().rposition(|frame| Rc::ptr_eq(&frame.code, &code)) {
                Some(at) => frames.truncate(at + 1),
                None => {
                    let (span, call) = (code.head_span(), Some(self.calls.len()));
                    frames.push(UnderWay { code, span, call, coroutine: Some(coroutine.clone()) });
                }
            }
        }
        self.view_of(frames)
    }

    /// What a script sees of the frames under way, `depth` frames away from here; `None` if there are not so many.
    pub fn frame_view(&mut self, depth: usize) -> Option<Rc<FrameView>> {
        let mut frames = self.calls_of_thread();
        frames.truncate(frames.len().checked_sub(depth)?);
        self.view_of(frames)
    }

    /// What a script sees of the last of these frames.
    fn view_of(&mut self, frames: Vec<UnderWay>) -> Option<Rc<FrameView>> {
        let mut above: Option<Rc<FrameView>> = None;
        for frame in frames {
            let view = self.observed_view(&frame).unwrap_or_else(|| {
                let code = frame.code.clone();
                let globals = code.globals.borrow().upgrade().unwrap_or_default();
                let locals = if code.kind == CodeKind::Module { Value::Unbound } else { Value::NotImplemented };
                let mut made = FrameView::new(code, globals, frame.span);
                made.locals = locals.into();
                Rc::new(made)
            });
            view.span.set(frame.span);
            // Who called a plain function does not change.
            if view.back.borrow().is_none() || view.code.is_suspendable() {
                let old = view.back.replace(above);
                drop(old);
            }
            if let Some(coroutine) = &frame.coroutine {
                *view.owner.borrow_mut() = Rc::downgrade(coroutine);
            }
            above = Some(view);
        }
        above
    }

    /// The view that a frame under way keeps of itself.
    fn observed_view(&self, frame: &UnderWay) -> Option<Rc<FrameView>> {
        match (frame.call, &frame.coroutine) {
            (None, Some(coroutine)) => kept_view(coroutine),
            (None, None) => None,
            (Some(call), _) => {
                frame.code.view?;
                let end = self.observed.partition_point(|observed| observed.calls <= call);
                let here = self.observed[..end].iter().rev().take_while(|observed| observed.calls == call);
                let id = frame.code.id.get();
                here.filter(|observed| observed.code == id).find_map(|observed| observed.view.upgrade())
            }
        }
    }

    /// What a script sees of the frame of a traceback's entry.
    pub fn frame_of(&mut self, entry: &Traceback) -> Rc<FrameView> {
        if let Some(view) = entry.frame.borrow().clone() {
            return view;
        }
        let globals = entry.code.globals.borrow().upgrade().unwrap_or_default();
        let view = Rc::new(FrameView::new(entry.code.clone(), globals, entry.span));
        *entry.frame.borrow_mut() = Some(view.clone());
        view
    }

    /// The variables of a frame that a script sees: a class's namespace itself, of a function a copy.
    pub fn frame_variables(&mut self, frame: &FrameView) -> Result {
        if let (namespace @ Value::Dict(_), false) = (&*frame.locals.borrow(), frame.is_in_comp()) {
            return Ok(namespace.clone());
        }
        let contents = |place: Value| if let Value::Cell(cell) = &place { cell.get() } else { place };
        let all = Rc::new(Dict::new());
        for (name, place) in frame.places() {
            let value = contents(place);
            if !value.is_unbound() {
                all.set_str(&name, value);
            }
        }
        for (key, place) in frame.extra.get().map(|extra| extra.pairs()).unwrap_or_default() {
            let value = contents(place);
            if !value.is_unbound() {
                self.dict_set(&all, key, value)?;
            }
        }
        Ok(Value::Dict(all))
    }

    /// The call that a frame has under way which a script sees.
    fn call_of(&self, view: &Rc<FrameView>) -> Option<&CallSite> {
        let known = |frame: &&Observed| frame.view.as_ptr() == Rc::as_ptr(view);
        let frame = self.observed.iter().rfind(known)?;
        self.calls.get(frame.calls).filter(|site| site.code == frame.code)
    }

    /// Whether a frame that a script sees is still to be left.
    pub fn is_under_way(&self, view: &Rc<FrameView>) -> bool {
        self.call_of(view).is_some()
    }

    /// Where a frame stands that a script has seen before.
    pub fn place_of(&self, view: &Rc<FrameView>) -> Span {
        let owner = view.owner.borrow().upgrade();
        let waiting = owner.filter(|owner| owner.state.get() == State::Suspended).and_then(|owner| owner.standing());
        let now = waiting.map(|(_, span)| span).or_else(|| Some(self.call_of(view)?.span));
        view.span.set(now.unwrap_or(view.span.get()));
        view.span.get()
    }

    /// From now on the variables of every frame that begins can be found.
    pub fn observe_all(&mut self) {
        if !std::mem::replace(&mut self.observes_all, true) {
            let known = self.codes().filter(|code| code.view.is_none() && !code.source.library);
            known.for_each(|code| code.replace());
        }
    }

    /// What to run instead of code that was lowered before some text asked for the variables of its callers.
    pub fn observed_code(&mut self, code: &Rc<Code>) -> Option<Rc<Code>> {
        if !self.observes_all || code.view.is_some() || code.source.library {
            return None;
        }
        if code.observed.get().is_none() {
            let mut found = HashMap::new();
            let mut left: Vec<_> = crate::lower::compile_again(self, &code.source).into_iter().collect();
            while let Some(again) = left.pop() {
                left.extend(again.inner.iter().cloned());
                found.insert((again.span, again.name.to_string()), again);
            }
            for old in self.codes_of(&code.source) {
                let again = found.get(&(old.span, old.name.to_string())).filter(|again| again.free == old.free);
                if let Some(again) = again {
                    again.iterable.set(old.iterable.get());
                }
                old.observed.get_or_init(|| again.cloned());
            }
        }
        code.observed.get_or_init(|| None).clone()
    }

    /// Notes that a frame begins, goes on or fails whose variables a script may look at: it keeps the view of itself in a
    /// slot.
    pub fn observe(&mut self, frame: &mut Frame, slot: Slot) -> Rc<FrameView> {
        let (calls, code) = (self.calls.len(), frame.code.id.get());
        // What began later, or at the same place and has ended or waits, is not there any more.
        while self.observed.last().is_some_and(|last| {
            let over = last.code == code || last.view.strong_count() == 0;
            last.calls > calls || last.calls == calls && over
        }) {
            self.observed.pop();
        }
        let view = match &frame.locals[slot as usize] {
            Value::Frame(view) => view.clone(),
            _ => {
                let span = frame.code.head_span();
                let mut view = FrameView::new(frame.code.clone(), frame.function.globals.clone(), span);
                let variables = frame.locals.iter().take(frame.code.variables.len());
                view.slots = variables.cloned().collect::<Vec<_>>().into();
                view.function = Some(frame.function.clone()).into();
                // The namespace of a class body, or of `exec` with locals of its own.
                let has_namespace = matches!(frame.code.kind, CodeKind::Class | CodeKind::Module);
                if let (true, Some(namespace @ Value::Dict(_))) = (has_namespace, frame.locals.first()) {
                    view.locals = namespace.clone().into();
                }
                let view = Rc::new(view);
                frame.locals[slot as usize] = Value::Frame(view.clone());
                view
            }
        };
        self.observed.push(Observed { calls, code, view: Rc::downgrade(&view) });
        view
    }

    /// The view of a frame that fails, with who called it: its traceback has both.
    pub(super) fn failing_view(&mut self, frame: &mut Frame, slot: Slot) -> Rc<FrameView> {
        let view = self.observe(frame, slot);
        if view.back.borrow().is_none() || view.code.is_suspendable() {
            let mut frames = self.calls_of_thread();
            frames.retain(|frame| frame.call.is_none_or(|call| call < self.calls.len()));
            let above = self.view_of(frames);
            let old = view.back.replace(above);
            drop(old);
        }
        view
    }
}

/// The view that the frame of a coroutine which does not run keeps of itself.
pub fn kept_view(coroutine: &Coroutine) -> Option<Rc<FrameView>> {
    let slot = coroutine.code.as_ref()?.view?;
    coroutine.look(|body| match body {
        Body::Frame(frame, _) => match frame.locals.get(slot as usize) {
            Some(Value::Frame(view)) => Some(view.clone()),
            _ => None,
        },
        _ => None,
    })
}
