//! /v1/chat: turns with Brendan, and the conversations that they make. He hands out links and never approves; he knows only
//! the runs of the user who asks.
//!
//! A turn is a pipeline, and `turn` has its stages in their order:
//!
//! ```text
//! read ─► load ─► plan ─────────────────────────────► commit ─► respond ─► afterwards
//!         │       model: rounds of calls, by tools    one statement  JSON, or stream   kick, summary
//!         │       rules: without a model, or when it fails
//!         one statement: key, limit, conversation, runs, projects
//! ```
//!
//! `settings` says which model there is; `reply` is what the person reads; `conversation` exports and deletes.

mod commit;
mod conversation;
mod model;
mod reply;
mod rules;
mod settings;
mod stream;
mod summary;
mod tools;
mod turn;

use commit::ChatAnswer;
use conversation::{Conversation, ConversationPath, ConversationQuery, DeletedConversation};
use mw_edge::about::Tag::Chat;
use mw_edge::limits::CHAT_BRENDAN;
use mw_edge::route::{Route, delete, get, post};
use mw_kernel::principal::Role::{Approver, Viewer};
use mw_operations::turn::ChatMessage;

pub const ROUTES: &[Route] = &[
    post("/v1/chat/brendan", Approver, turn::handle)
        .guarded_by(turn::let_in)
        .limited(CHAT_BRENDAN)
        .is(Chat, "chat", "Talk to Brendan")
        .more(
            "He plans a run from the message and starts it, asks back when he cannot tell, says how runs stand, and hands out the signed link of a gate that waits: with a language model where one is configured, else, and whenever it fails, by rules. He never decides a gate, and he knows only the runs and the conversation of the `user_id` that asks. Behind a principal's key that is the owner's own name, or a part of it: another `user_id` means `<owner>/<user_id>`, and the name of another principal or a Telegram chat is refused (`user-not-yours`).",
        )
        .takes::<ChatMessage>()
        .gives::<ChatAnswer>("What he says, and the user's runs.")
        .gives_as::<stream::Events>(200, stream::MEDIA_TYPE, "What he says, and the user's runs."),
    // One's own; another's are the environment's key's.
    get("/v1/chat/conversations/{user_id}", Viewer, conversation::export)
        .is(Chat, "export_conversation", "Take a conversation along")
        .more(
            "All that is kept of a conversation, one page by key. For its owner's key and the environment's; for everybody else there is none.",
        )
        .path::<ConversationPath>()
        .query::<ConversationQuery>()
        .gives::<Conversation>("A page of the conversation.")
        .refuses(&[403]),
    delete("/v1/chat/conversations/{user_id}", Viewer, conversation::delete)
        .is(Chat, "delete_conversation", "Delete a conversation")
        .more(
            "Its messages and summary go. Runs that it started stay, and so do the numbers of what it has used. A very long one goes in several requests: `more` says so.",
        )
        .path::<ConversationPath>()
        .gives::<DeletedConversation>("What went.")
        .refuses(&[403]),
];
