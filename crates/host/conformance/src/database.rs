//! PostgreSQL: types both ways, errors, and what a pool does with an open transaction. The address is the variable
//! `database_url`.

use serde_json::{Value, json};
use spin_sdk::pg4::{Connection, Interval, ParameterValue, PgError};
use spin_sdk::variables;

const UUID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

/// Every parameter type we use, each beside the cast that makes PostgreSQL expect it.
fn samples() -> Vec<(&'static str, &'static str, ParameterValue)> {
    vec![
        ("boolean", "boolean", ParameterValue::Boolean(true)),
        ("int16", "int2", ParameterValue::Int16(-7)),
        ("int32", "int4", ParameterValue::Int32(70_000)),
        ("int64", "int8", ParameterValue::Int64(1 << 40)),
        ("floating32", "float4", ParameterValue::Floating32(1.5)),
        ("floating64", "float8", ParameterValue::Floating64(-2.25)),
        ("str", "text", ParameterValue::Str("größer".into())),
        ("varchar", "varchar", ParameterValue::Str("short".into())),
        ("binary", "bytea", ParameterValue::Binary(vec![0, 1, 255])),
        ("jsonb", "jsonb", ParameterValue::Jsonb(br#"{"b": [1, 2.5], "a": null}"#.to_vec())),
        ("uuid", "uuid", ParameterValue::Uuid(UUID.into())),
        ("date", "date", ParameterValue::Date((2026, 2, 28))),
        ("time", "time", ParameterValue::Time((23, 59, 58, 123_000))),
        ("datetime", "timestamp", ParameterValue::Datetime((2026, 2, 28, 1, 2, 3, 4_000))),
        ("decimal", "numeric", ParameterValue::Decimal("12.340".into())),
        ("interval", "interval", ParameterValue::Interval(Interval { micros: 5, days: 6, months: 7 })),
        ("array-int32", "int4[]", ParameterValue::ArrayInt32(vec![Some(1), None])),
        ("array-int64", "int8[]", ParameterValue::ArrayInt64(vec![Some(1), None])),
        ("array-str", "text[]", ParameterValue::ArrayStr(vec![Some("a".into()), None])),
        ("db-null", "text", ParameterValue::DbNull),
    ]
}

pub(crate) fn respond(path: &str, query: &str) -> Option<Value> {
    let result = match path {
        "/pg/types" => types(),
        "/pg/unknown-type" => single("SELECT '(1,2)'::point"),
        "/pg/no-rows" => single("SELECT 1 WHERE false"),
        "/pg/one" => single("SELECT 1"),
        "/pg/hold" => single("SELECT pg_sleep(0.3)"),
        "/pg/backend" => single("SELECT pg_backend_pid()"),
        "/pg/timestamptz" => single("SELECT now()"),
        "/pg/execute" => open().and_then(|connection| {
            let count = connection.execute("SELECT generate_series(1, 3)", &[])?;
            Ok(json!({ "count": count }))
        }),
        "/pg/open" => {
            let address = crate::parameter(query, "address").unwrap_or_default().replace("%20", " ");
            Connection::open(&address).map(|_| json!("opened"))
        }
        "/pg/error/parse" => single("SELEKT 1"),
        "/pg/error/two-statements" => single("SELECT 1; SELECT 2"),
        "/pg/error/rows" => single("SELECT 1 / (random() * 0)::int"),
        "/pg/error/execute" => open().and_then(|connection| {
            connection.execute("CREATE TEMP TABLE unique_thing (id int CONSTRAINT only_once PRIMARY KEY)", &[])?;
            let twice = connection.execute("INSERT INTO unique_thing VALUES (1), (1)", &[]);
            connection.execute("DROP TABLE unique_thing", &[])?;
            twice.map(|count| json!({ "count": count }))
        }),
        "/pg/error/json" => with("SELECT $1::jsonb", ParameterValue::Jsonb(b"{".to_vec())),
        "/pg/error/type" => with("SELECT $1::int4", ParameterValue::Str("1".into())),
        "/pg/transaction/leave-open" => leave_open(false),
        "/pg/transaction/trap" => leave_open(true),
        "/pg/transaction/look" => single("SELECT pg_backend_pid(), (SELECT count(*) FROM conformance_leak)"),
        "/pg/transaction/in-one" => single("SELECT txid_current_if_assigned() IS NOT NULL"),
        "/pg/transaction/rollback" => open().and_then(|connection| Ok(json!(connection.execute("ROLLBACK", &[])?))),
        _ => return None,
    };
    Some(result.unwrap_or_else(|error| describe(&error)))
}

fn open() -> Result<Connection, PgError> {
    let address = variables::get("database_url").map_err(|error| PgError::Other(error.to_string()))?;
    Connection::open(&address)
}

fn single(statement: &str) -> Result<Value, PgError> {
    let set = open()?.query(statement, &[])?;
    let columns: Vec<_> = set.columns.iter().map(|column| (&column.name, format!("{:?}", column.data_type))).collect();
    let rows: Vec<_> =
        set.rows.iter().map(|row| row.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>()).collect();
    Ok(json!({ "columns": columns, "rows": rows }))
}

fn with(statement: &str, parameter: ParameterValue) -> Result<Value, PgError> {
    let set = open()?.query(statement, &[parameter])?;
    Ok(json!(format!("{:?}", set.rows)))
}

/// Sends each sample there and back; the answer shows the column's type and the value.
fn types() -> Result<Value, PgError> {
    let connection = open()?;
    let mut seen = serde_json::Map::new();
    for (name, cast, parameter) in samples() {
        let set = connection.query(&format!("SELECT $1::{cast}"), &[parameter])?;
        let column = set.columns.first().map(|column| format!("{:?}", column.data_type));
        let value = set.rows.first().and_then(|row| row.first()).map(|value| format!("{value:?}"));
        seen.insert(name.into(), json!([column, value]));
    }
    Ok(Value::Object(seen))
}

/// What no handler should do: the connection goes back to the pool in mid-transaction.
fn leave_open(and_trap: bool) -> Result<Value, PgError> {
    let connection = open()?;
    connection.execute("CREATE TABLE IF NOT EXISTS conformance_leak (id int)", &[])?;
    connection.execute("BEGIN", &[])?;
    connection.execute("INSERT INTO conformance_leak VALUES (1)", &[])?;
    if and_trap {
        std::process::abort();
    }
    Ok(json!("left open"))
}

fn describe(error: &PgError) -> Value {
    let debug = format!("{error:?}");
    match error {
        PgError::QueryFailed(spin_sdk::pg4::QueryError::DbError(db)) => json!({
            "error": "db-error", "severity": db.severity, "code": db.code, "message": db.message, "detail": db.detail,
            "extras": db.extras.iter().filter(|(name, _)| matches!(name.as_str(), "constraint" | "table")).collect::<Vec<_>>(),
        }),
        PgError::QueryFailed(spin_sdk::pg4::QueryError::Text(text)) => {
            json!({ "error": "text", "text": text })
        }
        PgError::ConnectionFailed(text) => json!({ "error": "connection-failed", "text": text }),
        PgError::BadParameter(text) => json!({ "error": "bad-parameter", "text": text }),
        PgError::ValueConversionFailed(text) => {
            json!({ "error": "value-conversion-failed", "text": text })
        }
        PgError::Other(_) => json!({ "error": "other", "text": debug }),
    }
}
