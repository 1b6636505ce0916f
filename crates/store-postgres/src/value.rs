//! [`Value`]: what goes to the server with a statement.

use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A parameter. `Debug` shows no bytes, because the driver writes the parameters of every statement to the debug log.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Bytes(&'a [u8]),
    Number(i64),
    Null,
}

impl Value<'_> {
    pub(crate) fn number_or_null(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "[{} bytes]", bytes.len()),
            Self::Number(number) => number.fmt(f),
            Self::Null => f.write_str("NULL"),
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Bytes(bytes) => bytes.to_sql_checked(kind, out),
            Self::Number(number) => number.to_sql_checked(kind, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::BYTEA, Type::INT8].contains(kind)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_only_how_many_bytes() {
        let values = [Value::Bytes(b"a refresh token"), Value::Number(7), Value::number_or_null(None)];
        assert_eq!(format!("{values:?}"), "[[15 bytes], 7, NULL]");
    }
}
