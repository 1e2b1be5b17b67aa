//! Whether a post says that a machine made it, and by which flag of each platform. Article 50 of the EU AI Act applies since
//! August 2026, and platforms ask for their own flags: so it is on, and a project that turns it off says why.

use serde::{Deserialize, Serialize};

/// What a project's definition says of its posts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Disclosure {
    /// Every platform that has a flag for machine-made media gets it.
    #[default]
    AiGenerated,
    /// No flag is sent. Approvers see the reason.
    Undisclosed { reason: String },
}

/// The fields by which a post is marked, by platform (`contracts/providers.md` §3). A platform that is missing here has no flag
/// that can be sent, which the prepublish gate says.
const FLAGS: [(&str, &str); 2] = [("tiktok", "is_aigc"), ("youtube", "containsSyntheticMedia")];

const REASON_CHARS: std::ops::RangeInclusive<usize> = 10..=500;

/// What a post discloses, and where it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Disclosed {
    pub ai_generated: bool,
    /// The reason of a project that discloses nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub flags: Vec<Flag>,
    /// Platforms of the post that have no such flag, or are sent none.
    pub unflagged: Vec<String>,
    /// The same in words, for people who are about to approve the post.
    pub summary: String,
}

/// A platform and the form field that marks the post there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flag {
    pub platform: String,
    pub field: &'static str,
}

impl Disclosure {
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Disclosure::default()
    }

    /// What a post on these platforms says.
    #[must_use]
    pub fn on(&self, platforms: &[String]) -> Disclosed {
        let flag_of = |platform: &String| {
            let field = FLAGS.iter().find(|(name, _)| name == platform).map(|(_, field)| *field)?;
            Some(Flag { platform: platform.clone(), field })
        };
        let (flags, reason) = match self {
            Disclosure::AiGenerated => (platforms.iter().filter_map(flag_of).collect(), None),
            Disclosure::Undisclosed { reason } => (Vec::new(), Some(reason.clone())),
        };
        let is_flagged = |platform: &&String| flags.iter().any(|flag: &Flag| flag.platform == **platform);
        let unflagged: Vec<String> = platforms.iter().filter(|platform| !is_flagged(platform)).cloned().collect();
        let summary = summary(&flags, &unflagged, reason.as_deref());
        Disclosed { ai_generated: reason.is_none(), reason, flags, unflagged, summary }
    }

    /// The rule that a definition breaks.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Disclosure::AiGenerated => Ok(()),
            Disclosure::Undisclosed { reason } if REASON_CHARS.contains(&reason.trim().chars().count()) => Ok(()),
            Disclosure::Undisclosed { .. } => {
                Err("publish.disclosure.undisclosed.reason is 10 to 500 characters: approvers read it".to_owned())
            }
        }
    }
}

fn summary(flags: &[Flag], unflagged: &[String], reason: Option<&str>) -> String {
    if let Some(reason) = reason {
        return format!("The post is not marked as made by AI: {reason}");
    }
    let flagged: Vec<&str> = flags.iter().map(|flag| flag.platform.as_str()).collect();
    let marked = format!("The post is marked as made by AI on {}.", flagged.join(", "));
    let unmarked = format!("There is no such mark for {}: say it in the caption.", unflagged.join(", "));
    match (flags.is_empty(), unflagged.is_empty()) {
        (false, false) => format!("{marked} {unmarked}"),
        (false, true) => marked,
        (true, _) => unmarked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn flags_are_sent_where_a_platform_has_one() {
        let disclosed = Disclosure::default().on(&platforms(&["tiktok", "instagram", "youtube"]));
        let fields: Vec<_> = disclosed.flags.iter().map(|flag| (flag.platform.as_str(), flag.field)).collect();
        assert_eq!(fields, [("tiktok", "is_aigc"), ("youtube", "containsSyntheticMedia")]);
        assert_eq!(disclosed.unflagged, ["instagram"]);
        let summary = disclosed.summary;
        assert!(summary.contains("on tiktok, youtube.") && summary.contains("for instagram:"), "{summary}");
    }

    #[test]
    fn who_discloses_nothing_says_why() {
        let reason = "Only a rehearsal on a private account.";
        let off: Disclosure = serde_json::from_value(serde_json::json!({"undisclosed": {"reason": reason}})).unwrap();
        assert_eq!(off.validate(), Ok(()));
        let disclosed = off.on(&platforms(&["tiktok"]));
        assert_eq!((disclosed.ai_generated, disclosed.flags.len()), (false, 0));
        assert!(disclosed.summary.ends_with(reason));
        for reason in ["", "  because  ", &"x".repeat(501)] {
            assert!(Disclosure::Undisclosed { reason: reason.to_owned() }.validate().is_err(), "{reason:?}");
        }
        for wrong in
            [serde_json::json!("undisclosed"), serde_json::json!({"undisclosed": {}}), serde_json::json!(false)]
        {
            assert!(serde_json::from_value::<Disclosure>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
