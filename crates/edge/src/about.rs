//! What a route's line says of itself for whoever reads openapi.json: what it is for, and the types of what it takes and gives.
//! Only native programs keep it (`crates/routes` writes the page); in a component nothing of it is left.

#[cfg(not(target_family = "wasm"))]
pub use native::{About, Given, Part, Place, Schema};
#[cfg(target_family = "wasm")]
pub use wasm::{About, Schema};

use crate::route::Route;

/// Where a route stands in the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Chat,
    Runs,
    Gates,
    Projects,
    Webhooks,
    Operations,
    Mcp,
    Console,
}

/// An answer without a body.
pub struct Nothing;

/// JSON, as most bodies are.
pub const JSON: &str = "application/json";
/// What a browser shows, and what it sends.
pub const HTML: &str = "text/html";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// The line goes on: `get(…).is(…).query::<…>().gives::<…>(…)`.
impl<H> Route<H> {
    /// Its id, which clients are generated with, and in a few words what it does.
    #[must_use]
    pub const fn is(mut self, tag: Tag, id: &'static str, summary: &'static str) -> Self {
        self.about = self.about.named(tag, id, summary);
        self
    }

    /// What else there is to know.
    #[must_use]
    pub const fn more(mut self, text: &'static str) -> Self {
        self.about = self.about.explained(text);
        self
    }

    /// A security scheme by which one comes in beside a key, or in its place.
    #[must_use]
    pub const fn also_by(mut self, scheme: &'static str) -> Self {
        self.about = self.about.also_by(scheme);
        self
    }

    /// The names in its template.
    #[must_use]
    pub const fn path<P: Schema>(mut self) -> Self {
        self.about = self.about.path::<P>();
        self
    }

    /// What it reads from the query.
    #[must_use]
    pub const fn query<P: Schema>(mut self) -> Self {
        self.about = self.about.query::<P>();
        self
    }

    /// The headers that it reads.
    #[must_use]
    pub const fn headers<P: Schema>(mut self) -> Self {
        self.about = self.about.headers::<P>();
        self
    }

    /// A JSON body that there must be.
    #[must_use]
    pub const fn takes<B: Schema>(mut self) -> Self {
        self.about = self.about.takes::<B>(JSON, true);
        self
    }

    /// A JSON body that there may be.
    #[must_use]
    pub const fn may_take<B: Schema>(mut self) -> Self {
        self.about = self.about.takes::<B>(JSON, false);
        self
    }

    /// A body of another type, in its place or beside it.
    #[must_use]
    pub const fn takes_as<B: Schema>(mut self, media_type: &'static str, required: bool) -> Self {
        self.about = self.about.takes::<B>(media_type, required);
        self
    }

    /// The JSON of a 200, and what it says.
    #[must_use]
    pub const fn gives<A: Schema>(mut self, says: &'static str) -> Self {
        self.about = self.about.gives::<A>(200, JSON, says);
        self
    }

    /// Another answer, or another form of one.
    #[must_use]
    pub const fn gives_as<A: Schema>(mut self, status: u16, media_type: &'static str, says: &'static str) -> Self {
        self.about = self.about.gives::<A>(status, media_type, says);
        self
    }

    /// A header of its good answers.
    #[must_use]
    pub const fn with_headers<P: Schema>(mut self) -> Self {
        self.about = self.about.with_headers::<P>();
        self
    }

    /// The problems that do not follow from the rest of the line.
    #[must_use]
    pub const fn refuses(mut self, statuses: &'static [u16]) -> Self {
        self.about = self.about.refuses(statuses);
        self
    }
}

#[cfg(target_family = "wasm")]
mod wasm {
    use super::Tag;

    pub trait Schema {}
    impl<T> Schema for T {}

    #[derive(Clone, Copy)]
    pub struct About;

    impl About {
        pub(crate) const NONE: About = About;

        pub(super) const fn named(self, _: Tag, _: &'static str, _: &'static str) -> About {
            About
        }
        pub(super) const fn explained(self, _: &'static str) -> About {
            About
        }
        pub(super) const fn also_by(self, _: &'static str) -> About {
            About
        }
        pub(super) const fn path<P>(self) -> About {
            About
        }
        pub(super) const fn query<P>(self) -> About {
            About
        }
        pub(super) const fn headers<P>(self) -> About {
            About
        }
        pub(super) const fn with_headers<P>(self) -> About {
            About
        }
        pub(super) const fn takes<B>(self, _: &'static str, _: bool) -> About {
            About
        }
        pub(super) const fn gives<A>(self, _: u16, _: &'static str, _: &'static str) -> About {
            About
        }
        pub(super) const fn refuses(self, _: &'static [u16]) -> About {
            About
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use super::{Nothing, Tag};
    use schemars::{JsonSchema, SchemaGenerator};

    /// What can be described: whatever has a schema, and nothing at all.
    pub trait Schema {
        /// `None` for no body.
        fn schema(generator: &mut SchemaGenerator) -> Option<schemars::Schema>;
    }

    impl<T: JsonSchema> Schema for T {
        fn schema(generator: &mut SchemaGenerator) -> Option<schemars::Schema> {
            Some(generator.subschema_for::<T>())
        }
    }

    impl Schema for Nothing {
        fn schema(_: &mut SchemaGenerator) -> Option<schemars::Schema> {
            None
        }
    }

    type Of = fn(&mut SchemaGenerator) -> Option<schemars::Schema>;

    /// Where a parameter stands.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Place {
        Path,
        Query,
        Header,
        /// Of the answer.
        Answer,
    }

    /// A struct whose members are parameters.
    #[derive(Clone, Copy)]
    pub struct Part {
        pub place: Place,
        pub of: Of,
    }

    #[derive(Clone, Copy)]
    pub struct Taken {
        pub media_type: &'static str,
        pub required: bool,
        pub of: Of,
    }

    #[derive(Clone, Copy)]
    pub struct Given {
        pub status: u16,
        pub media_type: &'static str,
        pub says: &'static str,
        pub of: Of,
    }

    /// Lists of a length that a constant can have.
    const MOST: usize = 6;

    /// As [`Route`](crate::route::Route)'s line says it.
    #[derive(Clone, Copy)]
    pub struct About {
        pub tag: Tag,
        /// Empty for what is not described.
        pub id: &'static str,
        pub summary: &'static str,
        pub text: &'static str,
        pub also_by: &'static str,
        pub parts: [Option<Part>; MOST],
        pub takes: [Option<Taken>; MOST],
        pub gives: [Option<Given>; MOST],
        pub refuses: &'static [u16],
    }

    impl About {
        pub(crate) const NONE: About = About {
            tag: Tag::Operations,
            id: "",
            summary: "",
            text: "",
            also_by: "",
            parts: [None; MOST],
            takes: [None; MOST],
            gives: [None; MOST],
            refuses: &[],
        };

        pub(super) const fn named(mut self, tag: Tag, id: &'static str, summary: &'static str) -> About {
            (self.tag, self.id, self.summary) = (tag, id, summary);
            self
        }

        pub(super) const fn explained(mut self, text: &'static str) -> About {
            self.text = text;
            self
        }

        pub(super) const fn also_by(mut self, scheme: &'static str) -> About {
            self.also_by = scheme;
            self
        }

        pub(super) const fn path<P: Schema>(self) -> About {
            self.part::<P>(Place::Path)
        }

        pub(super) const fn query<P: Schema>(self) -> About {
            self.part::<P>(Place::Query)
        }

        pub(super) const fn headers<P: Schema>(self) -> About {
            self.part::<P>(Place::Header)
        }

        pub(super) const fn with_headers<P: Schema>(self) -> About {
            self.part::<P>(Place::Answer)
        }

        const fn part<P: Schema>(mut self, place: Place) -> About {
            push(&mut self.parts, Part { place, of: P::schema });
            self
        }

        pub(super) const fn takes<B: Schema>(mut self, media_type: &'static str, required: bool) -> About {
            push(&mut self.takes, Taken { media_type, required, of: B::schema });
            self
        }

        pub(super) const fn gives<A: Schema>(
            mut self,
            status: u16,
            media_type: &'static str,
            says: &'static str,
        ) -> About {
            push(&mut self.gives, Given { status, media_type, says, of: A::schema });
            self
        }

        pub(super) const fn refuses(mut self, statuses: &'static [u16]) -> About {
            self.refuses = statuses;
            self
        }
    }

    /// Puts an item into the first free place. A line with more than there are places does not compile.
    #[allow(clippy::indexing_slicing)]
    const fn push<T: Copy>(list: &mut [Option<T>; MOST], item: T) {
        let mut place = 0;
        while list[place].is_some() {
            place += 1;
        }
        list[place] = Some(item);
    }
}
