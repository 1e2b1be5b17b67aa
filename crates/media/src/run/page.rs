//! What pages show of a media run: its steps, what a gate decides about, what has been made, and its events in words.

use crate::definition::Step;
use crate::run::brief::{self, Cost};
use crate::run::{Clip, ClipState, Job, JobPhase, Run, Status};
use mw_kernel::run::{
    Disclosure, Doer, Matter, Piece, Pieces, Post, Product, Progress, Standing, Step as Shown, Text, Tone, Work,
    capital,
};
use serde_json::Value;

/// What a part of a video is called.
const CLIP: &str = "clip";

pub(super) fn standing(status: Status) -> Standing {
    match status {
        Status::PendingWorkflow => Standing::new("waits: workflow", Tone::Waits),
        Status::AwaitingIdeate => Standing::new("waits: ideate", Tone::Waits),
        Status::AwaitingPrepublish => Standing::new("waits: prepublish", Tone::Waits),
        Status::AwaitingApproval => Standing::new("waiting for approval", Tone::Waits),
        Status::Running => Standing::new("running", Tone::Works),
        Status::Publishing => Standing::new("publishing", Tone::Works),
        Status::Paused => Standing::new("paused", Tone::Rests),
        Status::Published => Standing::new("published", Tone::Done),
        Status::Failed => Standing::new("failed", Tone::Failed),
        Status::Cancelled => Standing::new("cancelled", Tone::Rests),
        Status::Rejected => Standing::new("rejected", Tone::Rests),
        Status::Expired => Standing::new("expired", Tone::Rests),
    }
}

pub(super) fn steps(run: &Run) -> Vec<Shown> {
    let here = run.body.step as usize;
    let shown = run.body.pipeline.iter().enumerate().map(|(index, step)| {
        let progress = match index.cmp(&here) {
            std::cmp::Ordering::Less => Progress::Done,
            std::cmp::Ordering::Equal => Progress::Now,
            std::cmp::Ordering::Greater => Progress::Ahead,
        };
        let doer = match step {
            Step::Gate { .. } => Doer::Person,
            Step::Persona { .. } => Doer::Model,
            Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => Doer::Provider,
        };
        Shown { name: step.name().to_owned(), doer, progress }
    });
    shown.collect()
}

pub(super) fn matter(run: &Run) -> Matter {
    let about = brief::about(run);
    let clips = about.clips.into_iter().map(|clip| Piece {
        number: clip.index as usize + 1,
        header: clip.header,
        subject: clip.subject,
        prompt: clip.prompt,
        url: clip.url,
        failure: None,
    });
    let (title, proposed) = (about.post_title.text, about.caption.proposed);
    Matter {
        pieces: Pieces { noun: CLIP, list: clips.collect() },
        video: about.video_url,
        cost: Some(cost(&about.cost)),
        post: about.caption.text.map(|text| Post { title, text, proposed }),
        disclosure: about
            .disclosure
            .map(|disclosed| Disclosure { is_incomplete: !disclosed.unflagged.is_empty(), summary: disclosed.summary }),
        checks: about.checks,
        guardrails: about.guardrails,
    }
}

/// What the run takes, in words: `2 clips, 16 s, 0.80`.
fn cost(cost: &Cost) -> String {
    let clips = if cost.clips == 1 { "1 clip".to_owned() } else { format!("{} clips", cost.clips) };
    let money = cost.cents.map(|cents| format!(", {}.{:02} in all", cents / 100, cents % 100)).unwrap_or_default();
    let spent = if cost.spent { "; already spent" } else { "" };
    format!("{clips}, {} s of video{money}{spent}", cost.seconds)
}

pub(super) fn product(run: &Run) -> Product {
    let body = &run.body;
    Product {
        concept: body.concept.clone(),
        pieces: Pieces { noun: CLIP, list: body.clips.iter().zip(1..).map(piece).collect() },
        video: body.render_url.clone(),
        caption: body.caption.clone(),
        post: body.publish_url.clone(),
        work: body.jobs.iter().map(work).collect(),
    }
}

fn piece((clip, number): (&Clip, usize)) -> Piece {
    let (url, failure) = match &clip.state {
        ClipState::Pending => (None, None),
        ClipState::Generated { url } => (Some(url.clone()), None),
        ClipState::Failed { code, message } => (None, Some(format!("{code}: {message}"))),
    };
    let prompt = Text { text: clip.prompt.clone(), proposed: false };
    Piece { number, header: clip.header.clone(), subject: clip.subject.clone(), prompt, url, failure }
}

fn work((id, job): (&String, &Job)) -> Work {
    let (standing, note) = match &job.phase {
        JobPhase::Requested => (Standing::new("asked for", Tone::Works), None),
        JobPhase::Submitted { .. } => (Standing::new("at the provider", Tone::Works), None),
        JobPhase::Succeeded { .. } => (Standing::new("done", Tone::Done), None),
        JobPhase::Failed { code, message, .. } => {
            (Standing::new("failed", Tone::Failed), Some(format!("{code}: {message}")))
        }
        JobPhase::Replaced { by } => (Standing::new("replaced", Tone::Rests), Some(format!("by {by}"))),
    };
    let provider = job.provider.clone();
    Work { id: id.clone(), provider, standing, task: job.phase.task_id().map(str::to_owned), note }
}

pub(super) fn sentence(event: &str, data: &Value) -> Option<String> {
    let t = |name: &str| text(data, name);
    Some(match event {
        "step.started" => format!("Step {} began", t("name")),
        "persona.requested" => format!("Asked the language model to speak for {}", t("persona")),
        "persona.finished" => format!("{} answered ({})", capital(t("persona")), t("source")),
        "job.requested" => format!("Asked for {}", ordered(data)),
        "job.submitted" if data.get("adopted") == Some(&Value::Bool(true)) => {
            format!("A callback told us the provider's task: {}", t("task_id"))
        }
        "job.submitted" => format!("The provider took it as task {}", t("task_id")),
        "job.submission_repeated" => format!("Sent once more: {}", t("reason")),
        "job.effect_restored" => "Its effect was lost, and is there again".to_owned(),
        "job.succeeded" => "The provider delivered".to_owned(),
        "job.failed" => format!("The provider failed: {}: {}", t("code"), t("message")),
        "job.retried" => "Goes out again".to_owned(),
        "job.replaced" => "Asked for again as another job".to_owned(),
        "job.adopted" => format!("Follows {} of run {}", ordered(data), t("from_run")),
        "clip.adopted" => format!("Took a clip over from run {}", t("from_run")),
        "run.published" => "Published".to_owned(),
        _ => return None,
    })
}

fn text<'a>(data: &'a Value, name: &str) -> &'a str {
    data.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn ordered(data: &Value) -> String {
    let spec = data.get("spec").unwrap_or(&Value::Null);
    match text(spec, "kind") {
        "generate" => {
            let number = spec.get("index").and_then(Value::as_u64).unwrap_or_default() + 1;
            format!("clip {number} ({}) by {}", text(spec, "header"), text(spec, "model"))
        }
        "render" => "the final video".to_owned(),
        "publish" => "the post".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::MediaEventName;

    #[test]
    fn every_event_of_media_has_a_sentence() {
        let silent: Vec<&str> =
            MediaEventName::WORDS.iter().copied().filter(|name| sentence(name, &Value::Null).is_none()).collect();
        assert!(silent.is_empty(), "{silent:?}");
    }

    #[test]
    fn money_is_shown_where_the_project_says_what_a_clip_costs() {
        let free = Cost { clips: 0, seconds: 0.0, cents: None, spent: false };
        assert_eq!(cost(&free), "0 clips, 0 s of video");
        let paid = Cost { clips: 1, seconds: 8.0, cents: Some(105), spent: true };
        assert_eq!(cost(&paid), "1 clip, 8 s of video, 1.05 in all; already spent");
    }
}
