//! What a person sees while something takes long: a spinner on a terminal, plain lines elsewhere. All on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// One step that is under way. It is shown as failed when it is dropped without `done`.
pub struct Step {
    spinner: ProgressBar,
    name: String,
    began: Instant,
    finished: bool,
    quiet: bool,
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
        Self { spinner, name, began: Instant::now(), finished: false, quiet }
    }

    /// Changes what is shown after the name.
    pub fn note(&self, note: &str) {
        self.spinner.set_message(format!("{}: {note}", self.name));
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
