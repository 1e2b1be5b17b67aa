//! Vectors: the request, and what is taken for an answer.

use crate::common::*;
use mw_integrations::embedding::{DIMENSIONS, embed};
use mw_integrations::llm::{Api, Settings};
use mw_integrations::{Fault, FaultClass};
use serde_json::{Value, json};

fn ask(client: &Client) -> Result<Vec<Vec<f32>>, Fault> {
    let settings = Settings {
        api: Api::OpenAi,
        base_url: "https://llm.example/v1".into(),
        api_key: KEY.into(),
        model: "small".into(),
        dialect: Default::default(),
    };
    now(embed(client, &settings, &["one", "two"]))
}

fn row(index: u64, number: f64, length: usize) -> Value {
    json!({"object": "embedding", "index": index, "embedding": vec![number; length]})
}

#[test]
fn vectors_come_back_in_the_order_of_the_texts() {
    let client = Client::json(200, json!({"data": [row(1, 0.5, DIMENSIONS), row(0, 0.25, DIMENSIONS)]}));
    let vectors = ask(&client).unwrap();
    assert_eq!((vectors[0][0], vectors[1][0], vectors[1].len()), (0.25, 0.5, DIMENSIONS));
    assert_eq!(client.request().uri(), "https://llm.example/v1/embeddings");
    assert_eq!(client.request().headers()["authorization"], format!("Bearer {KEY}"));
    let expected = json!({"model": "small", "input": ["one", "two"], "dimensions": 1536, "encoding_format": "float"});
    assert_eq!(client.request_body(), expected);
}

#[test]
fn anything_else_is_a_fault_and_quotes_no_key() {
    for body in [
        json!({}),
        json!({"data": []}),
        json!({"data": [row(0, 0.1, DIMENSIONS)]}),
        json!({"data": [row(0, 0.1, DIMENSIONS), row(7, 0.1, DIMENSIONS)]}),
        json!({"data": [row(0, 0.1, DIMENSIONS), {"index": 1, "embedding": ["x"]}]}),
        json!({"data": [row(0, 0.1, DIMENSIONS), {"index": 1, "embedding": [1e300]}]}),
    ] {
        assert!(ask(&Client::json(200, body.clone())).is_err(), "{body}");
    }
    let fault = ask(&Client::json(200, json!({"data": [row(0, 0.1, 8), row(1, 0.1, 8)]}))).unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Final, "dimensions"));
    let fault = ask(&Client::json(401, json!({"error": {"message": format!("bad key {KEY}")}}))).unwrap_err();
    assert!(fault.is_final() && !fault.to_string().contains(KEY), "{fault}");
    assert!(!ask(&Client::json(429, json!({"error": {"message": "slow down"}}))).unwrap_err().is_final());
}
