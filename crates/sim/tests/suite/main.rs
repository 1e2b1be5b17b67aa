//! The providers' real clients against the simulator, through every fault that it knows.

#![cfg(test)]

mod callbacks;
mod common;
mod control;
mod faults;
mod kieai;
mod llm;
mod messengers;
mod program;
mod shotstack;
mod telemetry;
mod upload_post;
