//! What a person sees while something takes long: a spinner on a terminal, plain lines elsewhere. All on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Where there is no terminal, a step that is under way says so this often.
const REMINDER: Duration = Duration::from_secs(15);

/// One step that is under way. It is shown as failed when it is dropped without `done`.
pub struct Step {
    spinner: ProgressBar,
    name: String,
    began: Instant,
    finished: bool,
    quiet: bool,
    /// When it was last heard of, where there is no terminal.
    reminded: Cell<Instant>,
}

impl Step {
    /// Shows that `name` has begun; a quiet step is only shown when it fails.
    #[must_use]
    pub fn begin(name: impl Into<String>, quiet: bool) -> Self {
        let name = name.into();
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.set_message(name.clone());
        if !quiet {
            spinner.enable_steady_tick(Duration::from_millis(100));
        }
        let began = Instant::now();
        Self { spinner, name, began, finished: false, quiet, reminded: Cell::new(began) }
    }

    /// Changes what is shown after the name.
    pub fn note(&self, note: &str) {
        let text = format!("{}: {note}", self.name);
        if !self.quiet && !std::io::stderr().is_terminal() && self.reminded.get().elapsed() > REMINDER {
            self.reminded.set(Instant::now());
            eprintln!("  … {text} ({:.0} s)", self.began.elapsed().as_secs_f64());
        }
        self.spinner.set_message(text);
    }

    /// Shows that it is done.
    pub fn done(mut self, outcome: &str) {
        self.finished = true;
        self.spinner.finish_and_clear();
        if !self.quiet {
            let colon = if outcome.is_empty() { "" } else { ": " };
            eprintln!("  ✓ {}{colon}{outcome} ({:.1} s)", self.name, self.began.elapsed().as_secs_f64());
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.finished {
            self.spinner.finish_and_clear();
            eprintln!("  ✗ {}", self.name);
        }
    }
}
