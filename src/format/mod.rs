//! Wire formats as their standards have them.

pub mod junit;
pub mod markdown;
pub mod openmetrics;
pub mod otlp;
pub mod sarif;
