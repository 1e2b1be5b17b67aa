//! The kinds of runs that the product has: the one list. Programs name it where they begin (a component where it exports its
//! handler, `mw` where it opens the database) and hand it down; nothing else names a kind to reach its runs.

use mw_kernel::run::{KindOf, Kinds};
use mw_media::run::Media;

pub const KINDS: Kinds = Kinds(&[&KindOf::<Media>::new()]);

/// The same where nobody looks: for the dispatcher.
pub const DISPATCHED: Kinds = Kinds(&[&KindOf::<Media, false>::new()]);
