//! Edit-and-approve: what an approver changes while approving, kept as a diff. A text that a person wrote stays: no persona
//! writes over it later.

use crate::gate_policy::GatePolicy;
use crate::run::brief;
use crate::run::{Change, Clip, Edit, EditableField, FieldError, Refusal, Run};
use mw_kernel::letters::seen;
use serde::{Deserialize, Serialize};

crate::words! {
    /// What an approver may change.
    Editable {
        /// Title, subjects and headers.
        Plan = "plan",
        /// The prompt of each clip.
        Script = "script",
        /// Caption and title of the post.
        Captions = "captions",
    }
}

/// One text of a run that may be edited. On the wire: `title`, `clips.0.subject`, `caption`…
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Field {
    Title,
    Subject(u32),
    Header(u32),
    Prompt(u32),
    Caption,
    PostTitle,
}

impl Field {
    /// Every text of a run that this kind of edit covers, in the order of a form.
    pub fn of(editable: Editable, clips: usize) -> Vec<Field> {
        let indexes = 0..u32::try_from(clips).unwrap_or(0);
        match editable {
            Editable::Plan => std::iter::once(Field::Title)
                .chain(indexes.flat_map(|index| [Field::Subject(index), Field::Header(index)]))
                .collect(),
            Editable::Script => indexes.map(Field::Prompt).collect(),
            Editable::Captions => vec![Field::Caption, Field::PostTitle],
        }
    }

    /// The kind of edit that it belongs to.
    pub fn editable(self) -> Editable {
        match self {
            Field::Title | Field::Subject(_) | Field::Header(_) => Editable::Plan,
            Field::Prompt(_) => Editable::Script,
            Field::Caption | Field::PostTitle => Editable::Captions,
        }
    }

    /// The longest text, in characters: those of run start and of personas' answers.
    pub fn chars_max(self) -> usize {
        match self {
            Field::Title | Field::Subject(_) => 200,
            Field::Header(_) | Field::PostTitle => 80,
            Field::Prompt(_) => 2_000,
            Field::Caption => 150,
        }
    }

    /// For people.
    pub fn label(self) -> String {
        match self {
            Field::Title => "Title".to_owned(),
            Field::Subject(index) => format!("Clip {}: subject", index + 1),
            Field::Header(index) => format!("Clip {}: header", index + 1),
            Field::Prompt(index) => format!("Clip {}: prompt", index + 1),
            Field::Caption => "Caption".to_owned(),
            Field::PostTitle => "Title of the post".to_owned(),
        }
    }

    /// The text as it stands; nothing where a persona has not written yet.
    pub fn get(self, run: &Run) -> Option<&str> {
        let clip = |index: u32| run.body.clips.get(index as usize);
        match self {
            Field::Title => Some(&run.title),
            Field::Subject(index) => clip(index).map(|clip| clip.subject.as_str()),
            Field::Header(index) => clip(index).map(|clip| clip.header.as_str()),
            Field::Prompt(index) => clip(index).and_then(|clip| clip.prompt.as_deref()),
            Field::Caption => run.body.caption.as_deref(),
            Field::PostTitle => run.body.post_title.as_deref(),
        }
    }

    pub(crate) fn set(self, run: &mut Run, text: &str) {
        let text = text.to_owned();
        let clips = &mut run.body.clips;
        let mut clip = |index: u32, set: &dyn Fn(&mut Clip, String)| {
            if let Some(clip) = clips.get_mut(index as usize) {
                set(clip, text.clone());
            }
        };
        match self {
            Field::Title => run.title = text,
            Field::Subject(index) => clip(index, &|clip, text| clip.subject = text),
            Field::Header(index) => clip(index, &|clip, text| clip.header = text),
            Field::Prompt(index) => clip(index, &|clip, text| clip.prompt = Some(text)),
            Field::Caption => run.body.caption = Some(text),
            Field::PostTitle => run.body.post_title = Some(text),
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Field::Title => f.write_str("title"),
            Field::Subject(index) => write!(f, "clips.{index}.subject"),
            Field::Header(index) => write!(f, "clips.{index}.header"),
            Field::Prompt(index) => write!(f, "clips.{index}.prompt"),
            Field::Caption => f.write_str("caption"),
            Field::PostTitle => f.write_str("post_title"),
        }
    }
}

impl From<Field> for String {
    fn from(field: Field) -> String {
        field.to_string()
    }
}

impl TryFrom<String> for Field {
    type Error = String;

    fn try_from(name: String) -> Result<Field, String> {
        Field::parse(&name).ok_or_else(|| format!("there is no field {name}"))
    }
}

impl Field {
    /// The field of a name; `None` for an unknown one.
    pub fn parse(name: &str) -> Option<Field> {
        let mut parts = name.split('.');
        let field = match (parts.next()?, parts.next(), parts.next()) {
            ("title", None, None) => Field::Title,
            ("caption", None, None) => Field::Caption,
            ("post_title", None, None) => Field::PostTitle,
            ("clips", Some(index), Some(name)) => {
                let index = index.parse().ok()?;
                match name {
                    "subject" => Field::Subject(index),
                    "header" => Field::Header(index),
                    "prompt" => Field::Prompt(index),
                    _ => return None,
                }
            }
            _ => return None,
        };
        // One spelling each: "clips.007.prompt" is nobody's field.
        (field.to_string() == name).then_some(field)
    }
}

/// The texts that a gate's policy lets an approver change, in the order of a form.
pub(super) fn fields(run: &Run, policy: &GatePolicy) -> Vec<EditableField> {
    let groups = policy.edits.iter().filter_map(|group| Editable::parse(group));
    let fields = groups.flat_map(|editable| Field::of(editable, run.body.clips.len()));
    fields
        .map(|field| EditableField {
            field: field.to_string(),
            label: field.label(),
            text: brief::text(run, field),
            chars_max: field.chars_max(),
        })
        .collect()
}

/// The changes of an edit that the gate's policy allows; fields that keep their text are no changes.
pub(super) fn changes(run: &Run, policy: &GatePolicy, edit: &Edit) -> Result<Vec<Change>, Refusal> {
    let mut changes = Vec::new();
    let mut errors = Vec::new();
    for (name, text) in edit {
        // Nothing hides in a new text either.
        let text = seen(text);
        let text = text.trim();
        let Some(field) = Field::parse(name) else {
            errors.push(error(name, "there is no such field"));
            continue;
        };
        // A form sends back what it showed, be it written or proposed.
        if brief::text(run, field).text.as_deref().map(str::trim) == Some(text) {
            continue;
        }
        if !policy.edits.iter().any(|group| group == field.editable().as_str()) {
            return Err(Refusal::EditNotAllowed { field: name.clone(), allowed: policy.edits.clone() });
        }
        let clips = run.body.clips.len();
        if !Field::of(field.editable(), clips).contains(&field) {
            errors.push(error(name, format!("the run has {clips} clips")));
        } else if !(1..=field.chars_max()).contains(&text.chars().count()) {
            errors.push(error(name, format!("must be 1 to {} characters", field.chars_max())));
        } else if text.contains('\0') {
            errors.push(error(name, "must not contain null characters"));
        }
        let before = field.get(run).map(str::to_owned);
        changes.push(Change { field: name.clone(), before, after: text.to_owned() });
    }
    if errors.is_empty() { Ok(changes) } else { Err(Refusal::InvalidEdit { errors }) }
}

fn error(field: &str, detail: impl Into<String>) -> FieldError {
    FieldError { pointer: format!("#/edit/{field}"), detail: detail.into() }
}

/// Puts the new texts in.
pub(super) fn apply(changes: &[Change], run: &mut Run) {
    for change in changes {
        if let Some(field) = Field::parse(&change.field) {
            field.set(run, &change.after);
        }
    }
}

/// Whether a person wrote this text, here or in the run that this one goes on from.
pub(crate) fn is_written_by_a_person(run: &Run, field: Field) -> bool {
    run.is_written_by_a_person(&field.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Editable;
    use crate::run::testing::at_gate;
    use crate::run::testing::gate;

    #[test]
    fn every_field_has_one_name_and_belongs_to_one_kind_of_edit() {
        for editable in Editable::ALL {
            for field in Field::of(*editable, 3) {
                assert_eq!(Field::parse(&field.to_string()), Some(field));
                assert_eq!(field.editable(), *editable);
                assert_eq!(serde_json::to_value(field).unwrap(), field.to_string());
            }
        }
        for name in ["", "clips", "clips.0", "clips.00.prompt", "clips.-1.prompt", "clips.0.url", "Title", "title.0"] {
            assert_eq!(Field::parse(name), None, "{name}");
        }
    }

    #[test]
    fn only_what_differs_is_a_change_and_only_what_the_policy_allows() {
        let run = at_gate(gate("ideate"));
        let plan = GatePolicy { edits: vec!["plan".into()], ..GatePolicy::default() };
        let edit = |field: Field, text: &str| Edit::from([(field.to_string(), text.to_owned())]);
        let kept = run.body.clips[0].header.clone();
        assert_eq!(changes(&run, &GatePolicy::default(), &edit(Field::Header(0), &kept)), Ok(Vec::new()));
        let change = changes(&run, &plan, &edit(Field::Header(0), " new ")).unwrap();
        assert_eq!((change[0].before.as_deref(), change[0].after.as_str()), (Some(kept.as_str()), "new"));
        let refused = changes(&run, &plan, &edit(Field::Prompt(0), "p")).unwrap_err();
        assert!(matches!(refused, Refusal::EditNotAllowed { .. }));
        for (field, text) in
            [(Field::Header(9), "x".into()), (Field::Header(0), "x".repeat(81)), (Field::Title, " ".into())]
        {
            let refused = changes(&run, &plan, &edit(field, &text)).unwrap_err();
            assert!(matches!(refused, Refusal::InvalidEdit { .. }), "{field}");
        }
    }
}
