//! Finding garbage: objects that only other garbage refers to.
//!
//! Everything that the registered objects lead to is numbered, and the references among these objects are counted. One
//! whose reference count is higher is referred to from outside; it and all that it leads to is alive, the rest is
//! garbage. A collection of the young does not look into old objects: what they refer to has a reference too many.
//! An instance that one object alone refers to lives as long as that: it is taken for a part of it.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::registry::{self, Mark, mark_of};
use super::trace::{clear, trace};
use crate::object::coroutine::Kind;
use crate::object::value::Value;

struct Graph {
    nodes: Vec<Value>,
    /// Whether what belongs to one object alone is taken for a part of it.
    parts: bool,
    /// References to each node that were found.
    found: Vec<u32>,
    /// The numbers of objects that have no mark to keep it in.
    numbers: HashMap<usize, usize, foldhash::fast::FixedState>,
    /// At the end of a program: places in the code that remember a script's functions do not keep them alive.
    at_exit: bool,
}

impl Graph {
    fn number(&self, value: &Value) -> Option<usize> {
        match mark_of(value) {
            Some(mark) => mark.number(),
            None => self.numbers.get(&value.address()?).copied(),
        }
    }

    fn add(&mut self, value: Value) -> usize {
        let number = self.nodes.len();
        match (mark_of(&value), value.address()) {
            (Some(mark), _) => mark.set_number(Some(number)),
            (None, Some(address)) => drop(self.numbers.insert(address, number)),
            (None, None) => {}
        }
        self.nodes.push(value);
        self.found.push(0);
        number
    }

    /// Everything that the given objects lead to, or only the young ones.
    fn build(starts: Vec<Value>, full: bool, parts: bool) -> Graph {
        let mut graph =
            Graph { nodes: Vec::new(), parts, found: Vec::new(), numbers: HashMap::default(), at_exit: false };
        for start in starts {
            if is_node(&start) && graph.number(&start).is_none() {
                graph.add(start);
            }
        }
        let mut at = 0;
        while at < graph.nodes.len() {
            let node = graph.nodes[at].take();
            references(&node, parts, |child| {
                let number = match graph.number(child) {
                    Some(number) => number,
                    None if !full && mark_of(child).is_some_and(registry::Mark::is_old) => return,
                    None => graph.add(child.clone()),
                };
                graph.found[number] += 1;
            });
            graph.nodes[at] = node;
            at += 1;
        }
        graph
    }

    /// Whether an object is referred to from outside. One reference is the graph's own.
    fn is_root(&self, at: usize) -> bool {
        if let (true, Value::Function(function)) = (self.at_exit, &self.nodes[at]) {
            if !function.code.source.library {
                return false;
            }
        }
        self.nodes[at].reference_count().unwrap_or(usize::MAX) > self.found[at] as usize + 1
    }

    /// Which of the objects are alive.
    fn alive(&mut self) -> Vec<bool> {
        let mut alive = vec![false; self.nodes.len()];
        let mut work = Vec::new();
        for (at, alive) in alive.iter_mut().enumerate() {
            if self.is_root(at) {
                *alive = true;
                work.push(at);
            }
        }
        while let Some(at) = work.pop() {
            let node = self.nodes[at].take();
            references(&node, self.parts, |child| {
                if let Some(number) = self.number(child) {
                    if !std::mem::replace(&mut alive[number], true) {
                        work.push(number);
                    }
                }
            });
            self.nodes[at] = node;
        }
        alive
    }

    /// CPython's collector goes through its objects by age and puts those aside that nothing alive has led to so far; what
    /// turns out to be alive goes behind all others, a coroutine behind its task. That is to be seen when they die.
    fn grow_old(&self, alive: &[bool]) {
        let is_told = |value: &Value| registry::own_age(value).is_some() || has_finalizer(value);
        if !self.nodes.iter().zip(alive).any(|(node, alive)| *alive && is_told(node)) {
            return;
        }
        let renewing = registry::begin_renewing();
        let mut ages: Vec<_> = self.nodes.iter().map(registry::age_of).collect();
        // What is written as `[f(), g()]` is made after its items, a function after its defaults, a traceback after the
        // variables of its frames; what an earlier collection has put behind others stands before its items there. Whatever
        // was found later is looked at before.
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let is_made_of = matches!(
                node,
                Value::List(_)
                    | Value::Tuple(_)
                    | Value::Dict(_)
                    | Value::Set(_)
                    | Value::Function(_)
                    | Value::Exception(_)
                    | Value::Traceback(_)
                    | Value::Frame(_)
            );
            if ages[at].is_none() && is_made_of {
                let (mut oldest, mut newest) = (None, None);
                let globals = if let Value::Function(function) = node { Some(&function.globals) } else { None };
                references(node, self.parts, |child| {
                    if !matches!((child, globals), (Value::Dict(dict), Some(globals)) if Rc::ptr_eq(dict, globals)) {
                        let age = self.number(child).and_then(|child| ages[child]);
                        newest = newest.max(age);
                        oldest = oldest.into_iter().chain(age).min();
                    }
                });
                ages[at] = match (oldest, newest) {
                    (Some((oldest, _)), Some((newest, _))) if registry::were_renewed(oldest, newest) => {
                        Some((oldest - 1, u8::MAX))
                    }
                    _ => newest.map(|(age, rank)| (age, rank.saturating_add(2))),
                };
            }
        }
        // A traceback and its frames are made when their exception is raised.
        for (at, node) in self.nodes.iter().enumerate() {
            if let (Some(age), Value::Exception(_) | Value::Traceback(_) | Value::Frame(_)) = (ages[at], node) {
                references(node, self.parts, |child| {
                    if let (Some(number), Value::Traceback(_) | Value::Frame(_)) = (self.number(child), child) {
                        ages[number] = ages[number].max(Some(age));
                    }
                });
            }
        }
        let mut list: Vec<usize> = (0..ages.len()).filter(|&at| alive[at] && ages[at].is_some()).collect();
        list.sort_by_key(|&at| ages[at]);
        let aged: Vec<bool> = ages.iter().map(Option::is_some).collect();
        let mut reached: Vec<bool> = (0..self.nodes.len()).map(|at| self.is_root(at)).collect();
        let mut aside = vec![false; self.nodes.len()];
        let mut had_turn = aside.clone();
        // What has no age leads on as soon as it is reached.
        let mut work: VecDeque<usize> = (0..self.nodes.len()).filter(|&at| reached[at] && !aged[at]).collect();
        let mut turn = 0;
        loop {
            while let Some(at) = work.pop_front() {
                let mut children = Vec::new();
                references(&self.nodes[at], self.parts, |child| children.extend(self.number(child)));
                for child in children {
                    if !std::mem::replace(&mut reached[child], true) {
                        if !aged[child] {
                            work.push_back(child);
                        } else if aside[child] {
                            registry::rejuvenate(&self.nodes[child]);
                            list.push(child);
                        }
                    }
                }
            }
            let Some(&at) = list.get(turn) else { break };
            turn += 1;
            if !reached[at] {
                aside[at] = true;
            } else if let Value::Function(function) = &self.nodes[at]
                && (aside[at] || !ages[at].is_some_and(|(age, _)| registry::were_renewed(age + 1, age + 1)))
                && !std::mem::replace(&mut had_turn[at], true)
            {
                // The tuples of its defaults and cells have a turn of their own, unless they stand behind it already.
                list.push(at);
                let keyword_defaults = function.extra.borrow().as_ref().and_then(|extra| extra.kwdefaults.clone());
                let dict = keyword_defaults.and_then(|dict| self.number(&Value::Dict(dict)));
                list.extend(dict.filter(|&dict| aside[dict] && !std::mem::replace(&mut reached[dict], true)));
            } else {
                work.push_back(at);
            }
        }
        registry::end_renewing(renewing);
    }

    fn forget_numbers(&self) {
        for mark in self.nodes.iter().filter_map(mark_of) {
            mark.set_number(None);
        }
    }
}

/// Shows the nodes that an object refers to; those that its parts refer to instead of these if `parts`.
#[inline]
fn references(value: &Value, parts: bool, mut visit: impl FnMut(&Value)) {
    trace(value, &mut |child| {
        // What has a number was found to be a node before.
        if mark_of(child).is_some_and(Mark::is_numbered) {
            visit(child);
        } else if is_node(child) {
            if parts && is_part(child) {
                trace(child, &mut |inner| {
                    if is_node(inner) {
                        visit(inner)
                    }
                });
            } else {
                visit(child);
            }
        }
    });
}

/// Whether an object that another one refers to belongs to that alone, and nothing is to be done when it goes.
fn is_part(value: &Value) -> bool {
    match value {
        Value::Instance(x) => {
            Rc::strong_count(x) == 1
                && Rc::weak_count(x) == 0
                && !x.mark.is_registered()
                && !x.mark.is_watched()
                && !x.wants_finalizing()
        }
        _ => false,
    }
}

/// Whether something is to be done before an object is freed.
fn has_finalizer(value: &Value) -> bool {
    match value {
        Value::Instance(x) => x.wants_finalizing(),
        Value::Exception(x) => x.wants_finalizing(),
        _ => false,
    }
}

/// Whether an object is looked at: it can refer to others, and is not one of the built-in classes, which stay.
fn is_node(value: &Value) -> bool {
    match value {
        Value::Class(class) => !class.builtin,
        other => other.is_container() && !leads_nowhere(other),
    }
}

/// Whether a small container holds only numbers, strings and the like, which is quickly seen.
fn leads_nowhere(value: &Value) -> bool {
    const QUICK: usize = 16;
    match value {
        Value::Tuple(x) => x.len() <= QUICK && !x.iter().any(Value::is_container),
        Value::List(x) => match x.items.try_borrow() {
            Ok(items) => items.len() <= QUICK && !items.iter().any(Value::is_container),
            Err(_) => false,
        },
        Value::Dict(x) => x.table.try_borrow().is_ok_and(|table| {
            let entries = table.entries();
            entries.len() <= QUICK && !entries.iter().any(|e| e.key.is_container() || e.value.is_container())
        }),
        Value::Set(x) => x.table.try_borrow().is_ok_and(|table| table.is_empty()),
        _ => false,
    }
}

/// The garbage among the young objects, or among all, the eldest first; or with coroutines behind all others, so that a
/// report can show where a task stood.
pub fn find_garbage(full: bool, coroutines_last: bool, at_exit: bool) -> Vec<Value> {
    let mut graph = Graph::build(registry::candidates(full), full, true);
    graph.at_exit = at_exit;
    let alive = graph.alive();
    if full {
        graph.grow_old(&alive);
    }
    registry::settle(full, graph.nodes.len(), |value| graph.number(value).is_some_and(|number| !alive[number]));
    let mut garbage = split(graph, &alive, true);
    let is_coroutine = |value: &Value| matches!(value, Value::Coroutine(_));
    let is_last = |value: &Value| matches!(value, Value::Coroutine(coroutine) if coroutine.kind != Kind::Generator);
    if garbage.iter().any(|value| is_coroutine(value) || has_finalizer(value)) {
        garbage.sort_by_cached_key(|value| {
            (coroutines_last && is_last(value), registry::age_of(value).unwrap_or((u32::MAX, 0)))
        });
    }
    garbage
}

/// How many objects CPython's collector would call garbage: without frames and tracebacks, and without the tuples and dicts
/// it does not track, but with lists and sets that hold only numbers, strings and the like.
pub fn count(garbage: &[Value]) -> usize {
    let told = |value: &&Value| !matches!(value, Value::Frame(_) | Value::Traceback(_)) && is_tracked(value, 0);
    let leaf = |value: &Value| {
        usize::from(
            !is_node(value) && value.reference_count() == Some(1) && value.is_container() && is_tracked(value, 0),
        )
    };
    let mut inside = 0;
    for value in garbage {
        trace(value, &mut |child| {
            if is_part(child) {
                inside += 1;
                trace(child, &mut |inner| inside += leaf(inner));
            } else {
                inside += leaf(child);
            }
        });
    }
    inside + garbage.iter().filter(told).count()
}

/// Whether CPython's collector would have an eye on a container: not on a tuple or dict of what it has no eye on. Tuples in
/// tuples are looked into as far as some levels.
fn is_tracked(value: &Value, level: usize) -> bool {
    const LEVELS: usize = 20;
    match value {
        Value::Tuple(items) if level < LEVELS => items.iter().any(|item| is_tracked(item, level + 1)),
        Value::Dict(dict) if level == 0 => {
            let table = dict.table.borrow();
            table.iter().any(|entry| is_tracked(&entry.key, 1) || is_tracked(&entry.value, 1))
        }
        other => other.is_container(),
    }
}

/// Which of the objects are still garbage after their finalisers have run.
pub fn still_garbage(garbage: Vec<Value>, at_exit: bool) -> Vec<Value> {
    let mut graph = Graph::build(garbage, false, true);
    graph.at_exit = at_exit;
    let alive = graph.alive();
    split(graph, &alive, false)
}

fn split(graph: Graph, alive: &[bool], grow_old: bool) -> Vec<Value> {
    graph.forget_numbers();
    let mut garbage = Vec::new();
    for (node, alive) in graph.nodes.into_iter().zip(alive) {
        if !*alive {
            garbage.push(node);
        } else if let (true, Some(mark)) = (grow_old, mark_of(&node)) {
            mark.set_old(true);
        }
    }
    garbage
}

/// Frees garbage.
pub fn free(garbage: Vec<Value>) {
    for value in &garbage {
        clear(value);
    }
    for value in garbage {
        drop(value);
    }
}

/// Every object that the collector knows of.
pub fn all_objects() -> Vec<Value> {
    let graph = Graph::build(registry::candidates(true), true, false);
    graph.forget_numbers();
    graph.nodes
}

/// What an object refers to directly.
pub fn referents(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    trace(value, &mut |child| {
        if !child.is_unbound() {
            all.push(child.clone());
        }
    });
    all
}

/// The objects that refer directly to one of the given.
pub fn referrers(targets: &[Value]) -> Vec<Value> {
    let mut all = all_objects();
    all.retain(|object| {
        let mut found = false;
        trace(object, &mut |child| found |= targets.iter().any(|target| target.is(child)));
        found
    });
    all
}
