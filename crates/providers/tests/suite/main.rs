//! The providers' contracts, shape by shape: what is sent, what is understood, what is believed.

mod common;
mod kieai;
mod llm;
mod mock;
mod shotstack;
mod signatures;
mod upload_post;
