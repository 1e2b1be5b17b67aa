//! What can be made here.

use crate::tool::{Tool, ToolOutcome};
use mw_edge::startup;
use mw_kernel::principal::Role;
use mw_operations::projects;
use serde_json::json;

pub(crate) const LIST_PROJECTS: Tool = Tool {
    name: "list_projects",
    role: Role::Viewer,
    call: |session, _| {
        let mode = startup::mode(&session.context.config)?;
        Ok(ToolOutcome::facts(json!({"projects": projects::all(session.context, mode)?})))
    },
};
