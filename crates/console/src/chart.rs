//! A run's steps over time: for each step how long it worked and how long it waited for a person, as a bar and in words. The
//! words say all that the bar shows, so that the bar is only for the eyes.

use super::view::{Moment, lasting};
use mw_kernel::Timestamp;
use mw_store::console::Mark;

/// Whole units of a bar's length.
const LENGTH: f64 = 1000.0;
/// What is shorter can be seen all the same.
const LEAST: f64 = 2.0;

pub(super) struct Chart {
    pub(super) begin: Moment,
    pub(super) end: Moment,
    pub(super) rows: Vec<Row>,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) pieces: Vec<Piece>,
    /// Where it was tried again.
    pub(super) ticks: Vec<u32>,
    pub(super) words: String,
}

/// A part of a bar: `work`, `wait` or `held`.
pub(super) struct Piece {
    pub(super) tone: &'static str,
    pub(super) x: u32,
    pub(super) width: u32,
}

/// What a run does between two events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Work,
    Wait,
    Pause,
}

/// The picture of what happened from the first mark to the end, or to now. None before the first step.
pub(super) fn of(marks: &[Mark], end: Timestamp) -> Option<Chart> {
    let first = marks.iter().position(|mark| mark.begins_step)?;
    let marks = marks.get(first..)?;
    let begin = marks.first()?.at;
    let whole = seconds(begin, end);
    let scale = |at: Timestamp| seconds(begin, at) / whole.max(0.001) * LENGTH;
    let mut rows: Vec<Sums> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut is_paused = false;
    for (index, mark) in marks.iter().enumerate() {
        let name = mark.name.as_deref().unwrap_or_default();
        if mark.begins_step {
            rows.push(Sums::new(name));
        }
        match mark.event.as_str() {
            "gate.opened" | "gate.reopened" => open.push(name),
            "gate.decided" | "gate.expired" | "gate.withdrawn" => open.retain(|gate| *gate != name),
            "run.paused" => is_paused = true,
            "run.resumed" => is_paused = false,
            _ => {}
        }
        let doing = match (is_paused, open.is_empty()) {
            (true, _) => Doing::Pause,
            (false, false) => Doing::Wait,
            (false, true) => Doing::Work,
        };
        let until = marks.get(index + 1).map_or(end, |next| next.at);
        if let Some(row) = rows.last_mut() {
            row.add(doing, seconds(mark.at, until), (scale(mark.at), scale(until)));
            if mark.is_again() {
                row.ticks.push(unit(scale(mark.at)));
            }
        }
    }
    let rows = rows.into_iter().map(Sums::row).collect();
    Some(Chart { begin: Moment::at(begin), end: Moment::at(end), rows })
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to - from).as_seconds_f64().max(0.0)
}

/// A length as a number of an SVG.
fn unit(length: f64) -> u32 {
    length.clamp(0.0, LENGTH) as u32
}

/// What a step did, summed up.
struct Sums {
    name: String,
    worked: f64,
    waited: f64,
    paused: f64,
    pieces: Vec<(Doing, f64, f64)>,
    ticks: Vec<u32>,
}

impl Sums {
    fn new(name: &str) -> Sums {
        let (pieces, ticks) = (Vec::new(), Vec::new());
        Sums { name: name.replace('_', " "), worked: 0.0, waited: 0.0, paused: 0.0, pieces, ticks }
    }

    fn add(&mut self, doing: Doing, seconds: f64, (from, to): (f64, f64)) {
        match doing {
            Doing::Work => self.worked += seconds,
            Doing::Wait => self.waited += seconds,
            Doing::Pause => self.paused += seconds,
        }
        match self.pieces.last_mut() {
            Some((before, _, end)) if *before == doing => *end = to,
            _ => self.pieces.push((doing, from, to)),
        }
    }

    fn row(self) -> Row {
        let mut words: Vec<String> = Vec::new();
        if self.worked > 0.0 || self.waited + self.paused == 0.0 {
            words.push(format!("worked {}", lasting(self.worked)));
        }
        if self.waited > 0.0 {
            words.push(format!("waited for a person {}", lasting(self.waited)));
        }
        if self.paused > 0.0 {
            words.push(format!("paused {}", lasting(self.paused)));
        }
        match self.ticks.len() {
            0 => {}
            1 => words.push("tried again once".to_owned()),
            times => words.push(format!("tried again {times} times")),
        }
        let piece = |(doing, from, to): (Doing, f64, f64)| Piece {
            tone: match doing {
                Doing::Work => "work",
                Doing::Wait => "wait",
                Doing::Pause => "held",
            },
            x: unit(from.min(LENGTH - LEAST)),
            width: unit((to - from).max(LEAST)),
        };
        Row {
            name: self.name,
            pieces: self.pieces.into_iter().map(piece).collect(),
            ticks: self.ticks,
            words: words.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    const BEGIN: Timestamp = datetime!(2026-01-01 12:00 UTC);

    fn mark(after: i64, event: &str, name: &str) -> Mark {
        let at = BEGIN + Duration::seconds(after);
        Mark { event: event.into(), at, begins_step: event == "step.started", name: Some(name.into()) }
    }

    #[test]
    fn a_bar_shows_work_waits_pauses_and_retries() {
        let marks = [
            mark(0, "step.started", "iggy"),
            mark(10, "step.started", "ideate"),
            mark(10, "gate.opened", "ideate"),
            mark(70, "gate.decided", "ideate"),
            mark(70, "step.started", "generate_clips"),
            mark(80, "job.retried", ""),
            mark(90, "run.paused", ""),
            mark(95, "run.resumed", ""),
        ];
        let chart = of(&marks, BEGIN + Duration::seconds(100)).unwrap();
        let words: Vec<_> = chart.rows.iter().map(|row| (row.name.as_str(), row.words.as_str())).collect();
        let expected = [
            ("iggy", "worked 10 s"),
            ("ideate", "waited for a person 1 min"),
            ("generate clips", "worked 25 s, paused 5 s, tried again once"),
        ];
        assert_eq!(words, expected);
        let pieces: Vec<_> = chart.rows[2].pieces.iter().map(|piece| (piece.tone, piece.x, piece.width)).collect();
        assert_eq!(pieces, [("work", 700, 200), ("held", 900, 50), ("work", 950, 50)]);
        assert_eq!(chart.rows[2].ticks, [800]);
    }

    #[test]
    fn a_run_that_has_just_begun_has_a_bar_and_one_before_its_first_step_none() {
        assert!(of(&[mark(0, "run.paused", "")], BEGIN).is_none());
        let chart = of(&[mark(0, "step.started", "iggy")], BEGIN).unwrap();
        assert_eq!((chart.rows[0].words.as_str(), chart.rows[0].pieces[0].width), ("worked 0 s", 2));
    }
}
