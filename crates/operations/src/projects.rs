//! Projects as clients see them: what is loaded, and how providers are talked to.

use mw_edge::{Context, Problem, shape};
use mw_kernel::status::ProvidersMode;
use mw_media::definition::Definition;

shape! {
    pub struct Project {
        pub key: String,
        pub title: String,
        pub description: String,
        pub metadata: Metadata,
        pub providers: Providers,
    }

    #[schemars(inline)]
    pub struct Metadata {
        pub version: String,
        pub tags: Vec<String>,
    }

    #[schemars(inline)]
    pub struct Providers {
        pub mode: ProvidersMode,
        pub video: &'static str,
        pub render: &'static str,
        pub publish: &'static str,
    }
}

/// Every project as clients see it.
pub fn all(context: &mut Context, mode: ProvidersMode) -> Result<Vec<Project>, Problem> {
    let projects = mw_store::projects::list(context.database()?, None)?;
    Ok(projects.iter().map(|project| show(project, mode)).collect())
}

/// A project as clients see it.
pub fn show(project: &Definition, mode: ProvidersMode) -> Project {
    Project {
        key: project.key.clone(),
        title: project.title.clone(),
        description: project.description.clone(),
        metadata: Metadata { version: project.version.clone(), tags: project.tags.clone() },
        providers: Providers { mode, video: "kieai", render: "shotstack", publish: "upload-post" },
    }
}
