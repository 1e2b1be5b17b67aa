//! Scheduled: POSTs to the sweep's URL with the sweep key. Spin's cron trigger is synchronous, has no service chaining and
//! forgets results, so this only triggers the sweep, and logs when nobody answers.

use mw_api::sweep::trigger;

struct SweepCron;

// Generated code, which the host's interface makes unsafe.
#[allow(unsafe_code, unreachable_pub)]
mod world {
    wit_bindgen::generate!({ path: "../../wit/spin-cron", world: "spin-cron" });

    use super::SweepCron;
    export!(SweepCron);
}

use world::fermyon::spin_cron::cron_types::{Error, Metadata};

impl world::Guest for SweepCron {
    fn handle_cron_event(_metadata: Metadata) -> Result<(), Error> {
        trigger::call().map_err(Error::Other)
    }
}
