//! `mw why`: what a run waits for, in plain words.

use super::Context;
use super::runs::run_path;
use crate::api::{Api, list, text};
use crate::error::Result;
use serde_json::Value;

pub(crate) fn run(context: &Context, run: &str) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    let why = api.get(&format!("{}/why", run_path(run)))?;
    context.print(&why, |why| print!("{}", paragraph(why)))
}

fn paragraph(why: &Value) -> String {
    let mut lines = vec![
        format!("{} is {}", text(why, "runId"), text(why, "status")),
        format!("  waits for  {}", text(why, "waitingFor")),
    ];
    for (name, label) in [("since", "since"), ("until", "until"), ("then", "then")] {
        let value = text(why, name);
        if !value.is_empty() {
            lines.push(format!("  {label:<9}  {value}"));
        }
    }
    lines.extend(list(why, "details").iter().filter_map(Value::as_str).map(|detail| format!("  in flight  {detail}")));
    lines.extend(list(why, "can").iter().filter_map(Value::as_str).map(|can| format!("  you can    {can}")));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_explanation_reads_from_top_to_bottom() {
        let why = json!({"runId": "r1", "status": "running", "waitingFor": "a provider", "since": "a", "until": null,
            "then": "it fails", "details": ["submitting"], "can": ["mw runs cancel r1"]});
        let expected = "r1 is running\n  waits for  a provider\n  since      a\n  then       it fails\n  in flight  submitting\n  you can    mw runs cancel r1\n";
        assert_eq!(paragraph(&why), expected);
    }
}
