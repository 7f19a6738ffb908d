//! `yamldecode`.

use super::{Answer, Args};

pub(super) fn yamldecode(args: &Args<'_>) -> Answer {
    args.text(0)?;
    Err(args.doubt())
}
