//! Pages of open gates, for every list of them.

use mw_edge::cursor::Cursor;
use mw_edge::{Context, Problem};
use mw_kernel::run::{Brief, OpenGate};
use mw_store::gates::{Filter, Place, Waiting, open};
use serde_json::Value;

/// What is listed, and where it goes on.
pub struct Listed {
    pub briefs: Vec<Brief<Value>>,
    pub next: Option<String>,
}

/// One page of the gates that fit, the most urgent first; of these, those that may be shown.
pub fn list(
    context: &mut Context,
    filter: &Filter,
    limit: u32,
    may_show: impl Fn(&OpenGate) -> bool,
) -> Result<Listed, Problem> {
    let kinds = context.kinds;
    let page = open(context.database()?, filter, limit)?;
    let brief = |waiting: &Waiting| {
        let open = waiting.run.opening(waiting.opening).filter(|open| may_show(open))?;
        super::brief(kinds, &waiting.run, open).ok()
    };
    let briefs = page.gates.iter().filter_map(brief).collect();
    Ok(Listed { briefs, next: page.next.as_ref().map(cursor) })
}

fn cursor(place: &Place) -> String {
    format!("{}.{}", Cursor::of(&place.deadline, &place.run_id), place.opening)
}

/// The place of a cursor that [`list`] gave; `None` for anything else.
pub fn place(cursor: &str) -> Option<Place> {
    let (cursor, opening) = cursor.rsplit_once('.')?;
    let Cursor { created_at: deadline, run_id } = Cursor::parse(cursor)?;
    Some(Place { deadline, run_id, opening: opening.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let at = Place { deadline: "2026-01-02T03:04:05+00:00".into(), run_id: "run-1".into(), opening: 3 };
        assert_eq!(place(&cursor(&at)), Some(at.clone()));
        let plain = Cursor::of(&at.deadline, &at.run_id);
        for other in ["", ".", "1", &plain, &format!("{plain}."), &format!("{plain}.x"), &format!("{plain}.-1")] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
