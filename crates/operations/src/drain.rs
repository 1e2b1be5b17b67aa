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
        return format!("nothing is running; {waiting}; {more}");
    }
    let count = |many: u64, one: &str, several: &str| format!("{many} {}", if many == 1 { one } else { several });
    let runs = count(left.working(), "run", "runs");
    let due = count(left.effects.due, "effect", "effects");
    let jobs = count(left.jobs.values().sum(), "provider job", "provider jobs");
    format!("running: {runs}, {due} due and {} leased, {jobs} open; {waiting}", left.effects.leased)
}
