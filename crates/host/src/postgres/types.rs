//! SQL values ↔ the values of `spin:postgres@4`. What isn't here is refused with the type's name.
//!
//! As on Spin: dates and times are UTC without a zone; a column of an unknown type arrives as its raw bytes;
//! JSON is parsed and written again, so spacing and the order of keys aren't kept.

use anyhow::{Context, Result, bail};
use bytes::{Buf, BufMut, BytesMut};
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::bindings::spin::postgres::postgres::{DbDataType, DbValue, Interval, ParameterValue};

type BoxedSql = Box<dyn ToSql + Send + Sync>;
type SqlError = Box<dyn std::error::Error + Sync + Send>;

pub(super) fn to_sql_all(parameters: &[ParameterValue]) -> Result<Vec<BoxedSql>> {
    parameters.iter().map(to_sql).collect()
}

fn to_sql(parameter: &ParameterValue) -> Result<BoxedSql> {
    Ok(match parameter {
        ParameterValue::Boolean(value) => Box::new(*value),
        ParameterValue::Int8(value) => Box::new(*value),
        ParameterValue::Int16(value) => Box::new(*value),
        ParameterValue::Int32(value) => Box::new(*value),
        ParameterValue::Int64(value) => Box::new(*value),
        ParameterValue::Floating32(value) => Box::new(*value),
        ParameterValue::Floating64(value) => Box::new(*value),
        ParameterValue::Str(value) => Box::new(value.clone()),
        ParameterValue::Binary(value) => Box::new(value.clone()),
        ParameterValue::Date(value) => Box::new(to_date(*value)?),
        ParameterValue::Time(value) => Box::new(to_time(*value)?),
        ParameterValue::Datetime((year, month, day, hour, minute, second, nanosecond)) => Box::new(NaiveDateTime::new(
            to_date((*year, *month, *day))?,
            to_time((*hour, *minute, *second, *nanosecond))?,
        )),
        ParameterValue::Timestamp(value) => Box::new(
            chrono::DateTime::from_timestamp(*value, 0).with_context(|| format!("invalid epoch timestamp {value}"))?,
        ),
        ParameterValue::Uuid(value) => {
            Box::new(uuid::Uuid::parse_str(value).with_context(|| format!("invalid UUID {value}"))?)
        }
        ParameterValue::Jsonb(value) => {
            let json = serde_json::from_slice::<serde_json::Value>(value);
            Box::new(json.with_context(|| format!("invalid JSON {}", String::from_utf8_lossy(value)))?)
        }
        ParameterValue::Decimal(value) => Box::new(to_decimal(value)?),
        ParameterValue::ArrayInt32(values) => Box::new(values.clone()),
        ParameterValue::ArrayInt64(values) => Box::new(values.clone()),
        ParameterValue::ArrayStr(values) => Box::new(values.clone()),
        ParameterValue::ArrayDecimal(values) => {
            let decimals = values.iter().map(|value| value.as_deref().map(to_decimal).transpose());
            Box::new(decimals.collect::<Result<Vec<_>>>()?)
        }
        ParameterValue::Interval(value) => Box::new(SqlInterval(*value)),
        ParameterValue::DbNull => Box::new(Null),
        ParameterValue::RangeInt32(_) => {
            bail!("mw-host does not implement the parameter type range-int32")
        }
        ParameterValue::RangeInt64(_) => {
            bail!("mw-host does not implement the parameter type range-int64")
        }
        ParameterValue::RangeDecimal(_) => {
            bail!("mw-host does not implement the parameter type range-decimal")
        }
    })
}

pub(super) fn data_type(sql: &Type) -> DbDataType {
    match *sql {
        Type::BOOL => DbDataType::Boolean,
        Type::BYTEA => DbDataType::Binary,
        Type::FLOAT4 => DbDataType::Floating32,
        Type::FLOAT8 => DbDataType::Floating64,
        Type::INT2 => DbDataType::Int16,
        Type::INT4 => DbDataType::Int32,
        Type::INT8 => DbDataType::Int64,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => DbDataType::Str,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => DbDataType::Datetime,
        Type::DATE => DbDataType::Date,
        Type::TIME => DbDataType::Time,
        Type::UUID => DbDataType::Uuid,
        Type::JSONB => DbDataType::Jsonb,
        Type::NUMERIC => DbDataType::Decimal,
        Type::INT4_ARRAY => DbDataType::ArrayInt32,
        Type::INT8_ARRAY => DbDataType::ArrayInt64,
        Type::NUMERIC_ARRAY => DbDataType::ArrayDecimal,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => DbDataType::ArrayStr,
        Type::INTERVAL => DbDataType::Interval,
        _ => DbDataType::Other(sql.name().to_owned()),
    }
}

pub(super) fn from_sql_row(row: &Row) -> Result<Vec<DbValue>> {
    (0..row.len()).map(|index| from_sql(row, index)).collect()
}

fn from_sql(row: &Row, index: usize) -> Result<DbValue> {
    let column = row.columns().get(index).context("column out of range")?;
    match *column.type_() {
        Type::BOOL => value(row, index, |v: bool| Ok(DbValue::Boolean(v))),
        Type::BYTEA => value(row, index, |v: Vec<u8>| Ok(DbValue::Binary(v))),
        Type::FLOAT4 => value(row, index, |v: f32| Ok(DbValue::Floating32(v))),
        Type::FLOAT8 => value(row, index, |v: f64| Ok(DbValue::Floating64(v))),
        Type::INT2 => value(row, index, |v: i16| Ok(DbValue::Int16(v))),
        Type::INT4 => value(row, index, |v: i32| Ok(DbValue::Int32(v))),
        Type::INT8 => value(row, index, |v: i64| Ok(DbValue::Int64(v))),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR => value(row, index, |v: String| Ok(DbValue::Str(v))),
        // Spin reads both into a time without zone, which the driver allows for `timestamp` only.
        Type::TIMESTAMP | Type::TIMESTAMPTZ => value(row, index, from_datetime),
        Type::DATE => value(row, index, from_date),
        Type::TIME => value(row, index, from_time),
        Type::UUID => value(row, index, |v: uuid::Uuid| Ok(DbValue::Uuid(v.to_string()))),
        Type::JSONB => value(row, index, |v: serde_json::Value| Ok(DbValue::Jsonb(serde_json::to_vec(&v)?))),
        Type::NUMERIC => value(row, index, |v: Decimal| Ok(DbValue::Decimal(v.to_string()))),
        Type::INT4_ARRAY => value(row, index, |v: Vec<Option<i32>>| Ok(DbValue::ArrayInt32(v))),
        Type::INT8_ARRAY => value(row, index, |v: Vec<Option<i64>>| Ok(DbValue::ArrayInt64(v))),
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => {
            value(row, index, |v: Vec<Option<String>>| Ok(DbValue::ArrayStr(v)))
        }
        Type::NUMERIC_ARRAY => value(row, index, |values: Vec<Option<Decimal>>| {
            Ok(DbValue::ArrayDecimal(values.into_iter().map(|v| v.map(|v| v.to_string())).collect()))
        }),
        Type::INTERVAL => value(row, index, |v: SqlInterval| Ok(DbValue::Interval(v.0))),
        Type::INT4_RANGE | Type::INT8_RANGE | Type::NUM_RANGE => {
            bail!("mw-host does not implement columns of type {}: select a cast to text", column.type_())
        }
        _ => value(row, index, |v: Raw| Ok(DbValue::Unsupported(v.0))),
    }
}

fn value<'a, T: FromSql<'a>>(row: &'a Row, index: usize, convert: impl Fn(T) -> Result<DbValue>) -> Result<DbValue> {
    row.try_get::<_, Option<T>>(index)?.map_or(Ok(DbValue::DbNull), convert)
}

fn from_datetime(value: NaiveDateTime) -> Result<DbValue> {
    let (month, day) = (value.month().try_into()?, value.day().try_into()?);
    let (hour, minute, second) = (value.hour().try_into()?, value.minute().try_into()?, value.second().try_into()?);
    Ok(DbValue::Datetime((value.year(), month, day, hour, minute, second, value.nanosecond())))
}

fn from_date(value: NaiveDate) -> Result<DbValue> {
    Ok(DbValue::Date((value.year(), value.month().try_into()?, value.day().try_into()?)))
}

fn from_time(value: NaiveTime) -> Result<DbValue> {
    let (hour, minute, second) = (value.hour().try_into()?, value.minute().try_into()?, value.second().try_into()?);
    Ok(DbValue::Time((hour, minute, second, value.nanosecond())))
}

fn to_date((year, month, day): (i32, u8, u8)) -> Result<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month.into(), day.into())
        .with_context(|| format!("invalid date y={year}, m={month}, d={day}"))
}

fn to_time((hour, minute, second, nanosecond): (u8, u8, u8, u32)) -> Result<NaiveTime> {
    NaiveTime::from_hms_nano_opt(hour.into(), minute.into(), second.into(), nanosecond)
        .with_context(|| format!("invalid time {hour}:{minute}:{second}:{nanosecond}"))
}

fn to_decimal(text: &str) -> Result<Decimal> {
    Decimal::from_str_exact(text).with_context(|| format!("invalid decimal {text}"))
}

/// A null that fits any column, unlike `Option::<T>::None`.
#[derive(Debug)]
struct Null;

impl ToSql for Null {
    fn to_sql(&self, _: &Type, _: &mut BytesMut) -> Result<IsNull, SqlError> {
        Ok(IsNull::Yes)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The bytes of a type that the interface doesn't know.
struct Raw(Vec<u8>);

impl FromSql<'_> for Raw {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, SqlError> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[derive(Debug)]
struct SqlInterval(Interval);

impl ToSql for SqlInterval {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, SqlError> {
        out.put_i64(self.0.micros);
        out.put_i32(self.0.days);
        out.put_i32(self.0.months);
        Ok(IsNull::No)
    }

    fn accepts(sql: &Type) -> bool {
        *sql == Type::INTERVAL
    }

    to_sql_checked!();
}

impl FromSql<'_> for SqlInterval {
    fn from_sql(_: &Type, mut raw: &[u8]) -> Result<Self, SqlError> {
        let (micros, days, months) = (raw.try_get_i64()?, raw.try_get_i32()?, raw.try_get_i32()?);
        Ok(Self(Interval { micros, days, months }))
    }

    fn accepts(sql: &Type) -> bool {
        *sql == Type::INTERVAL
    }
}
