//! Projects as clients see them: what is loaded, and how providers are talked to.

use mw_edge::{Context, Problem};
use mw_kernel::status::ProvidersMode;
use mw_media::definition::Definition;
use serde_json::{Value, json};

/// Every project as clients see it.
pub fn all(context: &mut Context, mode: ProvidersMode) -> Result<Vec<Value>, Problem> {
    let projects = mw_store::projects::list(context.database()?, None)?;
    Ok(projects.iter().map(|project| show(project, mode)).collect())
}

/// A project as clients see it.
pub fn show(project: &Definition, mode: ProvidersMode) -> Value {
    json!({
        "key": project.key,
        "title": project.title,
        "description": project.description,
        "metadata": {"version": project.version, "tags": project.tags},
        "providers": {
            "mode": mode.as_str(),
            "video": "kieai",
            "render": "shotstack",
            "publish": "upload-post",
        },
    })
}
