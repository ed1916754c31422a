//! The module `time`: the host's clocks; the calendar is `moments`.

use super::set_all;
use crate::builtins::prelude::*;
use crate::host::wait_length;
use crate::machine::threads::Wait;

pub(super) const SECOND: i128 = 1_000_000_000;

pub(super) const FUNCTIONS: &[Row] = &[
    native("time()", |vm, _| Ok(Value::float(seconds(vm.host.clock.wall())))),
    native("time_ns()", |vm, _| Ok(nanoseconds(vm.host.clock.wall()))),
    native("monotonic()", |vm, _| Ok(Value::float(seconds(vm.host.clock.monotonic())))),
    native("monotonic_ns()", |vm, _| Ok(nanoseconds(vm.host.clock.monotonic()))),
    native("perf_counter()", |vm, _| Ok(Value::float(seconds(vm.host.clock.monotonic())))),
    native("perf_counter_ns()", |vm, _| Ok(nanoseconds(vm.host.clock.monotonic()))),
    native("process_time()", |vm, _| Ok(Value::float(seconds(process(vm))))),
    native("process_time_ns()", |vm, _| Ok(nanoseconds(process(vm)))),
    native("thread_time()", |vm, _| Ok(Value::float(seconds(process(vm))))),
    native("thread_time_ns()", |vm, _| Ok(nanoseconds(process(vm)))),
    native("clock_gettime(clk_id, /)", |vm, args| Ok(Value::float(seconds(clock(vm, &args[0])?)))),
    native("clock_gettime_ns(clk_id, /)", |vm, args| Ok(nanoseconds(clock(vm, &args[0])?))),
    native("clock_getres(clk_id, /)", |vm, args| clock(vm, &args[0]).map(|_| Value::float(1e-9))),
    native("get_clock_info(name, /)", get_clock_info),
    // What other modules ask of a length of time.
    native("_checked(seconds, /)", |vm, args| length(vm, &args[0]).map(|_| args[0].clone())),
    native("sleep(seconds, /)", sleep).or_suspend(sleep_suspending),
    native("strptime(data_string, format='%a %b %d %H:%M:%S %Y', /)", |vm, args| {
        vm.call_page("_strptime", "_strptime_time", args)
    }),
    native("tzset()", |_, _| Ok(Value::None)),
];

pub(super) fn setup(vm: &mut Vm, module: &Rc<Module>) -> Result<()> {
    let class = super::structures::struct_time(vm);
    super::support::export(vm, &module.dict, &class);
    crate::builtins::add_functions(vm, "time", &module.dict, super::moments::TIME);
    let now = vm.host.clock.wall().div_euclid(SECOND) as i64;
    let (offset, zone) = vm.host.clock.local_offset(now);
    let zone = Value::string(zone);
    set_all(
        vm,
        &module.dict,
        [
            ("timezone", Value::Int(-i64::from(offset))),
            ("altzone", Value::Int(-i64::from(offset))),
            ("daylight", Value::Int(0)),
            ("tzname", Value::tuple([zone.clone(), zone])),
            ("CLOCK_BOOTTIME", Value::Int(7)),
            ("CLOCK_MONOTONIC_RAW", Value::Int(4)),
            ("CLOCK_TAI", Value::Int(11)),
            ("CLOCK_REALTIME", Value::Int(0)),
            ("CLOCK_MONOTONIC", Value::Int(1)),
            ("CLOCK_PROCESS_CPUTIME_ID", Value::Int(2)),
            ("CLOCK_THREAD_CPUTIME_ID", Value::Int(3)),
        ],
    );
    Ok(())
}

/// Nanoseconds as seconds, rounded as Python does: exact where they are whole.
pub(super) fn seconds(nanoseconds: i128) -> f64 {
    if nanoseconds % SECOND == 0 { (nanoseconds / SECOND) as f64 } else { nanoseconds as f64 / 1e9 }
}

fn nanoseconds(nanoseconds: i128) -> Value {
    Value::int(nanoseconds.into())
}

#[derive(Default)]
struct Started(Option<i128>);

/// The processor's time; where no host knows it, what the monotonic clock counts from its first reading on.
fn process(vm: &mut Vm) -> i128 {
    if let Some(time) = vm.host.clock.processor() {
        return time;
    }
    let now = vm.host.clock.monotonic();
    now - *vm.extension::<Started>().0.get_or_insert(now)
}

fn clock(vm: &mut Vm, id: &Value) -> Result<i128> {
    match vm.to_i64(id)? {
        0 | 11 => Ok(vm.host.clock.wall()),
        1 | 4 | 7 => Ok(vm.host.clock.monotonic()),
        2 | 3 => Ok(process(vm)),
        _ => Err(vm.os_error(&std::io::Error::from_raw_os_error(22))),
    }
}

fn get_clock_info(vm: &mut Vm, args: &[Value]) -> Result {
    let Some(name) = args[0].as_str() else {
        return Err(
            vm.type_error(format!("get_clock_info() argument 1 must be str, not {}", vm.argument_name(&args[0])))
        );
    };
    let (implementation, monotonic, adjustable) = match name.as_str() {
        "time" => ("clock_gettime(CLOCK_REALTIME)", false, true),
        "monotonic" | "perf_counter" => ("clock_gettime(CLOCK_MONOTONIC)", true, false),
        "process_time" => ("clock_gettime(CLOCK_PROCESS_CPUTIME_ID)", true, false),
        "thread_time" => ("clock_gettime(CLOCK_THREAD_CPUTIME_ID)", true, false),
        _ => return Err(vm.value_error("unknown clock")),
    };
    let class = vm.types.SimpleNamespace.clone();
    let instance = Instance::new(class.clone(), Payload::NONE);
    for (key, value) in [
        ("implementation", Value::str(implementation)),
        ("monotonic", Value::bool(monotonic)),
        ("adjustable", Value::bool(adjustable)),
        ("resolution", Value::float(1e-9)),
    ] {
        let key = vm.intern(key);
        instance.attrs.change(|attrs| attrs.set(&class.root_shape, &key, value));
    }
    Ok(Value::Instance(Rc::new(instance)))
}

fn sleep(vm: &mut Vm, args: &[Value]) -> Result {
    let wanted = sleep_length(vm, args)?;
    if let Some(before_sleep) = vm.before_sleep {
        before_sleep(vm, wanted);
    }
    if vm.threads.any() {
        let deadline = vm.host.clock.monotonic() + wanted;
        vm.block(Wait { deadline: Some(deadline), ..Wait::default() })?;
    } else {
        vm.sleep(wanted)?;
    }
    Ok(Value::None)
}

/// The same in a thread.
fn sleep_suspending(vm: &mut Vm, args: &[Value]) -> Result {
    let wanted = sleep_length(vm, args)?;
    Ok(vm.sleep_suspending(wanted))
}

fn sleep_length(vm: &mut Vm, args: &[Value]) -> Result<i128> {
    let wanted = length(vm, &args[0])?;
    if wanted < 0 {
        return Err(vm.value_error("sleep length must be non-negative"));
    }
    Ok(wanted)
}

/// In nanoseconds.
fn length(vm: &mut Vm, seconds: &Value) -> Result<i128> {
    let wanted = match seconds.unwrapped() {
        Value::Float(x) if x.get().is_nan() => return Err(vm.value_error("Invalid value NaN (not a number)")),
        Value::Float(x) => Some(wait_length(x.get())).filter(|n| n.abs() < i128::from(i64::MAX)),
        _ => {
            let whole = vm.index(seconds)?;
            whole.as_int().map(|n| i128::from(n) * SECOND).filter(|n| n.abs() < i128::from(i64::MAX))
        }
    };
    wanted.ok_or_else(|| {
        vm.overflow_error(match seconds.unwrapped() {
            Value::Float(_) => "timestamp out of range for platform time_t",
            _ => "timestamp too large to convert to C PyTime_t",
        })
    })
}
