//! What an order says beside its verb, by verb.

use super::{SECONDS_MAX, SECONDS_MIN};
use mw_edge::body;
use mw_edge::body::{Moment, Text, Whole};

body! {
    pub struct CancelRun {
        #[schemars(extend("default" = "cancelled via API"))]
        pub reason: Option<Text<0, 500>>,
        #[schemars(extend("default" = "api"))]
        pub actor: Option<Text<0, 200>>,
    }

    pub struct Order {
        /// Why, for the timeline.
        pub reason: Option<Text<0, 500>>,
        /// Who, for the timeline; a note, not an identity.
        pub actor: Option<Text<0, 200>>,
    }

    pub struct PauseRun {
        /// Why, for the timeline.
        pub reason: Option<Text<0, 500>>,
        /// Who, for the timeline; a note, not an identity.
        pub actor: Option<Text<0, 200>>,
        /// From now.
        pub seconds: Option<Whole<SECONDS_MIN, SECONDS_MAX>>,
        /// A moment in the future; wins over `seconds`.
        pub until: Option<Moment>,
    }

    /// `until` or `seconds`.
    #[schemars(extend("anyOf" = [
        {"required": ["until"], "properties": {"until": {"type": "string"}}},
        {"required": ["seconds"], "properties": {"seconds": {"type": "integer"}}},
    ]))]
    pub struct ExtendRun {
        /// Why, for the timeline.
        pub reason: Option<Text<0, 500>>,
        /// Who, for the timeline; a note, not an identity.
        pub actor: Option<Text<0, 200>>,
        /// From now.
        pub seconds: Option<Whole<SECONDS_MIN, SECONDS_MAX>>,
        /// A moment in the future; wins over `seconds`.
        pub until: Option<Moment>,
    }

    pub struct RetryRun {
        /// Why, for the timeline.
        pub reason: Option<Text<0, 500>>,
        /// Who, for the timeline; a note, not an identity.
        pub actor: Option<Text<0, 200>>,
        /// Make clips anew even where they are there.
        pub fresh: Option<bool>,
    }

    pub struct RerunRun {
        /// Why, for the timeline.
        pub reason: Option<Text<0, 500>>,
        /// Who, for the timeline; a note, not an identity.
        pub actor: Option<Text<0, 200>>,
        /// Name of a step that the run has reached: a gate, a persona, `generate`, `render` or `publish`.
        pub from: Text<1, 100>,
        /// Make clips anew even where they are there.
        pub fresh: Option<bool>,
    }

    /// An order of any verb: what its verb does not ask for is not looked at.
    #[schemars(inline)]
    pub struct AnyOrder {
        /// Why, for the timeline.
        pub reason: Option<Text<0, 500>>,
        /// Who, for the timeline; a note, not an identity.
        pub actor: Option<Text<0, 200>>,
        /// From now.
        pub seconds: Option<Whole<SECONDS_MIN, SECONDS_MAX>>,
        /// A moment in the future; wins over `seconds`.
        pub until: Option<Moment>,
        /// Name of a step that the run has reached.
        pub from: Option<Text<1, 100>>,
        /// Make clips anew even where they are there.
        pub fresh: Option<bool>,
    }
}
