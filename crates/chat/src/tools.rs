//! The tools that a model may call: core checks each call, and what it gives goes back as data. Nothing here changes anything: a
//! run to start and links to send are noted, for the turn's own commit.

use crate::model::{ModelAnswer, PlanFailure};
use crate::reply;
use crate::stream::Progress;
use mw_edge::Context;
use mw_integrations::llm::{Arguments, ToolAnswer, ToolCall};
use mw_media::brendan::conversation::{ANSWER_CHARS_MAX, PASSAGE_CHARS_MAX, PASSAGES_MAX, cut, data};
use mw_media::brendan::speech;
use mw_media::brendan::tools::{self, Call, ProposalArguments, ToolError};
use mw_media::brendan::{KnownProject, KnownRun, Proposal, Standing};
use mw_operations::start::definition;
use mw_store::chat::{self, ChatLoaded, ChatProject, ChatRun, Decision};
use mw_store::knowledge::{Passage, Search, SearchError, search};
use serde_json::{Value, json};

const RUNS_LISTED_MAX: usize = 20;
const ASK_FIRST: &str = "ask the person one short question about what is not clear, and end your turn";
const DECLINE: &str = "it is too unsure: decline, and say what you would need to know";

/// Executes a model's calls in one turn.
pub(super) struct ToolExecutor<'a> {
    loaded: &'a ChatLoaded,
    projects: Vec<KnownProject>,
    runs: Vec<KnownRun>,
    /// What the model has said so far.
    texts: Vec<String>,
    /// Numbered from 1, as the model cites them.
    passages: Vec<Passage>,
    proposals: Vec<Proposal>,
    start: Option<Box<Proposal>>,
    links: Vec<String>,
}

/// What a call gave, or what was wrong with it.
type ToolResult = Result<Value, ToolError>;

impl<'a> ToolExecutor<'a> {
    pub(super) fn of(loaded: &'a ChatLoaded, projects: Vec<KnownProject>) -> ToolExecutor<'a> {
        ToolExecutor {
            loaded,
            projects,
            runs: loaded.runs.iter().map(|run| run.known.clone()).collect(),
            texts: Vec::new(),
            passages: Vec::new(),
            proposals: Vec::new(),
            start: None,
            links: Vec::new(),
        }
    }

    /// Takes what the model says to the person.
    pub(super) fn add_text(&mut self, text: &str) {
        let text = speech::plain(text.trim());
        if !text.is_empty() {
            self.texts.push(text);
        }
    }

    /// A run will be started, which ends the turn.
    pub(super) fn is_done(&self) -> bool {
        self.start.is_some()
    }

    /// Executes one call; what is wrong with it is the answer's matter.
    pub(super) fn call_tool(
        &mut self,
        context: &mut Context,
        call: &ToolCall,
        progress: &mut dyn Progress,
    ) -> Result<ToolAnswer, PlanFailure> {
        let read = match &call.arguments {
            Arguments::Parsed(arguments) => tools::read(&call.name, arguments, &self.projects, &self.runs),
            Arguments::Unreadable(_) => Err(ToolError::NoObject),
        };
        let result = match read {
            Ok(call) => self.execute(context, call, progress)?,
            Err(error) => Err(error),
        };
        // An error is in our words, and quotes the model's own at most.
        let (content, is_error) = match result {
            Ok(value) => (data(&value), false),
            Err(error) => (error.to_string(), true),
        };
        Ok(ToolAnswer { call_id: call.id.clone(), content, is_error })
    }

    fn execute(
        &mut self,
        context: &mut Context,
        call: Call,
        progress: &mut dyn Progress,
    ) -> Result<ToolResult, PlanFailure> {
        progress.status(match &call {
            Call::SearchKnowledge { .. } => "searching the knowledge",
            Call::ListRuns => "looking at your runs",
            Call::ExplainRun { .. } => "looking at a run",
            Call::ProposeRun(_) => "preparing a run",
            Call::StartRun { .. } => "starting the run",
            Call::ResendLink { .. } => "getting the link",
        });
        match call {
            Call::SearchKnowledge { query, project } => self.search(context, &query, project.as_deref()).map(Ok),
            Call::ListRuns => Ok(Ok(self.list())),
            Call::ExplainRun { run_id } => {
                let facts = chat::run(context.database()?, &self.loaded.user_id, &run_id)?;
                Ok(facts.ok_or(ToolError::NoRun))
            }
            Call::ProposeRun(arguments) => self.propose(context, *arguments),
            Call::StartRun { proposal } => Ok(self.start(&proposal)),
            Call::ResendLink { run_id } => Ok(Ok(self.link(run_id))),
        }
    }

    fn search(&mut self, context: &mut Context, query: &str, project: Option<&str>) -> Result<Value, PlanFailure> {
        let wanted = Search { query, project, limit: PASSAGES_MAX, counted: true, ..Search::default() };
        let found = match search(context.database()?, &wanted) {
            Ok(found) => found,
            Err(SearchError::Database(error)) => return Err(error.into()),
            // Of questions with a vector only.
            Err(SearchError::OtherEmbedder { .. }) => Vec::new(),
        };
        let first = self.passages.len() + 1;
        let passages: Vec<Value> = found
            .iter()
            .enumerate()
            .map(|(index, passage)| {
                let text = cut(&passage.content, PASSAGE_CHARS_MAX);
                json!({"number": first + index, "title": passage.title, "text": text})
            })
            .collect();
        self.passages.extend(found);
        Ok(json!({"passages": passages}))
    }

    fn list(&self) -> Value {
        let run = |run: &ChatRun| json!({"run_id": run.known.run_id, "project": run.known.project, "stands": reply::standing(run)});
        let runs: Vec<Value> = self.loaded.runs.iter().take(RUNS_LISTED_MAX).map(run).collect();
        json!({"runs": runs, "more": self.loaded.runs.len() > RUNS_LISTED_MAX})
    }

    fn propose(&mut self, context: &mut Context, arguments: ProposalArguments) -> Result<ToolResult, PlanFailure> {
        let version = self.loaded.projects.iter().find(|project| project.known.key == arguments.project);
        let Some(version) = version.map(ChatProject::project_version) else {
            return Ok(Err(ToolError::NoProject(String::new())));
        };
        let definition = definition::get(context, &version)?;
        let proposal = match arguments.against(&definition) {
            Ok(proposal) => proposal,
            Err(error) => return Ok(Err(error)),
        };
        let next = match proposal.standing() {
            Standing::MayStart => "it may be started, if the person asked for it now",
            Standing::AskBack => ASK_FIRST,
            Standing::Decline => DECLINE,
        };
        let may_start = proposal.standing() == Standing::MayStart;
        self.proposals.push(proposal);
        Ok(Ok(json!({"proposal": format!("p{}", self.proposals.len()), "may_start": may_start, "next": next})))
    }

    fn start(&mut self, proposal: &str) -> ToolResult {
        let number = proposal.strip_prefix('p').and_then(|number| number.parse::<usize>().ok());
        let proposal = number.and_then(|number| self.proposals.get(number.checked_sub(1)?));
        let proposal = proposal.ok_or(ToolError::NoProposal)?;
        match proposal.standing() {
            Standing::MayStart if self.start.is_some() => Err(ToolError::MayNotStart("one run a turn")),
            Standing::MayStart => {
                self.start = Some(Box::new(proposal.clone()));
                Ok(json!({"started": true}))
            }
            Standing::AskBack => Err(ToolError::MayNotStart(ASK_FIRST)),
            Standing::Decline => Err(ToolError::MayNotStart(DECLINE)),
        }
    }

    fn link(&mut self, run_id: String) -> Value {
        let run = self.loaded.runs.iter().find(|run| run.known.run_id == run_id);
        if run.is_none_or(|run| run.known.awaiting_gate.is_none()) {
            return json!({"link": "none: the run waits for nobody"});
        }
        if !self.links.contains(&run_id) {
            self.links.push(run_id);
        }
        json!({"link": "stands below your answer"})
    }

    /// What the model answers in all.
    pub(super) fn finish(self) -> ModelAnswer {
        let text = cut(&self.texts.join("\n\n"), ANSWER_CHARS_MAX);
        let cited = speech::cited(&text, self.passages.len());
        let citations: Vec<Value> = cited
            .into_iter()
            .filter_map(|number| self.passages.get(number.checked_sub(1)?).map(|passage| (number, passage)))
            .map(|(number, passage)| {
                json!({"doc_id": passage.doc_id, "path": passage.path, "reason": format!("cited as [{number}]")})
            })
            .collect();
        let decision = match (&self.start, self.proposals.last().map(Proposal::standing)) {
            (Some(_), _) => Some(Decision::Run),
            (None, Some(Standing::MayStart | Standing::AskBack)) => Some(Decision::Clarify),
            (None, Some(Standing::Decline)) => Some(Decision::Decline),
            (None, None) => None,
        };
        ModelAnswer { text, citations: Value::Array(citations), links: self.links, start: self.start, decision }
    }
}
