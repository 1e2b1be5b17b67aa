//! The tools, one file per subject; what clients read of them is in tools.json, beside this folder. None decides a gate: a
//! person does, elsewhere.

mod brendan;
mod gates;
mod hand_over;
mod knowledge;
mod projects;
mod refresh;
mod report;
mod runs;

use super::tool::Tool;

/// In the order in which they are listed, which never changes from one call to the next.
pub(super) const ALL: &[&Tool] = &[
    &knowledge::QUERY_SUPPORT,
    &refresh::REFRESH_INDEX,
    &report::INSIGHT_REPORT,
    &runs::GET_RUN_STATUS,
    &runs::LIST_RUNS,
    &runs::EXPLAIN_RUN,
    &projects::LIST_PROJECTS,
    &gates::LIST_GATES,
    &hand_over::HAND_OVER_GATE,
    &brendan::ASK_BRENDAN,
];
