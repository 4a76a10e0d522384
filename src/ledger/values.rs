//! Converts amounts and enums to and from database values.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::error::Result;
use crate::pricing::Money;

/// An amount is stored in pico-dollars. A damaged row must not subtract from a sum, so it is never negative.
impl FromSql for Money {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self::from_pico(value.as_i64()?.max(0)))
    }
}

impl ToSql for Money {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.pico().into())
    }
}

/// Reads a count from a column.
pub(super) fn count_from(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(row.get::<_, i64>(column)?.max(0).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// Asserts that every value is the same after being written and read.
    #[track_caller]
    fn assert_lasting<T: FromSql + ToSql + PartialEq + Debug>(values: &[T]) {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for value in values {
            let read: T = connection
                .query_row("SELECT ?1", [value], |row| row.get(0))
                .unwrap();
            assert_eq!(read, *value);
        }
    }

    #[test]
    fn values_are_read_as_they_were_written() {
        assert_lasting(&[Money::ZERO, Money::from_pico(i64::MAX), Money::from_nano(7)]);
    }
}
