//! What the person reads of Brendan. Signed links are part of what the user reads and not of what is kept: a stored conversation opens no
//! gate.

use mw_edge::{Context, Problem};
use mw_kernel::link::{Holder, Waiting};
use mw_kernel::status::GateName;
use mw_media::brendan::KnownProject;
use mw_media::brendan::rules::RunVerb;
use mw_media::brendan::rules::speak::{an, number};
use mw_media::brendan::speech;
use mw_media::run::Run;
use mw_media::status::Status;
use mw_operations::gate::link as gate_link;
use mw_store::chat::{ChatLoaded, ChatRun};

/// People must learn at the latest with the first answer that they talk to a machine (Regulation (EU) 2024/1689, Article 50).
pub(crate) const INTRODUCTION: &str = "I am Brendan, an AI system: you are talking to a machine, not to a person.";

const NO_RUNS: &str = "You have no runs yet. Tell me what the first one should be about.";
/// To whoever writes in a language of which the rules know no word.
pub(crate) const NOT_ENGLISH: &str = "I am sorry: without a language model I understand English only.";

const RUNS_LISTED_MAX: usize = 10;
/// As many as a turn loads.
const RUNS_LOADED_MAX: usize = 50;

/// Who reads an answer, and so what stands in it where a gate waits.
#[derive(Clone, Copy)]
pub(crate) struct Audience<'a> {
    pub(crate) holder: &'a Holder,
    /// Who asked, for the log.
    pub(crate) asked_by: &'a str,
}

impl Audience<'_> {
    /// Where they go to decide: by their own link, if they get one.
    fn address(self, context: &Context, waiting: &Waiting) -> Result<String, Problem> {
        gate_link::address(context, waiting, self.holder.clone(), self.asked_by)
    }
}

/// An answer, line by line.
#[derive(Default)]
pub(crate) struct Reply {
    lines: Vec<Line>,
    /// Runs whose link is in it; nobody needs one twice.
    linked: Vec<String>,
}

struct Line {
    text: String,
    /// Follows the text for the reader, and is not kept.
    link: Option<String>,
}

impl Reply {
    pub(crate) fn add(&mut self, text: impl Into<String>) {
        self.lines.push(Line { text: text.into(), link: None });
    }

    fn add_with_link(&mut self, text: String, link: String) {
        self.lines.push(Line { text, link: Some(link) });
    }

    /// What the user reads.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| match &line.link {
            Some(link) => format!("{}\n{link}", line.text),
            None => line.text.clone(),
        });
        lines.collect::<Vec<_>>().join("\n\n")
    }

    /// What the conversation keeps.
    pub(crate) fn kept(&self) -> String {
        self.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n\n")
    }
}

/// How every answer begins: once in a conversation that no person speaks, then what happened since the last answer; a gate that
/// has been decided meanwhile is no news.
pub(crate) fn begin(
    reply: &mut Reply,
    context: &Context,
    reader: Audience<'_>,
    loaded: &ChatLoaded,
) -> Result<(), Problem> {
    if loaded.is_new {
        reply.add(INTRODUCTION);
    }
    for notice in &loaded.notices {
        let run = notice.run_id.as_deref().and_then(|run_id| find(loaded, run_id));
        match (notice.gate, run) {
            (Some(gate), Some(run)) if run.known.awaiting_gate == Some(gate) => {
                add_gate(reply, context, reader, run, notice.content.clone())?;
            }
            (Some(_), _) => {}
            (None, _) => reply.add(notice.content.clone()),
        }
    }
    Ok(())
}

fn add_gate(
    reply: &mut Reply,
    context: &Context,
    reader: Audience<'_>,
    run: &ChatRun,
    text: String,
) -> Result<(), Problem> {
    if reply.linked.contains(&run.known.run_id) {
        return Ok(());
    }
    let Some(gate) = run.known.awaiting_gate else {
        reply.add(text);
        return Ok(());
    };
    let link = match run.waiting() {
        Some(waiting) => reader.address(context, &waiting)?,
        None => gate_link::page_address(&context.config, &run.known.run_id, gate)?,
    };
    reply.linked.push(run.known.run_id.clone());
    reply.add_with_link(text, link);
    Ok(())
}

fn find<'a>(loaded: &'a ChatLoaded, run_id: &str) -> Option<&'a ChatRun> {
    loaded.runs.iter().find(|run| run.known.run_id == run_id)
}

/// The named run, or the newest.
fn chosen<'a>(loaded: &'a ChatLoaded, run_id: Option<&str>) -> Option<&'a ChatRun> {
    match run_id {
        Some(run_id) => find(loaded, run_id),
        None => loaded.runs.first(),
    }
}

pub(crate) fn status(reply: &mut Reply, loaded: &ChatLoaded, run_id: Option<&str>) {
    match chosen(loaded, run_id) {
        Some(run) => reply.add(format!("Run {} ({}) {}.", run.known.run_id, run.known.project, standing(run))),
        None => reply.add(NO_RUNS),
    }
}

pub(crate) fn runs(reply: &mut Reply, loaded: &ChatLoaded) {
    if loaded.runs.is_empty() {
        return reply.add(NO_RUNS);
    }
    let lines = loaded
        .runs
        .iter()
        .take(RUNS_LISTED_MAX)
        .map(|run| format!("- {} ({}): {}", run.known.run_id, run.known.project, standing(run)));
    reply.add(format!("Your runs, newest first:\n{}", lines.collect::<Vec<_>>().join("\n")));
}

/// How many of the user's runs stand how.
pub(crate) fn count(reply: &mut Reply, loaded: &ChatLoaded) {
    if loaded.runs.is_empty() {
        return reply.add(NO_RUNS);
    }
    let (mut waiting, mut ended, mut running) = (0, 0, 0);
    for run in &loaded.runs {
        match run.known.awaiting_gate {
            Some(_) => waiting += 1,
            None if has_ended(run) => ended += 1,
            None => running += 1,
        }
    }
    let all = number(u32::try_from(loaded.runs.len()).unwrap_or_default(), "run");
    let newest = if loaded.runs.len() < RUNS_LOADED_MAX { "You have" } else { "Of your newest" };
    reply.add(format!("{newest} {all}: {running} running, {waiting} waiting for an approval, {ended} ended."));
}

fn has_ended(run: &ChatRun) -> bool {
    Status::parse(run.known.status.as_str()).is_some_and(Status::is_terminal)
}

/// How a run is ended, held or gone on with, which people do and Brendan does not.
pub(crate) fn operate(
    reply: &mut Reply,
    context: &Context,
    reader: Audience<'_>,
    loaded: &ChatLoaded,
    verb: RunVerb,
    run_id: Option<&str>,
) -> Result<(), Problem> {
    let goes_on = match verb {
        RunVerb::Cancel | RunVerb::Pause | RunVerb::Resume => true,
        RunVerb::Retry | RunVerb::Rerun => false,
    };
    let run = match run_id {
        Some(run_id) => find(loaded, run_id),
        None => loaded.runs.iter().find(|run| !goes_on || !has_ended(run)),
    };
    let verb = verb.as_str();
    match run {
        None if loaded.runs.is_empty() => reply.add(NO_RUNS),
        None => reply.add(format!("All of your runs have ended: there is none to {verb}.")),
        Some(run) if goes_on && has_ended(run) => {
            reply.add(format!("Run {} has ended already: it {}.", run.known.run_id, standing(run)));
        }
        Some(run) => {
            let run_id = &run.known.run_id;
            let stands = format!("Run {run_id} ({}) {}", run.known.project, standing(run));
            let text = format!(
                "{stands}. I {verb} no run; an operator does, on its page in the console or with \"mw runs {verb} {run_id}\"."
            );
            if verb == RunVerb::Cancel.as_str() && run.known.awaiting_gate.is_some() {
                return add_gate(
                    reply,
                    context,
                    reader,
                    run,
                    format!("{text} You can also reject it at its gate, and it ends:"),
                );
            }
            reply.add(text);
        }
    }
    Ok(())
}

/// What Brendan can do, with an example that works here.
pub(crate) fn help(loaded: &ChatLoaded) -> String {
    let projects: Vec<&KnownProject> =
        loaded.projects.iter().map(|project| &project.known).filter(|known| known.has_runs).collect();
    let keys: Vec<&str> = projects.iter().map(|known| known.key.as_str()).collect();
    let example = projects.iter().find(|known| known.is_default).or(projects.first());
    let example = example.map(|known| {
        let word = known.keywords.first().map_or(known.key.as_str(), String::as_str);
        let video = if word.ends_with("video") { "" } else { " video" };
        format!(", for example \"make {}{video} about the moon\"", an(word))
    });
    format!(
        "I make videos. Tell me what one should be about{}. I can also tell you how a run stands, list your runs, send the approve link \
         of a gate that waits, or answer questions about the service. Projects: {}.",
        example.unwrap_or_default(),
        keys.join(", ")
    )
}

pub(crate) fn link(
    reply: &mut Reply,
    context: &Context,
    reader: Audience<'_>,
    loaded: &ChatLoaded,
    run_id: Option<&str>,
) -> Result<(), Problem> {
    let run = match run_id {
        Some(run_id) => find(loaded, run_id),
        None => loaded.runs.iter().find(|run| run.known.awaiting_gate.is_some()),
    };
    match run {
        Some(run) if run.known.awaiting_gate.is_some() => {
            let gate = run.known.awaiting_gate.as_ref().map_or("", GateName::as_str);
            add_gate(reply, context, reader, run, format!("Run {} waits at the {gate} gate:", run.known.run_id))
        }
        Some(run) => {
            reply.add(format!("Run {} waits for nobody: it {}.", run.known.run_id, standing(run)));
            Ok(())
        }
        None => {
            reply.add("None of your runs waits for an approval.");
            Ok(())
        }
    }
}

/// The text about a run that has just started: what it is, and what becomes of what was asked for beside.
pub(crate) fn started_text(name: &str, run: &Run, remarks: &[String]) -> String {
    let gates = run.body.pipeline.iter().filter(|step| matches!(step, mw_media::definition::Step::Gate { .. })).count();
    // What it is about is the person's own, or whoever's words they passed on; the rest of the text is ours.
    let about = ["object", "subject", "topic"].iter().find_map(|key| run.body.input.get(key)?.as_str());
    let about = about.map(|about| format!(" about {}", speech::plain(about))).unwrap_or_default();
    let clips = number(u32::try_from(run.body.clips.len()).unwrap_or_default(), "clip");
    let gates = number(u32::try_from(gates).unwrap_or_default(), "approval");
    let prepared =
        format!("I have prepared {}{about}, with {clips} and {gates}: {}.", an(&format!("{name} run")), run.run_id);
    let remarks = remarks.iter().map(|remark| speech::plain(remark));
    std::iter::once(prepared).chain(remarks).collect::<Vec<_>>().join("\n")
}

pub(crate) fn started(
    reply: &mut Reply,
    context: &Context,
    reader: Audience<'_>,
    text: String,
    run: &Run,
) -> Result<(), Problem> {
    match run.gates.first() {
        Some(open) => {
            let link = reader.address(context, &Waiting::of(run, open))?;
            reply.add_with_link(format!("{text}\nIt waits for your approval:"), link);
        }
        None => reply.add(text),
    }
    Ok(())
}

/// The end of a sentence that begins with the run.
pub(crate) fn standing(run: &ChatRun) -> String {
    match (run.known.awaiting_gate, run.known.status.as_str()) {
        (Some(gate), _) => format!("waits at the {gate} gate"),
        (None, "running") => "is running".to_owned(),
        (None, "publishing") => "is being published".to_owned(),
        (None, status) => format!("is {}", status.replace('_', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_media::brendan::KnownRun;
    use mw_store::chat::Notice;

    fn context() -> Context {
        let variables = [("hitl_secret", "a-long-secret"), ("public_base_url", "http://x")];
        Context::new(Config::of(&variables), "r".to_owned())
    }

    fn waiting(opening: u32) -> serde_json::Value {
        serde_json::json!({
            "id": "g", "gate": "ideate", "opening": opening, "summary": "s", "subject_sha256": "5".repeat(64),
            "limit_seconds": 60, "opened_at": "2026-01-02T03:04:05Z", "deadline": "2026-01-02T03:05:05Z",
        })
    }

    fn loaded() -> ChatLoaded {
        let run = |run_id: &str, status: Status, awaiting_gate, opening: Option<u32>| ChatRun {
            known: KnownRun {
                run_id: run_id.to_owned(),
                project: "aismr".to_owned(),
                status: status.into(),
                awaiting_gate,
            },
            gates: opening.map(waiting).into_iter().collect(),
        };
        ChatLoaded {
            principal: None,
            limit: None,
            draining: None,
            projects: Vec::new(),
            runs: vec![
                run("r2", Status::Published, None, None),
                run("r1", Status::AwaitingIdeate, Some(mw_kernel::gate!("ideate")), Some(2)),
            ],
            user_id: "ann".to_owned(),
            reader: None,
            is_somebody_else: false,
            is_new: false,
            history: Vec::new(),
            summary: None,
            summary_until: 0,
            tokens_today: None,
            notices: Vec::new(),
        }
    }

    fn ann() -> Holder {
        Holder::of("ann", None)
    }

    fn to(holder: &Holder) -> Audience<'_> {
        Audience { holder, asked_by: "ann" }
    }

    #[test]
    fn a_link_is_read_and_not_kept() {
        let mut reply = Reply::default();
        link(&mut reply, &context(), to(&ann()), &loaded(), None).unwrap();
        assert!(reply.text().contains("http://x/v1/hitl/approve/r1/ideate?token="));
        assert!(reply.kept().contains("ideate gate") && !reply.kept().contains("token"));
    }

    #[test]
    fn a_program_gets_the_page_and_no_link() {
        let mut reply = Reply::default();
        link(&mut reply, &context(), to(&Holder::Nobody), &loaded(), None).unwrap();
        assert!(reply.text().ends_with("http://x/console/runs/r1/gates/ideate"), "{}", reply.text());
    }

    #[test]
    fn nobody_gets_a_link_of_a_policy_that_another_release_wrote() {
        let mut loaded = loaded();
        loaded.runs[1].gates[0]["policy"] = serde_json::json!({"a member of the future": 1});
        let mut reply = Reply::default();
        link(&mut reply, &context(), to(&ann()), &loaded, None).unwrap();
        assert!(reply.text().ends_with("http://x/console/runs/r1/gates/ideate"), "{}", reply.text());
    }

    #[test]
    fn a_gate_that_was_decided_is_no_news() {
        let mut loaded = loaded();
        for (gate, content) in
            [(Some(mw_kernel::gate!("workflow")), "old"), (Some(mw_kernel::gate!("ideate")), "new"), (None, "done")]
        {
            let content = content.to_owned();
            loaded.notices.push(Notice { message_id: 1, content, run_id: Some("r1".to_owned()), gate });
        }
        let mut reply = Reply::default();
        begin(&mut reply, &context(), to(&ann()), &loaded).unwrap();
        assert!(reply.text().starts_with("new\nhttp://x/"));
        assert!(reply.text().ends_with("done") && !reply.text().contains("old"));
    }

    #[test]
    fn questions_are_answered_from_the_users_own_runs() {
        let mut reply = Reply::default();
        status(&mut reply, &loaded(), None);
        status(&mut reply, &loaded(), Some("r1"));
        status(&mut reply, &loaded(), Some("somebody-elses"));
        runs(&mut reply, &loaded());
        let text = reply.text();
        assert!(text.contains("Run r2 (aismr) is published."));
        assert!(text.contains("Run r1 (aismr) waits at the ideate gate."));
        assert!(text.contains("You have no runs yet."));
        assert!(text.contains("- r2 (aismr): is published"));
    }

    #[test]
    fn a_new_conversation_begins_with_the_word_machine() {
        for is_new in [true, false] {
            let mut reply = Reply::default();
            begin(&mut reply, &context(), to(&ann()), &ChatLoaded { is_new, ..loaded() }).unwrap();
            let said = (reply.text(), reply.kept());
            let expected = if is_new { INTRODUCTION } else { "" };
            assert_eq!(said, (expected.to_owned(), expected.to_owned()));
        }
    }
}
