//! Projects as clients see them: what is loaded, and how providers are talked to.

use mw_edge::{Context, Problem, shape};
use mw_integrations::registry::job_providers;
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
        pub video: String,
        pub render: String,
        pub publish: String,
    }
}

/// Every project as clients see it.
pub fn all(context: &mut Context, mode: ProvidersMode) -> Result<Vec<Project>, Problem> {
    let projects = mw_store::projects::list(context.database()?, None)?;
    Ok(projects.iter().map(|project| show(project, mode)).collect())
}

/// A project as clients see it.
pub fn show(project: &Definition, mode: ProvidersMode) -> Project {
    // A project without such a step shows who would do it.
    let known = |kind| job_providers().find(|(_, jobs)| jobs.makes().contains(&kind)).map(|(system, _)| system.name);
    let provider = |kind| {
        let named = project.works().find(|work| work.kind == kind).map(|work| work.provider);
        named.or_else(|| known(kind)).unwrap_or_default().to_owned()
    };
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
