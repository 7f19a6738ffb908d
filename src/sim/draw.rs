//! Everything that looks like chance: pure functions of the seed and of what is asked.

use crate::sim::call::Operation;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How long operations take.
///
/// Implemented by the catalogue's distributions, and by any closure of this form.
pub trait Latencies: Send + Sync {
    /// Returns how long `operation` on an object of type `kind` takes, for a draw
    /// `unit` that is at least 0 and below 1: the quantile of the distribution.
    fn latency(&self, kind: &str, operation: Operation, unit: f64) -> Duration;
}

impl<F> Latencies for F
where
    F: Fn(&str, Operation, f64) -> Duration + Send + Sync,
{
    fn latency(&self, kind: &str, operation: Operation, unit: f64) -> Duration {
        self(kind, operation, unit)
    }
}

/// Draws a number that is at least 0 and below 1: the same for the same seed and parts, always.
pub fn unit(seed: u64, parts: &[&str]) -> f64 {
    let bits = u64::from_be_bytes(first_bytes(seed, parts)) >> 11;
    // 53 bits are what a double holds exactly.
    bits as f64 / (1_u64 << 53) as f64
}

/// Draws 16 hexadecimal digits.
pub(super) fn hex(seed: u64, parts: &[&str]) -> String {
    format!("{:016x}", u64::from_be_bytes(first_bytes(seed, parts)))
}

fn first_bytes(seed: u64, parts: &[&str]) -> [u8; 8] {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for part in parts {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_by_seed_and_by_where_a_part_ends() {
        assert_eq!(unit(1, &["a", "b"]), unit(1, &["a", "b"]));
        assert_ne!(unit(1, &["a", "b"]), unit(2, &["a", "b"]));
        assert_ne!(unit(1, &["ab", "c"]), unit(1, &["a", "bc"]));
    }

    #[test]
    fn draws_are_spread_evenly() {
        let mut tenths = [0_u32; 10];
        for n in 0..10_000 {
            let drawn = unit(7, &[&n.to_string()]);
            assert!((0.0..1.0).contains(&drawn));
            tenths[(drawn * 10.0) as usize] += 1;
        }
        // Five standard deviations of a binomial of 10,000 and a tenth: 150.
        assert!(tenths.iter().all(|n| n.abs_diff(1_000) < 150), "{tenths:?}");
    }
}
