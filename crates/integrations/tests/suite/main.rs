//! The providers' contracts, shape by shape: what is sent, what is understood, what is believed.

#![cfg(test)]

mod common;
mod conversation;
mod dialects;
mod embedding;
mod kieai;
mod kieai_callbacks;
mod kieai_tasks;
mod llm;
mod metrics;
mod mock;
mod names;
mod otlp;
mod registry;
mod rules;
mod sentry;
mod shotstack;
mod signatures;
mod slack;
mod standard;
mod telegram;
mod timeline;
mod upload_post;
