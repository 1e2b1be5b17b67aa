//! Enums whose variants are words on the wire and in the database.

/// An enum of words.
pub trait Word: Copy {
    /// Every word as it stands on the wire.
    const WORDS: &'static [&'static str];

    /// The value of a word; `None` for an unknown one, never a default.
    fn of(word: &str) -> Option<Self>;
}

/// Declares an enum of words with their wire names, so that each word is written once.
#[macro_export]
#[doc(hidden)]
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word, in the order of the declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// Every word as it stands on the wire, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as it stands on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value of a word; `None` for an unknown one, never a default.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl $crate::Word for $name {
            const WORDS: &'static [&'static str] = $name::WORDS;

            fn of(word: &str) -> Option<Self> {
                $name::parse(word)
            }
        }

        #[cfg(not(target_family = "wasm"))]
        impl $crate::schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut $crate::schemars::SchemaGenerator) -> $crate::schemars::Schema {
                $crate::schemars::json_schema!({"type": "string", "enum": $name::WORDS})
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// The gate of a literal name, for tests: a name that can be no gate's fails there.
#[macro_export]
#[doc(hidden)]
macro_rules! gate {
    ($name:literal) => {
        $crate::status::GateName::parse($name).expect($name)
    };
}
