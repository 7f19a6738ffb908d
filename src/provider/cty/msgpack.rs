//! Values in MessagePack, as Terraform writes them.
//!
//! The rules are Terraform's
//! ([object-wire-format.md](https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/object-wire-format.md)):
//! null is nil, a value of an open type is `[its type as JSON, the value]`, an unknown value is an
//! extension, and a number that neither an integer nor a float holds exactly is a string.

mod read;
mod write;

pub use read::{DecodeError, DecodeFault, decode};
pub use write::{EncodeError, EncodeFault, encode};

/// The extension of an unknown value of which nothing is known; its content is ignored.
const UNKNOWN: i8 = 0;
/// The extension of an unknown value of which something is known.
const REFINED: i8 = 12;
/// The content of [`REFINED`] for "not null": `{1: false}`.
const NOT_NULL: [u8; 3] = [0x81, 0x01, 0xC2];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::cty::{Number, Refinement, Type, Value, arbitrary::Arbitrary};
    use std::{error::Error, fmt::Write};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        })
    }

    fn encoded(ty: &Type, value: impl Into<Value>) -> String {
        hex(&encode(ty, &value.into()).unwrap())
    }

    #[test]
    fn every_value_reads_back_as_it_was_written() {
        let mut arbitrary = Arbitrary::new(3);
        for _ in 0..2000 {
            let ty = arbitrary.ty(4);
            let value = arbitrary.value(&ty);
            let bytes = encode(&ty, &value).unwrap();
            assert_eq!(decode(&ty, &bytes).unwrap(), value, "{ty}");
        }
    }

    #[test]
    fn values_are_written_as_terraform_writes_them() {
        assert_eq!(encoded(&Type::String, "ab"), "a26162");
        assert_eq!(encoded(&Type::Bool, true), "c3");
        assert_eq!(encoded(&Type::Number, 7), "07");
        assert_eq!(encoded(&Type::Number, -300), "d1fed4");
        assert_eq!(encoded(&Type::String, Value::Null), "c0");
        assert_eq!(encoded(&Type::String, Value::UNKNOWN), "d40000");
        assert_eq!(encoded(&Type::String, Value::UNKNOWN_NOT_NULL), "c7030c8101c2");
        // ["string", "a"] with the type as bytes.
        assert_eq!(encoded(&Type::Dynamic, "a"), "92c40822737472696e6722a161");
    }

    #[test]
    fn null_and_unknown_of_an_open_type_stand_bare() {
        assert_eq!(encoded(&Type::Dynamic, Value::Null), "c0");
        assert_eq!(encoded(&Type::Dynamic, Value::UNKNOWN_NOT_NULL), "d40000");
        let typed = Value::dynamic(Type::Bool, Value::Null);
        assert_eq!(encoded(&Type::Dynamic, typed), "92c40622626f6f6c22c0");
    }

    #[test]
    fn a_number_that_no_float_holds_is_text() {
        let number = |text: &str| Value::Number(text.parse::<Number>().unwrap());
        assert_eq!(encoded(&Type::Number, number("0.5")), "cb3fe0000000000000");
        assert_eq!(encoded(&Type::Number, number("0.1")), "a3302e31");
        assert_eq!(decode(&Type::Number, b"\xa3\x30\x2e\x31").unwrap(), number("0.1"));
        // 2^64 - 1 as an unsigned integer.
        assert_eq!(
            decode(&Type::Number, b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff").unwrap(),
            number("18446744073709551615")
        );
    }

    #[test]
    fn the_type_of_a_value_may_be_text_instead_of_bytes() {
        let value = decode(&Type::Dynamic, b"\x92\xa8\"string\"\xa1a").unwrap();
        assert_eq!(value, Value::dynamic(Type::String, "a".into()));
    }

    #[test]
    fn any_extension_is_an_unknown_value() {
        assert_eq!(decode(&Type::Bool, b"\xd4\x63\x00").unwrap(), Value::UNKNOWN);
        let prefixed = b"\xc7\x07\x0c\x82\x01\xc2\x02\xa2ab";
        let Value::Unknown(Refinement::Encoded(kept)) = decode(&Type::String, prefixed).unwrap()
        else {
            panic!("a refinement that we do not read is kept");
        };
        assert_eq!(&kept[..], &prefixed[3..]);
    }

    #[test]
    fn an_attribute_that_is_not_set_is_written_as_null() {
        let ty = Type::object([("a", Type::String), ("b", Type::String)]);
        let value = Value::members([("b", Value::from("x"))]);
        let read = decode(&ty, &encode(&ty, &value).unwrap()).unwrap();
        assert_eq!(read, Value::members([("a", Value::Null), ("b", Value::from("x"))]));
    }

    #[test]
    fn an_error_says_where_and_why() {
        let ty = Type::object([("tags", Type::list(Type::object([("key", Type::String)])))]);
        let value = |key: Value| {
            Value::members([("tags", Value::from_iter([Value::members([("key", key)])]))])
        };
        let error = encode(&ty, &value(1.into())).unwrap_err();
        assert_eq!(error.to_string(), "the value of `tags[0].key` does not fit its schema");
        assert_eq!(
            error.source().unwrap().to_string(),
            "it is a number where `\"string\"` is wanted"
        );

        let numbers = Type::object([("tags", Type::list(Type::object([("key", Type::Number)])))]);
        let bytes = encode(&numbers, &value(1.into())).unwrap();
        let error = decode(&ty, &bytes).unwrap_err();
        assert_eq!(error.path, ".tags[0].key");

        let extra = Value::members([("color", Value::Null)]);
        assert_eq!(
            encode(&ty, &extra).unwrap_err().fault,
            EncodeFault::UnknownAttribute("color".into())
        );
    }

    #[test]
    fn damaged_bytes_are_an_error_and_never_a_panic() {
        let mut arbitrary = Arbitrary::new(4);
        for _ in 0..500 {
            let ty = arbitrary.ty(3);
            let value = arbitrary.value(&ty);
            let bytes = encode(&ty, &value).unwrap();
            for cut in 0..bytes.len() {
                assert!(decode(&ty, &bytes[..cut]).is_err(), "{ty} cut at {cut}");
            }
            let mut noise = bytes.clone();
            for _ in 0..8 {
                let at = usize::try_from(arbitrary.below(bytes.len() as u64)).unwrap();
                noise[at] = arbitrary.below(256) as u8;
                let _ = decode(&ty, &noise);
            }
        }
        assert_eq!(decode(&Type::Bool, b"\xc3\xc3").unwrap_err().fault, DecodeFault::Trailing(1));
        let endless = b"\x92\xc4\x09\"dynamic\"".repeat(1000);
        assert_eq!(decode(&Type::Dynamic, &endless).unwrap_err().fault, DecodeFault::TooDeep);
    }
}
