//! Taking exception groups apart: by what `split` and `except*` look for, and by which members are to be kept.

use super::prelude::*;

/// What decides whether an exception, a group among them, belongs to the part that is wanted.
pub type Matcher<'a> = &'a mut dyn FnMut(&mut Vm, &Rc<Exception>) -> Result<bool>;

impl Vm {
    /// The part of an exception that matches and, if wanted, the rest; `None` where nothing is left.
    pub fn partition_group(
        &mut self,
        exception: &Rc<Exception>,
        matches: Matcher,
        want_rest: bool,
    ) -> Result<(Option<Value>, Option<Value>)> {
        let value = Value::Exception(exception.clone());
        if matches(self, exception)? {
            return Ok((Some(value), None));
        }
        if !exception.is(&self.types.BaseExceptionGroup) {
            return Ok((None, Some(value)));
        }
        let (mut matched, mut rest) = (Vec::new(), Vec::new());
        for member in self.group_members(exception) {
            let (inside, outside) = self.nested(|vm| vm.partition_group(&member, matches, want_rest))?;
            matched.extend(inside);
            rest.extend(outside);
        }
        let matched = self.group_part(exception, matched)?;
        let rest = if want_rest { self.group_part(exception, rest)? } else { None };
        Ok((matched, rest))
    }

    /// The members of a group.
    pub fn group_members(&self, group: &Exception) -> Vec<Rc<Exception>> {
        let members = self.exception_attr(group, sym::exceptions);
        let members = members.as_ref().and_then(Value::as_tuple);
        members.into_iter().flat_map(|members| members.iter()).filter_map(|m| m.as_exception().cloned()).collect()
    }

    /// A group like another with some of its members: traceback, cause, context and notes come along.
    fn group_part(&mut self, whole: &Rc<Exception>, members: Vec<Value>) -> Result<Option<Value>> {
        if members.is_empty() {
            return Ok(None);
        }
        let value = Value::Exception(whole.clone());
        let made = match self.call_method(&value, "derive", &[Value::list(members)])? {
            Value::Exception(made) if made.is(&self.types.BaseExceptionGroup) => made,
            _ => return Err(self.type_error("derive must return an instance of BaseExceptionGroup")),
        };
        if Rc::ptr_eq(&made, whole) {
            return Ok(Some(value));
        }
        let (traceback, cause, context) =
            (whole.traceback.borrow().clone(), whole.cause.borrow().clone(), whole.context.borrow().clone());
        let old = (made.traceback.replace(traceback), made.cause.replace(cause), made.context.replace(context));
        drop(old);
        made.suppress_context.set(true);
        let group = Value::Exception(whole.clone());
        if let Some(notes @ (Value::List(_) | Value::Tuple(_))) = self.get_attr_opt(&group, sym::__notes__)? {
            let notes = Value::list(self.collect(&notes)?);
            self.set_attr(&Value::Exception(made.clone()), sym::__notes__, notes)?;
        }
        Ok(Some(Value::Exception(made)))
    }
}
