use std::rc::Rc;
use crate::machine::Vm;
use crate::object::{Result,Str,Value};
use crate::object::native::{Row,native};
const ROWS: &[Row] = &[native("print(*args)", |vm,args| { let items=vm.collect(&args[0])?; let mut t=String::new(); for (i,x) in items.iter().enumerate() { if i>0 {t.push(' ')} t.push_str(&vm.str(x)?); } t.push('\n'); vm.write_out(&t)?; Ok(Value::None) }),
 native("len(obj, /)", |vm,args| Ok(Value::usize(vm.len(&args[0])?)))];
pub fn install(vm: &mut Vm) {
  let b=vm.builtins.clone();
  super::add_functions(vm,"builtins",&b,ROWS);
  for c in vm.types.all().into_iter().cloned().collect::<Vec<_>>() { let n=c.name.borrow().clone(); let n=vm.intern_str(&n); b.set_str(&n, Value::Class(c)); }
}
impl Vm { pub fn dir_names(&mut self, _: &Value) -> Result<Vec<Rc<Str>>> { Ok(Vec::new()) } }
