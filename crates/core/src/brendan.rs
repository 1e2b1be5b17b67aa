//! Brendan plans without a language model: a message and what is known about the user in, an intent out.
