//! Where what was typed is kept between two runs.

use std::env;
use std::path::PathBuf;

use rustyline::Config;
use rustyline::history::{FileHistory, History, SearchDirection};

/// As many inputs are kept.
pub(super) const SIZE: usize = 10_000;

/// The history file, and what was in it.
pub(super) struct Kept {
    path: Option<PathBuf>,
    file: FileHistory,
}

impl Kept {
    /// Reads the history; nothing is kept without a place to keep it.
    pub(super) fn open(config: &Config, wanted: bool) -> Kept {
        let mut file = FileHistory::with_config(config);
        let path = if wanted { folder().map(|folder| folder.join("history")) } else { None };
        if let Some(path) = &path {
            let _ = file.load(path);
        }
        Kept { path, file }
    }

    /// What was typed, oldest first.
    pub(super) fn entries(&self) -> Vec<String> {
        (0..self.file.len())
            .filter_map(|at| self.file.get(at, SearchDirection::Forward).ok().flatten())
            .map(|found| found.entry.into_owned())
            .collect()
    }

    /// Adds an input and writes it down at once, so that a crash loses none.
    pub(super) fn add(&mut self, text: &str) {
        let Some(path) = &self.path else { return };
        if self.file.add(text).unwrap_or(false) {
            if let Some(folder) = path.parent() {
                let _ = std::fs::create_dir_all(folder);
            }
            let _ = self.file.append(path);
        }
    }
}

/// The folder for what a program remembers: `$XDG_STATE_HOME/aio`, `%LOCALAPPDATA%\aio`, `~/.local/state/aio`.
fn folder() -> Option<PathBuf> {
    let var = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = var("XDG_STATE_HOME").or_else(|| if cfg!(windows) { var("LOCALAPPDATA") } else { None });
    let state = state.or_else(|| env::home_dir().map(|home| home.join(".local").join("state")));
    state.map(|state| state.join("aio"))
}
