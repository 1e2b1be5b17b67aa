//! A turn that is followed while it is had, as server-sent events: `status` says what he does, `delta` gives the text as it is made (a
//! preview: a `status` with `"startsOver": true` takes it back), and the last one is `done` with the whole answer, or `error`
//! with a problem. The turn is kept whether the client stays or not.

use crate::turn::PreparedTurn;
use mw_edge::outgoing::Pieces;
use mw_edge::{Context, Response, shape};
use serde_json::{Value, json};

pub(super) const MEDIA_TYPE: &str = "text/event-stream";

shape! {
    /// For `Accept: text/event-stream`: events `status` (`{"doing", "startsOver"?}`), `delta` (`{"text"}`, a preview of the answer as it
    /// is made, taken back by `startsOver`), and last `done` (the whole answer as in JSON) or `error` (a problem).
    #[serde(transparent)]
    #[schemars(inline)]
    pub struct Events {
        pub text: String,
    }
}

/// How far a turn is, for whoever follows it.
pub(super) trait Progress {
    /// Whether text is wanted as it is made.
    fn wants_text(&self) -> bool;
    /// What he does now, in a few words.
    fn status(&mut self, doing: &'static str);
    /// The next piece of the answer.
    fn delta(&mut self, text: &str);
    /// What was sent so far is no part of the answer.
    fn starts_over(&mut self, doing: &'static str);
}

/// Nobody follows: the answer is waited for.
pub(super) struct NoProgress;

impl Progress for NoProgress {
    fn wants_text(&self) -> bool {
        false
    }
    fn status(&mut self, _: &'static str) {}
    fn delta(&mut self, _: &str) {}
    fn starts_over(&mut self, _: &'static str) {}
}

struct Stream<'a>(&'a mut Pieces);

impl Stream<'_> {
    fn send(&mut self, event: &str, data: &Value) {
        // JSON of serde has no line breaks.
        self.0.send(format!("event: {event}\ndata: {data}\n\n").as_bytes());
    }
}

impl Progress for Stream<'_> {
    fn wants_text(&self) -> bool {
        true
    }

    fn status(&mut self, doing: &'static str) {
        self.send("status", &json!({"doing": doing}));
    }

    fn delta(&mut self, text: &str) {
        if !text.is_empty() {
            self.send("delta", &json!({"text": text}));
        }
    }

    fn starts_over(&mut self, doing: &'static str) {
        self.send("status", &json!({"doing": doing, "startsOver": true}));
    }
}

/// The answer that has the turn while it leaves.
pub(super) fn answer(turn: PreparedTurn) -> Response {
    let response = Response::streaming(MEDIA_TYPE, move |pieces: &mut Pieces, context: &mut Context| {
        let mut stream = Stream(pieces);
        match turn.run(context, &mut stream) {
            Ok((answer, afterwards)) => {
                stream.send("done", &json!(answer.shown()));
                afterwards
            }
            Err(problem) => {
                context.log_problem(&problem);
                let body = problem.into_response(&context.request_id).body;
                stream.send("error", &serde_json::from_slice(&body).unwrap_or_default());
                None
            }
        }
    });
    // A proxy that gathers what it passes on would gather all of it.
    response.with_header("x-accel-buffering", "no")
}
