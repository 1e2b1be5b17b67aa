//! What can be made here.

use crate::mcp::tool::{Outcome, Tool};
use crate::{projects, startup};
use mw_core::principal::Role;
use serde_json::json;

pub(in crate::mcp) const LIST_PROJECTS: Tool = Tool {
    name: "list_projects",
    role: Role::Viewer,
    call: |session, _| {
        let mode = startup::mode(&session.context.config)?;
        Ok(Outcome::facts(json!({"projects": projects::all(session.context, mode)?})))
    },
};
