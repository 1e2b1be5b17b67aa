//! Runs the statement that the header `x-sql` names, with the body as its parameters: as many bytes of it as `x-json-bytes`
//! says are the first, the rest is the second, if the statement has one. It checks, parses and logs nothing: whatever it costs, the
//! host and the database cost. Never part of the product: it runs whatever it is sent.

// The SDK's macro exports the handler by hand.
#![allow(unsafe_code)]

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::pg4::{Connection, DbValue, ParameterValue};

#[spin_sdk::http_component]
fn answer(request: Request) -> anyhow::Result<impl IntoResponse> {
    let header = |name| request.header(name).and_then(|value| value.as_str()).unwrap_or_default();
    let sql = header("x-sql");
    let first_bytes = header("x-json-bytes").parse()?;
    let split = request.body().split_at_checked(first_bytes);
    let (first, second) = split.ok_or_else(|| anyhow::anyhow!("the body is shorter than x-json-bytes"))?;
    let mut parameters = vec![ParameterValue::Str(String::from_utf8(first.to_vec())?)];
    if sql.contains("$2") {
        parameters.push(ParameterValue::Binary(second.to_vec()));
    }
    let connection = Connection::open(&spin_sdk::variables::get("database_url")?)?;
    let rows = connection.query(sql, &parameters)?;
    let body = match rows.rows.into_iter().flatten().next() {
        Some(DbValue::Str(text)) => text.into_bytes(),
        _ => Vec::new(),
    };
    Ok(Response::builder().status(200).header("content-type", "application/json").body(body).build())
}
