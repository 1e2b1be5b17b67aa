//! The families of /metrics, those of providers among them.

use crate::registry::SYSTEMS;
use mw_media::metrics::{FAMILIES, Family, job_seconds};

/// Every family, by name.
pub fn families() -> Vec<Family> {
    let of_jobs = SYSTEMS.iter().filter_map(|system| system.job_seconds);
    let mut families: Vec<Family> = FAMILIES.to_vec();
    families.extend(of_jobs.map(|known| job_seconds(known.family, known.help)));
    families.sort_by_key(|family| family.name);
    families
}

/// The family of that name.
pub fn find(name: &str) -> Option<Family> {
    families().into_iter().find(|family| family.name == name)
}
