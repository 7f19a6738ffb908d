//! Terraform's functions, by topic.
//!
//! What a function does not do here exactly as Terraform does it, it does not do: its value is
//! then unknown.

mod collections;
mod conversion;
mod encoding;
mod filesystem;
mod format;
mod hashes;
mod lists;
mod network;
mod numbers;
mod patterns;
mod strings;
mod time;
mod yaml;

use super::{
    convert,
    expression::Frame,
    number::Number,
    operators::Kind,
    value::{Unknown, Value},
};
use std::sync::Arc;

type Answer = Result<Value, Unknown>;
type Function = fn(&Args<'_>) -> Answer;

/// The arguments of a call.
struct Args<'a> {
    name: &'a str,
    values: &'a [Value],
}

/// Takes any number of arguments more.
const ANY: usize = usize::MAX;

/// Calls a function of Terraform.
pub(super) fn call(frame: &Frame<'_, '_>, name: &str, values: &[Value]) -> Value {
    let args = Args { name, values };
    if let Some(answer) = filesystem::call(frame, &args) {
        return answer.unwrap_or_else(Value::Unknown);
    }
    let Some((function, least, most)) = find(name) else {
        return Value::Unknown(Unknown::function(name));
    };
    if values.len() < least || values.len() > most {
        return Value::invalid(format!("`{name}` has the wrong number of arguments"));
    }
    function(&args).unwrap_or_else(Value::Unknown)
}

/// Returns a function and how many arguments it takes.
fn find(name: &str) -> Option<(Function, usize, usize)> {
    Some(match name {
        "abs" => (numbers::abs, 1, 1),
        "ceil" => (numbers::ceil, 1, 1),
        "floor" => (numbers::floor, 1, 1),
        "log" => (numbers::log, 2, 2),
        "max" => (numbers::max, 1, ANY),
        "min" => (numbers::min, 1, ANY),
        "parseint" => (numbers::parseint, 2, 2),
        "pow" => (numbers::pow, 2, 2),
        "signum" => (numbers::signum, 1, 1),
        "sum" => (numbers::sum, 1, 1),

        "chomp" => (strings::chomp, 1, 1),
        "endswith" => (strings::endswith, 2, 2),
        "indent" => (strings::indent, 2, 2),
        "join" => (strings::join, 2, ANY),
        "lower" => (strings::lower, 1, 1),
        "split" => (strings::split, 2, 2),
        "startswith" => (strings::startswith, 2, 2),
        "strcontains" => (strings::strcontains, 2, 2),
        "strrev" => (strings::strrev, 1, 1),
        "substr" => (strings::substr, 3, 3),
        "title" => (strings::title, 1, 1),
        "trim" => (strings::trim, 2, 2),
        "trimprefix" => (strings::trimprefix, 2, 2),
        "trimspace" => (strings::trimspace, 1, 1),
        "trimsuffix" => (strings::trimsuffix, 2, 2),
        "upper" => (strings::upper, 1, 1),
        "format" => (format::format, 1, ANY),
        "formatlist" => (format::formatlist, 1, ANY),
        "regex" => (patterns::regex, 2, 2),
        "regexall" => (patterns::regexall, 2, 2),
        "replace" => (patterns::replace, 3, 3),

        "alltrue" => (lists::alltrue, 1, 1),
        "anytrue" => (lists::anytrue, 1, 1),
        "chunklist" => (lists::chunklist, 2, 2),
        "coalesce" => (lists::coalesce, 1, ANY),
        "coalescelist" => (lists::coalescelist, 1, ANY),
        "compact" => (lists::compact, 1, 1),
        "concat" => (lists::concat, 1, ANY),
        "contains" => (lists::contains, 2, 2),
        "distinct" => (lists::distinct, 1, 1),
        "element" => (lists::element, 2, 2),
        "flatten" => (lists::flatten, 1, 1),
        "index" => (lists::index, 2, 2),
        "length" => (lists::length, 1, 1),
        "one" => (lists::one, 1, 1),
        "range" => (lists::range, 1, 3),
        "reverse" => (lists::reverse, 1, 1),
        "slice" => (lists::slice, 3, 3),
        "sort" => (lists::sort, 1, 1),
        "keys" => (collections::keys, 1, 1),
        "lookup" => (collections::lookup, 2, 3),
        "matchkeys" => (collections::matchkeys, 3, 3),
        "merge" => (collections::merge, 0, ANY),
        "setintersection" => (collections::setintersection, 1, ANY),
        "setproduct" => (collections::setproduct, 2, ANY),
        "setsubtract" => (collections::setsubtract, 2, 2),
        "setunion" => (collections::setunion, 1, ANY),
        "transpose" => (collections::transpose, 1, 1),
        "values" => (collections::values, 1, 1),
        "zipmap" => (collections::zipmap, 2, 2),

        "base64decode" => (encoding::base64decode, 1, 1),
        "base64encode" => (encoding::base64encode, 1, 1),
        "csvdecode" => (encoding::csvdecode, 1, 1),
        "jsondecode" => (encoding::jsondecode, 1, 1),
        "jsonencode" => (encoding::jsonencode, 1, 1),
        "urlencode" => (encoding::urlencode, 1, 1),
        "yamldecode" => (yaml::yamldecode, 1, 1),

        "base64sha256" => (hashes::base64sha256, 1, 1),
        "base64sha512" => (hashes::base64sha512, 1, 1),
        "md5" => (hashes::md5, 1, 1),
        "sha1" => (hashes::sha1, 1, 1),
        "sha256" => (hashes::sha256, 1, 1),
        "sha512" => (hashes::sha512, 1, 1),

        "cidrhost" => (network::cidrhost, 2, 2),
        "cidrnetmask" => (network::cidrnetmask, 1, 1),
        "cidrsubnet" => (network::cidrsubnet, 3, 3),
        "cidrsubnets" => (network::cidrsubnets, 2, ANY),

        "formatdate" => (time::formatdate, 2, 2),
        "timeadd" => (time::timeadd, 2, 2),
        "timecmp" => (time::timecmp, 2, 2),

        "nonsensitive" | "sensitive" => (conversion::same, 1, 1),
        "tobool" => (conversion::tobool, 1, 1),
        "tolist" => (conversion::tolist, 1, 1),
        "tomap" => (conversion::tomap, 1, 1),
        "tonumber" => (conversion::tonumber, 1, 1),
        "toset" => (conversion::toset, 1, 1),
        "tostring" => (conversion::tostring, 1, 1),
        _ => return None,
    })
}

/// Returns what a function returns, whatever its arguments.
pub(super) fn kind(name: &str) -> Kind {
    match name {
        "abs" | "ceil" | "floor" | "index" | "length" | "log" | "max" | "min" | "parseint"
        | "pow" | "signum" | "sum" | "timecmp" | "tonumber" => Kind::Number,
        "alltrue" | "anytrue" | "can" | "contains" | "endswith" | "fileexists" | "startswith"
        | "strcontains" | "tobool" => Kind::Bool,
        "base64decode" | "base64encode" | "base64sha256" | "basename" | "chomp" | "cidrhost"
        | "cidrnetmask" | "cidrsubnet" | "dirname" | "file" | "filebase64" | "format"
        | "formatdate" | "indent" | "join" | "jsonencode" | "lower" | "md5" | "replace"
        | "sha1" | "sha256" | "sha512" | "strrev" | "substr" | "timeadd" | "timestamp"
        | "title" | "tostring" | "trim" | "trimprefix" | "trimspace" | "trimsuffix" | "upper"
        | "urlencode" | "uuid" | "yamlencode" => Kind::String,
        "chunklist" | "cidrsubnets" | "compact" | "concat" | "distinct" | "flatten"
        | "formatlist" | "keys" | "range" | "regexall" | "reverse" | "sort" | "split"
        | "tolist" | "values" => Kind::List,
        "merge" | "tomap" | "transpose" | "zipmap" => Kind::Map,
        _ => Kind::Any,
    }
}

impl Args<'_> {
    /// That the answer is not certain.
    fn doubt(&self) -> Unknown {
        Unknown::function(self.name)
    }

    fn wrong<T>(&self, why: &str) -> Result<T, Unknown> {
        Err(Unknown::invalid(format!("`{}`: {why}", self.name)))
    }

    /// Returns an argument that is not null and not unknown as a whole.
    fn given(&self, at: usize) -> Result<&Value, Unknown> {
        match &self.values[at] {
            Value::Unknown(why) => Err(why.clone()),
            Value::Null => self.wrong("an argument is null"),
            value => Ok(value),
        }
    }

    /// Returns a string that can be partly known.
    fn string(&self, at: usize) -> Answer {
        convert::text(self.given(at)?)
    }

    fn text(&self, at: usize) -> Result<Arc<str>, Unknown> {
        known_text(&self.string(at)?)
    }

    fn number(&self, at: usize) -> Result<Number, Unknown> {
        convert::number(self.given(at)?)
    }

    fn whole(&self, at: usize) -> Result<i64, Unknown> {
        let number = self.number(at)?;
        match number.as_i64() {
            Some(whole) => Ok(whole),
            None if number.is_whole() => Err(self.doubt()),
            None => self.wrong("a whole number is needed"),
        }
    }

    /// Returns the elements of a list, a tuple or a set.
    fn items(&self, at: usize) -> Result<&[Value], Unknown> {
        match self.given(at)? {
            Value::List(items) | Value::Set(items) => Ok(items),
            _ => self.wrong("a list is needed"),
        }
    }

    /// Returns the elements of a list or a tuple; of a set the outcome would not be certain.
    fn list(&self, at: usize) -> Result<&[Value], Unknown> {
        match self.given(at)? {
            Value::Set(_) => Err(self.doubt()),
            _ => self.items(at),
        }
    }

    /// Returns the elements of a list of strings, each known, none null.
    fn texts(&self, at: usize) -> Result<Vec<Arc<str>>, Unknown> {
        self.items(at)?
            .iter()
            .map(|item| match item {
                Value::Null => self.wrong("an element is null"),
                item => known_text(&convert::text(item)?),
            })
            .collect()
    }

    fn entries(&self, at: usize) -> Result<&std::collections::BTreeMap<String, Value>, Unknown> {
        match self.given(at)? {
            Value::Map(entries) => Ok(entries),
            _ => self.wrong("a map is needed"),
        }
    }
}

/// Returns the text of what was converted to a string.
fn known_text(value: &Value) -> Result<Arc<str>, Unknown> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(convert::reason(other)),
    }
}
