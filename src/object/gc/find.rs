//! Finding garbage: objects that only other garbage refers to.
//!
//! Everything that the registered objects lead to is numbered, and the references among these objects are counted. One
//! whose reference count is higher is referred to from outside; it and all that it leads to is alive, the rest is
//! garbage. A collection of the young does not look into old objects: what they refer to has a reference too many.
//! An instance that one object alone refers to lives as long as that: it is taken for a part of it.

use std::collections::HashMap;
use std::rc::Rc;

use super::registry::{self, mark_of};
use super::trace::{Visit, clear, trace};
use crate::object::value::Value;

/// What is looked at, and in which order finalisers run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Young objects, in the order they came into the registry, which is nearly the order they were made in.
    Young,
    /// All objects, in that order.
    Registered,
    /// All objects, in the order they are reached from the first: what is left at the end of a program, where CPython's
    /// collector has put its objects into this order before.
    Reached,
}

struct Graph {
    nodes: Vec<Value>,
    /// How references are followed: [`trace_nodes`], or without the parts.
    follow: fn(&Value, Visit),
    /// References to each node that were found.
    found: Vec<u32>,
    /// The numbers of objects that have no mark to keep it in.
    numbers: HashMap<usize, usize, foldhash::fast::FixedState>,
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

    /// Everything that the given objects lead to.
    fn build(starts: Vec<Value>, order: Order, elders: bool, follow: fn(&Value, Visit)) -> Graph {
        let mut graph = Graph { nodes: Vec::new(), follow, found: Vec::new(), numbers: HashMap::default() };
        let mut starts = starts.into_iter();
        if order != Order::Reached {
            for start in starts.by_ref() {
                if let Some(elder) = elder(&start).filter(|elder| elders && graph.number(elder).is_none()) {
                    graph.add(elder);
                }
                if is_node(&start) && graph.number(&start).is_none() {
                    graph.add(start);
                }
            }
        }
        let mut at = 0;
        loop {
            if at == graph.nodes.len() {
                let Some(start) = starts.next() else { break };
                if !is_node(&start) || graph.number(&start).is_some() {
                    continue;
                }
                graph.add(start);
            }
            let node = graph.nodes[at].take();
            follow(&node, &mut |child| {
                let number = match graph.number(child) {
                    Some(number) => number,
                    None if order == Order::Young && mark_of(child).is_some_and(registry::Mark::is_old) => return,
                    None => graph.add(child.clone()),
                };
                graph.found[number] += 1;
            });
            graph.nodes[at] = node;
            at += 1;
        }
        graph
    }

    /// Which of the objects are alive.
    fn alive(&mut self) -> Vec<bool> {
        let mut alive = vec![false; self.nodes.len()];
        let mut work = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            // One reference is the graph's own.
            if node.reference_count().unwrap_or(usize::MAX) > self.found[at] as usize + 1 {
                alive[at] = true;
                work.push(at);
            }
        }
        while let Some(at) = work.pop() {
            let node = self.nodes[at].take();
            (self.follow)(&node, &mut |child| {
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

    fn forget_numbers(&self) {
        for mark in self.nodes.iter().filter_map(mark_of) {
            mark.set_number(None);
        }
    }
}

/// Shows the nodes that an object refers to.
fn trace_all(value: &Value, visit: Visit) {
    trace(value, &mut |child| {
        if is_node(child) {
            visit(child);
        }
    });
}

/// Shows the nodes that an object and its parts refer to.
fn trace_nodes(value: &Value, visit: Visit) {
    trace_all(value, &mut |child| if is_part(child) { trace_all(child, visit) } else { visit(child) });
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

/// What was made before a native object that holds it.
fn elder(value: &Value) -> Option<Value> {
    match value {
        Value::Instance(instance) => instance.native_data().and_then(|data| data.elder()).filter(is_node),
        _ => None,
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
        Value::Dict(x) => x.table.try_borrow().is_ok_and(|table| table.is_empty()),
        Value::Set(x) => x.table.try_borrow().is_ok_and(|table| table.is_empty()),
        _ => false,
    }
}

/// The garbage among the young objects, or among all; with the elders of native objects before them, or where they are
/// found.
pub fn find_garbage(order: Order, elders: bool) -> Vec<Value> {
    let full = order != Order::Young;
    let mut graph = Graph::build(registry::candidates(full), order, elders, trace_nodes);
    let alive = graph.alive();
    registry::settle(full, graph.nodes.len(), |value| graph.number(value).is_some_and(|number| !alive[number]));
    split(graph, &alive, true)
}

/// How many objects a list of garbage stands for, without frames and tracebacks.
pub fn count(garbage: &[Value]) -> usize {
    let mut parts = 0;
    for value in garbage {
        trace(value, &mut |child| parts += usize::from(is_part(child)));
    }
    parts + garbage.iter().filter(|value| !matches!(value, Value::Frame(_) | Value::Traceback(_))).count()
}

/// Which of the objects are still garbage after their finalisers have run.
pub fn still_garbage(garbage: Vec<Value>) -> Vec<Value> {
    let mut graph = Graph::build(garbage, Order::Young, false, trace_nodes);
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
    let graph = Graph::build(registry::candidates(true), Order::Registered, false, trace_all);
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
