//! A walk over all numbers in a value, for formats that cannot write some of them.
//!
//! JSON has no words for infinite numbers and NaN. `serde_json` writes `null` for them, which an
//! optional field reads as `None`.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};

/// Fails at the first number in `value` that is not finite.
pub(super) fn check(value: &impl Serialize) -> Result<(), Stop> {
    value.serialize(Walk)
}

/// Why the walk ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// A number, and the names of the fields it lies in, innermost first.
    Number(f64, Vec<&'static str>),
    /// The value would not be serialised.
    Refused(String),
}

impl Stop {
    fn within(self, field: &'static str) -> Self {
        match self {
            Self::Number(number, mut fields) => {
                fields.push(field);
                Self::Number(number, fields)
            }
            refused @ Self::Refused(_) => refused,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number, fields) if fields.is_empty() => write!(f, "a number is {number}"),
            Self::Number(number, fields) => {
                let path: Vec<_> = fields.iter().rev().copied().collect();
                write!(f, "`{}` is {number}", path.join("."))
            }
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::Refused(why.to_string())
    }
}

/// A serialiser that writes nothing.
struct Walk;

type Step = Result<(), Stop>;

/// Values that hold no number that could be infinite.
macro_rules! harmless {
    ($($method:ident($($argument:ty),*);)*) => {$(
        fn $method(self $(, _: $argument)*) -> Step {
            Ok(())
        }
    )*};
}

/// Values that hold other values.
macro_rules! nested {
    ($($method:ident($($argument:ty),*) -> $walk:ident;)*) => {$(
        fn $method(self $(, _: $argument)*) -> Result<Self::$walk, Stop> {
            Ok(self)
        }
    )*};
}

impl Serializer for Walk {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn serialize_f32(self, number: f32) -> Step {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Step {
        if number.is_finite() { Ok(()) } else { Err(Stop::Number(number, Vec::new())) }
    }

    harmless! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Step {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Step {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Step {
        value.serialize(self).map_err(|stop| stop.within(variant))
    }

    nested! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }
}

/// Sequences, whose items have no names.
macro_rules! items {
    ($($trait:ident { $($method:ident),* })*) => {$(
        impl ser::$trait for Walk {
            type Ok = ();
            type Error = Stop;

            $(fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Step {
                value.serialize(Walk)
            })*

            fn end(self) -> Step {
                Ok(())
            }
        }
    )*};
}

items! {
    SerializeSeq { serialize_element }
    SerializeTuple { serialize_element }
    SerializeTupleStruct { serialize_field }
    SerializeTupleVariant { serialize_field }
    SerializeMap { serialize_key, serialize_value }
}

/// Structs, whose fields have names.
macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Walk {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Step {
                value.serialize(Walk).map_err(|stop| stop.within(name))
            }

            fn end(self) -> Step {
                Ok(())
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;

    #[derive(Default, Serialize)]
    struct Everything {
        flag: bool,
        count: i128,
        name: Option<String>,
        pair: (u8, f32),
        list: Vec<Wrapped>,
        map: BTreeMap<char, f64>,
        kind: Kind,
    }

    #[derive(Default, Serialize)]
    struct Wrapped(Option<f64>);

    #[derive(Default, Serialize)]
    enum Kind {
        #[default]
        Unit,
        One(f64),
        Two(u8, f64),
        Named {
            inner: f64,
        },
    }

    fn found(change: impl FnOnce(&mut Everything)) -> String {
        let mut value = Everything { list: vec![Wrapped(None)], ..Everything::default() };
        change(&mut value);
        check(&value).map_or_else(|stop| stop.to_string(), |()| "nothing".into())
    }

    #[test]
    fn finite_numbers_pass_wherever_they_are() {
        assert_eq!(found(|_| ()), "nothing");
        assert_eq!(found(|value| value.kind = Kind::Two(1, f64::MAX)), "nothing");
        assert_eq!(found(|value| value.map = [('a', -0.0)].into()), "nothing");
    }

    #[test]
    fn others_are_found_wherever_they_are() {
        assert_eq!(found(|value| value.pair.1 = f32::NAN), "`pair` is NaN");
        assert_eq!(found(|value| value.list[0].0 = Some(f64::INFINITY)), "`list` is inf");
        assert_eq!(found(|value| value.map = [('a', f64::NAN)].into()), "`map` is NaN");
        assert_eq!(found(|value| value.kind = Kind::One(f64::NAN)), "`kind.One` is NaN");
        assert_eq!(found(|value| value.kind = Kind::Two(1, f64::NAN)), "`kind` is NaN");
        let named = Kind::Named { inner: f64::NEG_INFINITY };
        assert_eq!(found(|value| value.kind = named), "`kind.inner` is -inf");
        assert_eq!(check(&f64::NAN).unwrap_err().to_string(), "a number is NaN");
    }
}
