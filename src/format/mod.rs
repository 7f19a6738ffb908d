//! Wire formats as their standards have them.
