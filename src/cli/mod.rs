//! Arguments and what they ask for.

mod files;
mod limits;
#[cfg(unix)]
mod outside;
mod repl;
pub(crate) mod signals;
mod streams;

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use aio::diagnostic::{Diagnostic, Severity};
use aio::host::{Clock, Host, VirtualClock};
use aio::report::{self, ErrorFormat, Style};
use aio::{Interpreter, syntax};
use clap::{Parser, ValueEnum};

/// A tiny coroutine scripting language: asyncio, exactly as Python means it, explained and fast.
#[derive(Parser, Clone)]
#[command(version, about, args_override_self = true)]
pub(crate) struct Options {
    /// Run on a virtual clock: sleeping takes no time, and every run is the same
    #[arg(long)]
    virtual_time: bool,
    /// When the virtual clock starts, in seconds since 1970 (implies --virtual-time)
    #[arg(long, value_name = "SECONDS", value_parser = start_seconds, allow_hyphen_values = true)]
    virtual_start: Option<f64>,
    /// How errors and warnings are shown
    #[arg(long, value_enum, default_value = "pretty", value_name = "FORMAT")]
    error_format: Format,
    /// Whether to use colours
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Color,
    /// Event loops in debug mode (also: PYTHONASYNCIODEBUG=1)
    #[arg(long)]
    debug: bool,
    /// Let an event loop wait for ever when nothing can wake it any more, as CPython does
    #[arg(long)]
    no_deadlock_check: bool,
    /// Only parse and check the scripts; report every error found
    #[arg(long)]
    check: bool,
    /// With --check: end with status 1 if there are warnings
    #[arg(long, requires = "check")]
    deny_warnings: bool,
    /// Show what the interpreter makes of the script instead of running it
    #[arg(long, value_enum, value_name = "WHAT")]
    dump: Option<Dump>,
    /// Open a session: after running the script, if there is one
    #[arg(short, long)]
    interactive: bool,
    /// Stop the script when it uses more memory: bytes, or a number with K, M or G
    #[arg(long, value_name = "SIZE", value_parser = limits::size)]
    max_memory: Option<usize>,
    /// Stop the script after so many calls and jumps backwards
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// Stop the script after so many seconds, with exit status 124
    #[arg(long, value_name = "SECONDS", value_parser = limits::seconds)]
    timeout: Option<std::time::Duration>,
    /// Neither read nor keep the history of what is typed
    #[arg(long)]
    no_history: bool,
    /// What becomes of warnings: default, ignore, error, always, once, or Python's longer form (may be given repeatedly; also: PYTHONWARNINGS, separated by commas)
    #[arg(short = 'W', value_name = "FILTER")]
    warnings: Vec<String>,
    /// Hand on at once what is printed (also: PYTHONUNBUFFERED=1)
    #[arg(short = 'u')]
    unbuffered: bool,
    /// Options of `python` that change nothing here: scripts start others by them.
    #[arg(short = 'B', short_aliases = ['E', 'I', 'P', 'S', 'b', 'q', 's'], action = clap::ArgAction::Count, hide = true)]
    without_effect: u8,
    /// Of `python`'s implementation: `dev` is known, the rest changes nothing here
    #[arg(short = 'X', value_name = "OPTION", hide = true)]
    implementation: Vec<String>,
    /// Let the script read files (below DIR only, if given; may be given repeatedly)
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "/")]
    allow_read: Vec<PathBuf>,
    /// Let the script write files (below DIR only, if given; may be given repeatedly)
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "/")]
    allow_write: Vec<PathBuf>,
    /// Let the script use the network: what it names by these hosts or addresses only, if given (HOST or HOST:PORT,
    /// separated by commas)
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true, default_missing_value = "", value_delimiter = ',')]
    allow_net: Vec<String>,
    /// Let the script run other programs
    #[arg(long)]
    allow_run: bool,
    /// Let the script see the environment variables
    #[arg(long)]
    allow_env: bool,
    /// Allow all of these
    #[arg(short = 'A', long)]
    allow_all: bool,
    /// Run this text instead of a file; everything after it is for the script
    #[arg(short = 'c', value_name = "CODE", num_args = 1.., allow_hyphen_values = true)]
    command: Option<Vec<String>>,
    /// Run a module as the program (`-m unittest` runs tests); everything after it is for the module
    #[arg(short = 'm', value_name = "MODULE", num_args = 1.., allow_hyphen_values = true)]
    module: Option<Vec<String>>,
    /// The script, or `-` for standard input, and its arguments
    #[arg(value_name = "FILE", num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    script: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Drawn, with explanations
    Pretty,
    /// As CPython prints them
    Python,
    /// One JSON object a line
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dump {
    Tokens,
    Ast,
    Code,
}

/// The exit status for wrong usage and unreadable files.
const USAGE: u8 = 2;

/// Reads the command line, or says what is wrong with it and gives the exit status.
fn parse() -> Result<Options, u8> {
    Options::try_parse_from(separated(std::env::args_os())).map_err(|error| {
        let _ = error.print();
        if error.use_stderr() { USAGE } else { 0 }
    })
}

/// The arguments with `-Wfilter` and `-Xoption` as two: what starts with a hyphen could as well be the script's.
fn separated(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    const VALUED: [&str; 9] = [
        "-W", "-X", "--error-format", "--color", "--virtual-start", "--dump", "--max-memory", "--max-steps",
        "--timeout",
    ];
    let mut result: Vec<OsString> = Vec::new();
    let mut is_option = true;
    for argument in arguments {
        let text = argument.to_string_lossy();
        let is_value = result.last().is_some_and(|last| VALUED.iter().any(|option| last == option));
        is_option &= result.is_empty() || is_value || text.starts_with('-') && !matches!(&*text, "-" | "-c" | "-m");
        let joined = ["-W", "-X"].iter().find_map(|letter| Some((letter, text.strip_prefix(letter)?)));
        match joined.filter(|(_, value)| is_option && !is_value && !value.is_empty()) {
            Some((letter, value)) => result.extend([letter.into(), value.into()]),
            None => result.push(argument),
        }
    }
    result
}

/// A start of the virtual clock that its whole nanoseconds can hold, thousands of years either way.
fn start_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.abs() <= 2e11 => Ok(seconds),
        Ok(_) => Err("out of range".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl Options {
    fn wants_color(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::io::stderr().is_terminal(),
        }
    }

    fn style(&self) -> Style {
        let color = self.wants_color();
        let format = match self.error_format {
            Format::Pretty => ErrorFormat::Pretty,
            Format::Python => ErrorFormat::Python,
            Format::Json => ErrorFormat::Json,
        };
        let width = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).unwrap_or(80);
        // Options are read once.
        let folder = std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default();
        Style { format, color, width, folder: folder.leak() }
    }

    /// Whether `-X` asks for Python's development mode: event loops in debug mode and every warning.
    fn is_development(&self) -> bool {
        self.implementation.iter().any(|option| option == "dev")
    }

    fn stdout(&self) -> Box<dyn Write + Send> {
        streams::stdout(Options::asks(self.unbuffered, "PYTHONUNBUFFERED"))
    }

    /// Whether an option or an environment variable that is not empty asks for something.
    fn asks(option: bool, variable: &str) -> bool {
        option || std::env::var_os(variable).is_some_and(|value| !value.is_empty())
    }

    fn clock(&self) -> Box<dyn Clock> {
        match self.virtual_start {
            Some(start) => Box::new(VirtualClock::new((start * 1e9).round() as i128)),
            None if self.virtual_time => Box::new(VirtualClock::default()),
            None => Box::new(streams::SystemClock::new()),
        }
    }
}

/// What to run: its name in tracebacks, its bytes, `sys.argv`, and the folder its modules are looked for in.
struct Input {
    name: String,
    bytes: Vec<u8>,
    argv: Vec<String>,
    folder: PathBuf,
}

fn input(options: &Options) -> Result<Input, String> {
    if let Some(command) = &options.command {
        let (code, rest) = command.split_first().ok_or("-c needs an argument")?;
        let argv = std::iter::once("-c".to_owned()).chain(rest.iter().cloned()).chain(options.script.clone()).collect();
        return Ok(Input {
            name: "<string>".to_owned(),
            bytes: code.clone().into_bytes(),
            argv,
            folder: PathBuf::new(),
        });
    }
    if let Some(module) = &options.module {
        return module_input(module, &options.script);
    }
    match options.script.first().map(String::as_str) {
        None | Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map_err(|e| format!("can't read standard input: {e}"))?;
            let argv = if options.script.is_empty() { vec![String::new()] } else { options.script.clone() };
            Ok(Input { name: "<stdin>".to_owned(), bytes, argv, folder: PathBuf::new() })
        }
        Some(file) => {
            let bytes = read(Path::new(file)).map_err(|e| format!("can't open file '{file}': {e}"))?;
            let path = std::path::absolute(file).unwrap_or_else(|_| file.into());
            let folder = path.parent().map(Path::to_owned).unwrap_or_default();
            Ok(Input { name: path.display().to_string(), bytes, argv: options.script.clone(), folder })
        }
    }
}

/// A module as a program: a file or a package's `__main__` in the working directory, or one that is built in.
fn module_input(module: &[String], more: &[String]) -> Result<Input, String> {
    let (name, rest) = module.split_first().ok_or("-m needs the name of a module")?;
    let path: PathBuf = name.split('.').collect();
    let files =
        [path.with_extension("aio"), path.with_extension("py"), path.join("__main__.aio"), path.join("__main__.py")];
    let folder = std::env::current_dir().unwrap_or_default();
    let arguments = rest.iter().chain(more).cloned();
    for file in files {
        if let Ok(bytes) = read(&file) {
            let name = std::path::absolute(&file).unwrap_or(file).display().to_string();
            let argv = std::iter::once(name.clone()).chain(arguments).collect();
            return Ok(Input { name, bytes, argv, folder });
        }
    }
    if !aio::builtins::modules::is_known(&format!("{name}.__main__")) {
        return Err(format!("No module named {name}"));
    }
    let argv = std::iter::once("-m".to_owned()).chain(arguments).collect();
    let bytes = format!("import {name}.__main__\n").into_bytes();
    Ok(Input { name: aio::host::RUNPY.to_owned(), bytes, argv, folder })
}

/// The modules in a folder and whether each is a package.
fn list_modules(folder: &Path) -> std::io::Result<Vec<(String, bool)>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let package = ["__init__.aio", "__init__.py"].iter().any(|init| path.join(init).is_file());
        let is_source = path.extension().is_some_and(|end| end == "aio" || end == "py") && path.is_file();
        if package || is_source && name != "__init__" && name != "__main__" {
            found.push((name.to_owned(), package));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.is_dir() {
        return Err(std::io::Error::other("is a directory"));
    }
    std::fs::read(path)
}

/// Runs what the options ask for and returns the exit status.
pub(crate) fn run(stack: usize) -> u8 {
    let options = &match parse() {
        Ok(options) => options,
        Err(status) => return status,
    };
    let style = options.style();
    if options.check {
        return check(options, stack, &style);
    }
    if options.dump.is_none() && repl::is_wanted(options) {
        return repl::run(options, stack);
    }
    let input = match input(options) {
        Ok(input) => input,
        Err(message) => return usage(&message),
    };
    if let Some(what) = options.dump {
        return dump(what, &input, &style);
    }
    let mut host = host(options, style);
    host.argv = input.argv;
    host.script = Some(PathBuf::from(&input.name)).filter(|_| !input.name.starts_with('<'));
    host.module_path = vec![input.folder];
    let mut interpreter = Interpreter::new(host);
    interpreter.limit_stack(stack);
    signals::reach(&mut interpreter, false);
    #[cfg(unix)]
    if !options.interactive {
        interpreter.vm.host.read_line = streams::lines(interpreter.vm.interrupt.clone());
    }
    match interpreter.compile(&input.name, &input.bytes) {
        Ok(program) => {
            let status = interpreter.run(&program);
            if interpreter.interrupted {
                signals::end_interrupted();
            }
            // Everything a script can notice has happened; giving back the memory piece by piece would only take time.
            std::process::exit(status.into())
        }
        Err(errors) => {
            print_diagnostics(&errors[..errors.len().min(1)], &style);
            1
        }
    }
}

fn host(options: &Options, style: Style) -> Host {
    let mut host = Host::closed();
    host.stdout = options.stdout();
    host.stderr = Box::new(streams::stderr());
    host.at_line_start = Box::new(streams::at_line_start);
    host.read_line = Box::new(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(line)
    });
    host.clock = options.clock();
    host.read_module = Box::new(read);
    host.is_module_folder = Box::new(Path::is_dir);
    host.as_module = options.module.is_some();
    host.asyncio_debug = Options::asks(options.debug || options.is_development(), "PYTHONASYNCIODEBUG");
    host.deadlock_check = !options.no_deadlock_check;
    host.list_modules = Box::new(list_modules);
    host.process_id = std::process::id();
    #[cfg(unix)]
    {
        use nix::unistd::{getegid, geteuid, getgid, getuid};
        host.parent_id = std::os::unix::process::parent_id();
        host.user = aio::host::User {
            user: getuid().as_raw(),
            effective_user: geteuid().as_raw(),
            group: getgid().as_raw(),
            effective_group: getegid().as_raw(),
        };
    }
    host.end_process = Box::new(|status| std::process::exit(status));
    host.entropy = Box::new(streams::entropy);
    host.executable = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    let asked_for = std::env::var("PYTHONWARNINGS").unwrap_or_default();
    host.warnings = Vec::from_iter(options.is_development().then(|| "default".to_owned()));
    host.warnings.extend(asked_for.split(',').filter(|filter| !filter.is_empty()).map(str::to_owned));
    host.warnings.extend(options.warnings.iter().cloned());
    let all = || vec![PathBuf::from("/")];
    let (read, write) = match options.allow_all {
        true => (all(), all()),
        false => (options.allow_read.clone(), options.allow_write.clone()),
    };
    host.files = Box::new(files::LocalFiles::new(&read, &write));
    #[cfg(unix)]
    {
        host.outside = Box::new(outside::LocalOutside::new(options));
    }
    if options.allow_all || options.allow_env {
        host.environment = std::env::vars().collect();
    }
    host.style = style;
    limits::set(options, &mut host);
    host
}

fn usage(message: &str) -> u8 {
    let _ = writeln!(std::io::stderr(), "aio: {message}");
    USAGE
}

fn print_diagnostics(diagnostics: &[Diagnostic], style: &Style) {
    let mut stderr = std::io::stderr().lock();
    for diagnostic in diagnostics {
        let _ = stderr.write_all(report::diagnostic(diagnostic, style).as_bytes());
    }
}

/// `--check`: every error in every file, or what is suspicious in it.
fn check(options: &Options, stack: usize, style: &Style) -> u8 {
    if options.script.is_empty() && options.command.is_none() {
        return usage("--check needs a FILE");
    }
    let mut status = 0;
    let files: Vec<Option<String>> = match &options.command {
        Some(_) => vec![None],
        None => options.script.iter().cloned().map(Some).collect(),
    };
    for file in files {
        let one = Options { script: file.into_iter().collect(), ..options.clone() };
        let input = match input(&one) {
            Ok(input) => input,
            Err(message) => {
                status = usage(&message);
                continue;
            }
        };
        let mut interpreter = Interpreter::new(Host::closed());
        interpreter.limit_stack(stack);
        let found = interpreter.check(&input.name, &input.bytes);
        print_diagnostics(&found, style);
        if found.iter().any(|d| d.severity == Severity::Error || options.deny_warnings) {
            status = status.max(1);
        }
    }
    status
}

/// `--dump`: what the interpreter makes of the text.
fn dump(what: Dump, input: &Input, style: &Style) -> u8 {
    let mut interpreter = Interpreter::new(Host::closed());
    let vm = &mut interpreter.vm;
    let source = match vm.read_source(&input.bytes, &input.name, syntax::Origin::Script) {
        Ok(source) => source,
        Err(error) => {
            print_diagnostics(&[*error], style);
            return 1;
        }
    };
    let shown = match what {
        Dump::Tokens => Ok(syntax::dump_tokens(&source, &mut vm.interner)),
        Dump::Ast => match syntax::parse_module(&source, &mut vm.interner) {
            syntax::Parsed::Complete(module) => Ok(syntax::dump_ast(&module, &vm.interner)),
            syntax::Parsed::Incomplete(errors) | syntax::Parsed::Invalid(errors) => Err(errors),
        },
        Dump::Code => aio::lower::compile_module(vm, &source).map(|code| aio::lower::dump_code(vm, &code)),
    };
    match shown {
        Ok(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            0
        }
        Err(errors) => {
            print_diagnostics(&errors, style);
            1
        }
    }
}
