//! Functions of strings.

use super::{Answer, Args, Unknown, Value, convert};
use crate::config::eval::value::Pieces;
use unicode_segmentation::UnicodeSegmentation;

pub(super) fn chomp(args: &Args<'_>) -> Answer {
    Ok(args.text(0)?.trim_end_matches(['\r', '\n']).into())
}

pub(super) fn startswith(args: &Args<'_>) -> Answer {
    if let (Value::Partial(pieces), Ok(start)) = (args.string(0)?, args.text(1))
        && let Some(super::super::Piece::Text(text)) = pieces.first()
        && text.is_ascii()
        && (text.len() >= start.len() || !start.starts_with(text.as_ref()))
    {
        return Ok(text.starts_with(start.as_ref()).into());
    }
    Ok(args.text(0)?.starts_with(args.text(1)?.as_ref()).into())
}

pub(super) fn endswith(args: &Args<'_>) -> Answer {
    Ok(args.text(0)?.ends_with(args.text(1)?.as_ref()).into())
}

pub(super) fn strcontains(args: &Args<'_>) -> Answer {
    Ok(args.text(0)?.contains(args.text(1)?.as_ref()).into())
}

pub(super) fn indent(args: &Args<'_>) -> Answer {
    let width = args.whole(0)?;
    let Ok(width) = usize::try_from(width) else { return Err(args.doubt()) };
    if width > 10_000 {
        return Err(Unknown::Limit);
    }
    let margin = format!("\n{}", " ".repeat(width));
    mapped(&args.string(1)?, |text| text.replace('\n', &margin))
}

/// Changes each known part of a string, where parts do not rest on each other.
fn mapped(value: &Value, change: impl Fn(&str) -> String) -> Answer {
    let mut made = Pieces::default();
    match value {
        Value::Partial(pieces) => made.add_mapped(pieces, change),
        other => made.text(&change(other.text().unwrap_or_default())),
    }
    Ok(made.finish())
}

pub(super) fn join(args: &Args<'_>) -> Answer {
    let separator = args.string(0)?;
    let mut made = Pieces::default();
    let mut first = true;
    for at in 1..args.values.len() {
        for item in args.items(at)? {
            if !std::mem::take(&mut first) {
                made.add(&separator);
            }
            match item {
                Value::Null => return args.wrong("an element is null"),
                Value::Unknown(why) if !why.is_invalid() => made.unknown(why),
                item => made.add(&convert::text(item)?),
            }
            if made.len() > crate::config::eval::cost::TEXT {
                return Err(Unknown::Limit);
            }
        }
    }
    Ok(made.finish())
}

pub(super) fn lower(args: &Args<'_>) -> Answer {
    letters(args, |c| c.to_lowercase())
}

pub(super) fn upper(args: &Args<'_>) -> Answer {
    letters(args, |c| c.to_uppercase())
}

/// Changes letter by letter, as Go does; where a letter becomes several, Go differs.
fn letters<I: Iterator<Item = char>>(args: &Args<'_>, change: impl Fn(char) -> I) -> Answer {
    let value = args.string(0)?;
    let single = |text: &str| text.chars().all(|c| change(c).count() == 1);
    let simple = value.pieces().iter().all(|piece| match piece {
        super::super::Piece::Text(text) => single(text),
        super::super::Piece::Unknown(_) => true,
    });
    if !simple {
        return Err(args.doubt());
    }
    mapped(&value, |text| text.chars().flat_map(&change).collect())
}

pub(super) fn title(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    if !text.is_ascii() {
        return Err(args.doubt());
    }
    let mut inside = false;
    let made: String = text
        .chars()
        .map(|c| {
            let c = if inside { c } else { c.to_ascii_uppercase() };
            inside = c.is_ascii_alphanumeric() || c == '_';
            c
        })
        .collect();
    Ok(made.into())
}

pub(super) fn split(args: &Args<'_>) -> Answer {
    let (separator, text) = (args.text(0)?, args.text(1)?);
    if separator.is_empty() {
        return Ok(Value::list(text.chars().map(|c| c.to_string().into())));
    }
    Ok(Value::list(text.split(separator.as_ref()).map(Value::from)))
}

pub(super) fn strrev(args: &Args<'_>) -> Answer {
    Ok(args.text(0)?.graphemes(true).rev().collect::<String>().into())
}

pub(super) fn substr(args: &Args<'_>) -> Answer {
    let (text, offset, length) = (args.text(0)?, args.whole(1)?, args.whole(2)?);
    let graphemes: Vec<&str> = text.graphemes(true).collect();
    let start = match usize::try_from(offset) {
        Ok(offset) => offset,
        Err(_) => {
            let back = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            match graphemes.len().checked_sub(back) {
                Some(start) => start,
                None => return Err(args.doubt()),
            }
        }
    };
    let rest = graphemes.get(start..).unwrap_or_default();
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(rest.iter().take(length).copied().collect::<String>().into())
}

pub(super) fn trim(args: &Args<'_>) -> Answer {
    let cut: Vec<char> = args.text(1)?.chars().collect();
    Ok(args.text(0)?.trim_matches(cut.as_slice()).into())
}

pub(super) fn trimprefix(args: &Args<'_>) -> Answer {
    let (text, prefix) = (args.text(0)?, args.text(1)?);
    Ok(text.strip_prefix(prefix.as_ref()).unwrap_or(&text).into())
}

pub(super) fn trimsuffix(args: &Args<'_>) -> Answer {
    let (text, suffix) = (args.text(0)?, args.text(1)?);
    Ok(text.strip_suffix(suffix.as_ref()).unwrap_or(&text).into())
}

pub(super) fn trimspace(args: &Args<'_>) -> Answer {
    Ok(args.text(0)?.trim().into())
}
