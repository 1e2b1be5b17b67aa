//! The same component as a cron guest: each tick is printed and POSTed to the variable `cron_url`. A timestamp that
//! can be divided by 3 ends in an error and one by 7 in a trap; neither may stop the ticks that follow.

use spin_sdk::http::{Method, Request, Response, run, send};
use spin_sdk::variables;

wit_bindgen::generate!({ path: "../../../wit/spin-cron", world: "spin-cron" });

struct Ticks;

export!(Ticks);

impl Guest for Ticks {
    fn handle_cron_event(metadata: Metadata) -> Result<(), Error> {
        let url = variables::get("cron_url").map_err(|error| Error::Other(error.to_string()))?;
        println!("tick {}", metadata.timestamp);
        let request = Request::builder().method(Method::Post).uri(url).body(metadata.timestamp.to_string()).build();
        let sent: Result<Response, _> = run(send(request));
        sent.map_err(|error| Error::Other(error.to_string()))?;
        if metadata.timestamp.is_multiple_of(7) {
            std::process::abort();
        }
        if metadata.timestamp.is_multiple_of(3) {
            return Err(Error::Other("a tick that can be divided by 3".into()));
        }
        Ok(())
    }
}
