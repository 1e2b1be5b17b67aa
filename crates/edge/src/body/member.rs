//! Bodies as types: the members of a JSON object with their limits, of which the reader, which names every fault at once, and
//! the schema in openapi.json are made.
//!
//! ```text
//! body! { pub struct SwitchDrain { pub on: Required<bool>, pub reason: Option<Text<0, 500>> } }
//! ```
//!
//! A member that may be left out is an `Option`; null means the same as leaving it out.

use super::Fields;
use crate::cursor::Cursor;
use mw_kernel::Word;
use serde::Serialize;
use serde_json::{Map, Value};
use std::ops::Deref;
use time::OffsetDateTime;

/// A JSON object of a request.
pub trait Body: Sized {
    /// Takes its members; what is wrong with them is gathered in `fields`, and answered before anything is made of them.
    fn read(fields: &mut Fields<'_>) -> Self;
}

/// A member of a body.
pub trait Member: Sized {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self;
}

/// A text within its length in characters. As a member by itself it must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const LEAST: usize, const MOST: usize>(pub String);

/// A whole number within its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Whole<const LEAST: u32, const MOST: u32>(pub u32);

/// A moment (RFC 3339).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub OffsetDateTime);

/// A SHA-256 in hex, as we write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Sha256Hex(pub String);

/// Where a page of a list ended, as we said it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After<const MOST: usize>(pub Cursor);

/// One of the words of an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice<W>(pub W);

/// An object with members of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested<B>(pub B);

/// What must be there; `None` only while that fault waits to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Required<T>(pub Option<T>);

impl<const LEAST: usize, const MOST: usize> Deref for Text<LEAST, MOST> {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl<const LEAST: usize, const MOST: usize> Text<LEAST, MOST> {
    /// The text of one that says something; a blank one says nothing.
    pub fn said(text: Option<Self>) -> Option<String> {
        text.map(|text| text.0).filter(|text| !text.trim().is_empty())
    }
}

impl<const LEAST: usize, const MOST: usize> Member for Text<LEAST, MOST> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        Text(fields.required_text(name, LEAST, MOST))
    }
}

impl<const LEAST: usize, const MOST: usize> Member for Option<Text<LEAST, MOST>> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        fields.text(name, LEAST, MOST).map(Text)
    }
}

impl<const LEAST: u32, const MOST: u32> Member for Option<Whole<LEAST, MOST>> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        fields.number(name, LEAST, MOST).map(Whole)
    }
}

impl Member for Option<bool> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        fields.boolean(name)
    }
}

impl Member for Option<Moment> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        fields.moment(name).map(Moment)
    }
}

impl Member for Option<Sha256Hex> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        let text = fields.text(name, 64, 64)?;
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex {
            fields.fail(name, "String should match pattern '^[0-9a-f]{64}$'");
        }
        is_hex.then_some(Sha256Hex(text))
    }
}

impl Member for Option<Map<String, Value>> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        fields.object(name).cloned()
    }
}

impl Member for Option<Vec<String>> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        fields.has(name).then(|| fields.texts(name))
    }
}

impl<const MOST: usize> Member for Option<After<MOST>> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        let cursor = Cursor::parse(&fields.text(name, 1, MOST)?);
        if cursor.is_none() {
            fields.fail(name, format!("{name} is not one of ours"));
        }
        cursor.map(After)
    }
}

impl<W: Word> Member for Option<Choice<W>> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        let text = fields.text(name, 0, usize::MAX)?;
        let word = W::of(&text);
        if word.is_none() {
            fields.fail(name, one_of(W::WORDS));
        }
        word.map(Choice)
    }
}

impl<T> Member for Required<T>
where
    Option<T>: Member,
{
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        if !fields.has(name) {
            fields.fail(name, "Field required");
        }
        Required(Member::read(fields, name))
    }
}

impl<B: Body> Member for Option<Nested<B>> {
    fn read(fields: &mut Fields<'_>, name: &str) -> Self {
        fields.inside(name, B::read).map(Nested)
    }
}

/// The words that a text may be, as the original's validator says it.
pub fn one_of(words: &[&str]) -> String {
    let mut said = String::from("Input should be ");
    for (word, left) in words.iter().zip((0..words.len()).rev()) {
        said.push_str(&format!("'{word}'"));
        said.push_str(match left {
            0 => "",
            1 => " or ",
            _ => ", ",
        });
    }
    said
}

/// The schema of a type, for another that mentions it.
#[cfg(not(target_family = "wasm"))]
pub fn schema_of<T: schemars::JsonSchema>() -> schemars::Schema {
    T::json_schema(&mut schemars::SchemaGenerator::default())
}

/// Declares bodies: a struct each, whose members are read in their order ([`Body`]), with its schema.
#[macro_export]
macro_rules! body {
    ($(
        $(#[doc = $doc:literal])* $(#[schemars($($rules:tt)*)])*
        pub struct $name:ident {
            $( $(#[doc = $member_doc:literal])* $(#[schemars($($member_rules:tt)*)])* pub $member:ident: $type:ty ),+ $(,)?
        }
    )+) => { $(
        $(#[doc = $doc])*
        #[allow(unreachable_pub)]
        #[cfg_attr(not(target_family = "wasm"), derive($crate::schemars::JsonSchema))]
        #[cfg_attr(not(target_family = "wasm"), schemars(crate = "::mw_edge::schemars"))]
        $( #[cfg_attr(not(target_family = "wasm"), schemars($($rules)*))] )*
        pub struct $name {
            $(
                $(#[doc = $member_doc])*
                $( #[cfg_attr(not(target_family = "wasm"), schemars($($member_rules)*))] )*
                pub $member: $type,
            )+
        }

        impl $crate::body::Body for $name {
            fn read(fields: &mut $crate::body::Fields<'_>) -> Self {
                $( let $member = $crate::body::Member::read(fields, stringify!($member).trim_start_matches("r#")); )+
                $name { $($member),+ }
            }
        }
    )+ };
}

/// Declares what is answered: a struct each, with its schema.
#[macro_export]
macro_rules! shape {
    ($(
        $(#[doc = $doc:literal])* $(#[serde($($names:tt)*)])* $(#[schemars($($rules:tt)*)])*
        pub struct $name:ident {
            $(
                $(#[doc = $member_doc:literal])* $(#[serde($($member_names:tt)*)])* $(#[schemars($($member_rules:tt)*)])*
                pub $member:ident: $type:ty
            ),+ $(,)?
        }
    )+) => { $(
        $(#[doc = $doc])*
        #[allow(unreachable_pub)]
        #[derive(Debug, Clone, PartialEq, $crate::serde::Serialize)]
        #[serde(crate = "::mw_edge::serde")]
        $( #[serde($($names)*)] )*
        #[cfg_attr(not(target_family = "wasm"), derive($crate::schemars::JsonSchema))]
        #[cfg_attr(not(target_family = "wasm"), schemars(crate = "::mw_edge::schemars"))]
        $( #[cfg_attr(not(target_family = "wasm"), schemars($($rules)*))] )*
        pub struct $name {
            $(
                $(#[doc = $member_doc])*
                $( #[serde($($member_names)*)] )*
                $( #[cfg_attr(not(target_family = "wasm"), schemars($($member_rules)*))] )*
                pub $member: $type,
            )+
        }
    )+ };
}

#[cfg(not(target_family = "wasm"))]
mod schemas {
    use super::{After, Choice, Moment, Nested, Required, Sha256Hex, Text, Whole};
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    /// The schemas of members stand where they are used, and have no names.
    macro_rules! inline {
        ($(($($of:tt)*) $type:ty => |$generator:ident| $schema:expr;)+) => { $(
            impl<$($of)*> JsonSchema for $type {
                fn schema_name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($type))
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        )+ };
    }

    inline! {
        (const LEAST: usize, const MOST: usize) Text<LEAST, MOST> => |_generator| match (LEAST, MOST) {
            (0, usize::MAX) => json_schema!({"type": "string"}),
            (0, _) => json_schema!({"type": "string", "maxLength": MOST}),
            (_, usize::MAX) => json_schema!({"type": "string", "minLength": LEAST}),
            (_, _) => json_schema!({"type": "string", "minLength": LEAST, "maxLength": MOST}),
        };
        (const LEAST: u32, const MOST: u32) Whole<LEAST, MOST> => |_generator| {
            json_schema!({"type": "integer", "minimum": LEAST, "maximum": MOST})
        };
        () Moment => |_generator| json_schema!({"type": "string", "format": "date-time", "minLength": 20});
        () Sha256Hex => |_generator| json_schema!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
        (const MOST: usize) After<MOST> => |_generator| {
            json_schema!({"type": "string", "minLength": 1, "maxLength": MOST, "description": "`next_cursor` of the page before."})
        };
        (W: JsonSchema) Choice<W> => |generator| generator.subschema_for::<W>();
        (T: JsonSchema) Required<T> => |generator| generator.subschema_for::<T>();
        (B: JsonSchema) Nested<B> => |generator| generator.subschema_for::<B>();
    }
}
