//! What follows an answer where a model plans: when a conversation has grown long, the model puts its older part into a few
//! sentences, which stand for it from then on. Nobody waits for that, and a conversation without it only knows less.

use crate::commit::Account;
use crate::model::lines;
use crate::settings::Model;
use crate::turn::PreparedTurn;
use mw_edge::log::Level;
use mw_edge::outbound::{self, Outbound, Timeouts};
use mw_edge::{Context, Problem, clock};
use mw_integrations::llm::{Ask, Message, converse};
use mw_media::brendan::conversation::{SUMMARY_CHARS_MAX, cut, summary, to_summarise};
use mw_media::brendan::speech;
use mw_store::chat::{self, Kept, Summary};
use std::time::Duration;

const SECONDS: Duration = Duration::from_secs(20);
const TOKENS_MAX: u32 = 600;

/// A summary that is due.
pub(super) struct DueSummary {
    model: Model,
    user_id: String,
    before: Option<String>,
    after_id: i64,
    until_id: i64,
    older: Vec<Kept>,
}

impl DueSummary {
    /// `None` while the model can be given all messages word for word.
    pub(super) fn of(turn: PreparedTurn) -> Option<DueSummary> {
        let PreparedTurn { request, loaded, model, .. } = turn;
        // The turn itself is not among them yet.
        let count = to_summarise(loaded.history.len() + 2).min(loaded.history.len());
        let until_id = loaded.history.get(count.checked_sub(1)?)?.message_id;
        let mut older = loaded.history;
        older.truncate(count);
        let within_budget = |model: &Model| model.is_within_budget(loaded.tokens_today.unwrap_or_default());
        Some(DueSummary {
            model: model.filter(within_budget)?,
            user_id: request.user_id,
            before: loaded.summary,
            after_id: loaded.summary_until,
            until_id,
            older,
        })
    }

    /// Asks the model and keeps what it says.
    pub(super) fn write(self, context: &mut Context) {
        let (system, message) = summary(self.before.as_deref(), &lines(&self.older));
        let ask =
            Ask { system, messages: &[Message::User(message)], tools: &[], shape: None, answer_tokens_max: TOKENS_MAX };
        let timeouts = Timeouts { connect: Duration::from_secs(3), first_byte: SECONDS, between_bytes: SECONDS };
        context.release_database();
        let result =
            outbound::block_on(outbound::within(SECONDS, converse(&Outbound { timeouts }, &self.model.llm, &ask)));
        let Some(Ok(answered)) = result else {
            return context.log.write(Level::Warn, "myloware.chat", "no summary made", &[]);
        };
        let mut account = Account::of(Some(&self.model));
        account.usage = answered.usage;
        let text = cut(&speech::plain(answered.text.trim()), SUMMARY_CHARS_MAX);
        keep(context, &account, &self.user_id, (self.after_id, self.until_id), Some(&text));
    }
}

/// Records what a model has taken of a turn that could not be kept.
pub(super) fn record_usage(context: &mut Context, turn: &PreparedTurn, account: &Account) {
    keep(context, account, &turn.request.user_id, (0, 0), None);
}

fn keep(context: &mut Context, account: &Account, user_id: &str, between: (i64, i64), summary: Option<&str>) {
    let Some(used) = account.used() else { return };
    let (after_id, until_id) = between;
    let summary = Summary { user_id, after_id, until_id, summary, used: &used };
    let kept = context.database().and_then(|db| Ok(chat::summarise(db, clock::now(), &summary)?));
    if let Err(problem) = kept {
        let problem: Problem = problem;
        context.log_problem(&problem);
    }
}
