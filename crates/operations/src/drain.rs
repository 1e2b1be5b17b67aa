//! Whether it is safe to stop, in words.

use mw_store::drain::Left;

/// What is left at work while the service drains.
pub fn summary(left: &Left) -> String {
    let waiting = match left.waiting() {
        0 => "no run waits for people".to_owned(),
        1 => "1 run waits for people and survives a restart".to_owned(),
        many => format!("{many} runs wait for people and survive a restart"),
    };
    if !left.is_at_work() {
        let more = if left.drain.on { "it is safe to stop" } else { "new runs may start at any time" };
        return format!("nothing is at work; {waiting}; {more}");
    }
    let runs = left.working();
    let jobs: u64 = left.jobs.values().sum();
    format!(
        "at work: {runs} runs, {} effects due and {} leased, {jobs} provider jobs open; {waiting}",
        left.effects.due, left.effects.leased
    )
}
