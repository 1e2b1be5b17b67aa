//! Sources that sign by Standard Webhooks, by their secrets.

use crate::system::{Secret, System};

pub static SYSTEM: System = System {
    secrets: &[Secret::with_address("std_webhook_sources")],
    ..System::new("std", "Standard Webhooks", "tells what became of jobs")
};
