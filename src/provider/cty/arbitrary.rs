//! Types and values made up from a seed, for round trips in tests.

use super::{Number, Refinement, Type, Value};

/// A source of made-up things; the same seed makes the same ones.
pub(crate) struct Arbitrary(u64);

impl Arbitrary {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Returns a number below `bound` (xorshift64*).
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    /// Returns a type at most `depth` levels deep.
    pub(crate) fn ty(&mut self, depth: u32) -> Type {
        match self.below(if depth == 0 { 4 } else { 9 }) {
            0 => Type::Dynamic,
            1 => Type::String,
            2 => Type::Number,
            3 => Type::Bool,
            4 => Type::list(self.ty(depth - 1)),
            5 => Type::set(self.ty(depth - 1)),
            6 => Type::map(self.ty(depth - 1)),
            7 => Type::Tuple((0..self.below(4)).map(|_| self.ty(depth - 1)).collect()),
            _ => Type::object((0..self.below(4)).map(|i| (format!("k{i}"), self.ty(depth - 1)))),
        }
    }

    /// Returns a value of `ty` in which anything can be null or unknown.
    pub(crate) fn value(&mut self, ty: &Type) -> Value {
        match self.below(12) {
            0 => return Value::Null,
            1 if *ty != Type::Dynamic => return Value::Unknown(self.refinement()),
            1 => return Value::UNKNOWN,
            _ => {}
        }
        match ty {
            Type::Dynamic => {
                let ty = loop {
                    match self.ty(2) {
                        Type::Dynamic => {}
                        ty => break ty,
                    }
                };
                let value = self.value(&ty);
                Value::dynamic(ty, value)
            }
            Type::String => Value::String(self.text()),
            Type::Number => Value::Number(self.number()),
            Type::Bool => Value::Bool(self.below(2) == 0),
            Type::List(element) | Type::Set(element) => {
                (0..self.below(4)).map(|_| self.value(element)).collect()
            }
            Type::Tuple(elements) => elements.iter().map(|element| self.value(element)).collect(),
            Type::Map(element) => {
                Value::members((0..self.below(4)).map(|i| (format!("m{i}"), self.value(element))))
            }
            Type::Object(attributes) => {
                Value::members(attributes.iter().map(|(name, ty)| (name, self.value(ty))))
            }
        }
    }

    fn refinement(&mut self) -> Refinement {
        match self.below(3) {
            0 => Refinement::None,
            1 => Refinement::NotNull,
            // {1: false, 2: "ab"}: not null, begins with `ab`.
            _ => Refinement::Encoded(vec![0x82, 0x01, 0xC2, 0x02, 0xA2, b'a', b'b'].into()),
        }
    }

    fn text(&mut self) -> String {
        // Lengths on both sides of each of MessagePack's string headers up to 16 bits.
        let lengths = [0, 1, 31, 32, 255, 256];
        let length = lengths[usize::try_from(self.below(6)).unwrap()];
        (0..length)
            .map(|_| ['a', 'é', '"', '\n'][usize::try_from(self.below(4)).unwrap()])
            .collect()
    }

    fn number(&mut self) -> Number {
        match self.below(4) {
            0 => Number::from(i64::MIN >> self.below(64)),
            1 => Number::from(i64::MAX >> self.below(64)),
            2 => format!("{}.{}", self.below(1000), self.below(1000)).parse().unwrap(),
            _ => format!("{}e{}", self.below(1000), self.below(400)).parse().unwrap(),
        }
    }
}
