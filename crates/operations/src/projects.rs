//! Projects as clients see them: what is loaded, and how providers are talked to.

use mw_edge::{Context, Problem, shape};
use mw_kernel::status::ProvidersMode;
use mw_media::definition::Definition;
use mw_media::job::JobKind;

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
        pub video: Option<String>,
        pub render: Option<String>,
        pub publish: Option<String>,
    }
}

/// Every project as clients see it.
pub fn all(context: &mut Context, mode: ProvidersMode) -> Result<Vec<Project>, Problem> {
    let projects = mw_store::projects::list(context.database()?, None)?;
    Ok(projects.iter().map(|project| show(project, mode)).collect())
}

/// A project as clients see it.
pub fn show(project: &Definition, mode: ProvidersMode) -> Project {
    let provider = |kind| project.works().find(|work| work.kind == kind).map(|work| work.provider.to_owned());
    Project {
        key: project.key.clone(),
        title: project.title.clone(),
        description: project.description.clone(),
        metadata: Metadata { version: project.version.clone(), tags: project.tags.clone() },
        providers: Providers {
            mode,
            video: provider(JobKind::Generate),
            render: provider(JobKind::Render),
            publish: provider(JobKind::Publish),
        },
    }
}
