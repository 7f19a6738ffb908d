//! What Terraform's functions tell of their arguments and of their results, as a table.
//!
//! Names and types are those of `terraform metadata functions -json`; a test compares them.

use super::shape::Kind;

/// What a function takes an argument for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Anything; it is only read, with all that is in it.
    Any,
    /// A value of a kind.
    Is(Kind),
    /// A list whose elements are of a kind.
    ListOf(Kind),
    /// A list, a set, a map or a string, to be counted.
    Countable,
    /// A list of one element, or none.
    One,
    /// What the result is made from: nothing is told of it.
    Same,
}

/// What a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// A value of a kind.
    Is(Kind),
    /// A list, set or map of a kind.
    Of(Kind, Kind),
    /// What cannot be told.
    Unknown,
    /// Any of its arguments.
    AnyArgument,
    /// A list or set of the elements of all arguments.
    Elements(Kind),
    /// A list of the elements of the first.
    FirstElements,
    /// An element of the first.
    FirstElement,
    /// What is decoded from the first.
    Decoded,
    /// The entry of a name, or the default.
    Entry,
    /// All entries of all arguments.
    Merged,
    /// The first, converted to a list, set or map.
    Converted(Kind),
    /// The first with its lists taken apart.
    Flat,
    /// A map of the elements of the second.
    Zipped,
    /// A list of lists of the elements of all arguments.
    Product,
    /// A list of lists of the elements of the first.
    Chunks,
    /// The first up to a length.
    Slice,
}

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    name: &'static str,
    arguments: &'static [Want],
    /// What all further arguments are taken for.
    rest: Want,
    pub(super) gives: Gives,
}

impl Function {
    /// Returns what the argument at an index is taken for.
    pub(super) fn want(&self, index: usize) -> Want {
        self.arguments.get(index).copied().unwrap_or(self.rest)
    }
}

/// Returns what is known of a function.
pub(super) fn function(name: &str) -> Option<&'static Function> {
    let at = TABLE.binary_search_by(|known| known.name.cmp(name)).ok()?;
    TABLE.get(at)
}

const fn row(name: &'static str, arguments: &'static [Want], rest: Want, gives: Gives) -> Function {
    Function { name, arguments, rest, gives }
}

use Gives::{
    AnyArgument, Chunks, Converted, Decoded, Elements, Entry, FirstElement, FirstElements, Flat,
    Merged, Of, Product, Slice, Zipped,
};
use Kind::{Base64, Bool, Cidr, IpAddress, Json, List, Map, Number, Set, Text, Timestamp, Yaml};
use Want::{Any, Countable, ListOf, One, Same};

const TEXT: Want = Want::Is(Text);
const NUMBER: Want = Want::Is(Number);
const LIST: Want = Want::Is(List);
const MAP: Want = Want::Is(Map);
const CIDR: Want = Want::Is(Cidr);
const BASE64: Want = Want::Is(Base64);
const TIME: Want = Want::Is(Timestamp);

const A_TEXT: Gives = Gives::Is(Text);
const A_NUMBER: Gives = Gives::Is(Number);
const A_BOOL: Gives = Gives::Is(Bool);
const A_BASE64: Gives = Gives::Is(Base64);
const A_TIME: Gives = Gives::Is(Timestamp);
const TEXTS: Gives = Of(List, Text);

/// In the order of the names.
static TABLE: &[Function] = &[
    row("abs", &[], NUMBER, A_NUMBER),
    row("abspath", &[], TEXT, A_TEXT),
    row("alltrue", &[], ListOf(Bool), A_BOOL),
    row("anytrue", &[], ListOf(Bool), A_BOOL),
    row("base64decode", &[], BASE64, A_TEXT),
    row("base64encode", &[], TEXT, A_BASE64),
    row("base64gunzip", &[], BASE64, A_TEXT),
    row("base64gzip", &[], TEXT, A_BASE64),
    row("base64sha256", &[], TEXT, A_BASE64),
    row("base64sha512", &[], TEXT, A_BASE64),
    row("basename", &[], TEXT, A_TEXT),
    row("bcrypt", &[TEXT], NUMBER, A_TEXT),
    row("can", &[], Same, A_BOOL),
    row("ceil", &[], NUMBER, A_NUMBER),
    row("chomp", &[], TEXT, A_TEXT),
    row("chunklist", &[LIST], NUMBER, Chunks),
    row("cidrhost", &[CIDR], NUMBER, Gives::Is(IpAddress)),
    row("cidrnetmask", &[], CIDR, Gives::Is(IpAddress)),
    row("cidrsubnet", &[CIDR], NUMBER, Gives::Is(Cidr)),
    row("cidrsubnets", &[CIDR], NUMBER, Of(List, Cidr)),
    row("coalesce", &[], Same, AnyArgument),
    row("coalescelist", &[], LIST, Elements(List)),
    row("compact", &[], ListOf(Text), FirstElements),
    row("concat", &[], LIST, Elements(List)),
    row("contains", &[LIST], Any, A_BOOL),
    row("csvdecode", &[], TEXT, Of(List, Map)),
    row("dirname", &[], TEXT, A_TEXT),
    row("distinct", &[], LIST, FirstElements),
    row("element", &[LIST], NUMBER, FirstElement),
    row("endswith", &[], TEXT, A_BOOL),
    row("ephemeralasnull", &[], Same, AnyArgument),
    row("file", &[], TEXT, A_TEXT),
    row("filebase64", &[], TEXT, A_BASE64),
    row("filebase64sha256", &[], TEXT, A_BASE64),
    row("filebase64sha512", &[], TEXT, A_BASE64),
    row("fileexists", &[], TEXT, A_BOOL),
    row("filemd5", &[], TEXT, A_TEXT),
    row("fileset", &[], TEXT, Of(Set, Text)),
    row("filesha1", &[], TEXT, A_TEXT),
    row("filesha256", &[], TEXT, A_TEXT),
    row("filesha512", &[], TEXT, A_TEXT),
    row("flatten", &[], LIST, Flat),
    row("floor", &[], NUMBER, A_NUMBER),
    row("format", &[TEXT], Any, A_TEXT),
    row("formatdate", &[TEXT], TIME, A_TEXT),
    row("formatlist", &[TEXT], Any, TEXTS),
    row("indent", &[NUMBER], TEXT, A_TEXT),
    row("index", &[LIST], Any, A_NUMBER),
    row("issensitive", &[], Same, A_BOOL),
    row("join", &[TEXT], ListOf(Text), A_TEXT),
    row("jsondecode", &[], Want::Is(Json), Decoded),
    row("jsonencode", &[], Any, Gives::Is(Json)),
    row("keys", &[], MAP, TEXTS),
    row("length", &[], Countable, A_NUMBER),
    row("list", &[], Same, Elements(List)),
    row("log", &[], NUMBER, A_NUMBER),
    row("lookup", &[Same, TEXT], Same, Entry),
    row("lower", &[], TEXT, A_TEXT),
    row("map", &[], Same, Gives::Unknown),
    row("matchkeys", &[], LIST, FirstElements),
    row("max", &[], NUMBER, A_NUMBER),
    row("md5", &[], TEXT, A_TEXT),
    row("merge", &[], MAP, Merged),
    row("min", &[], NUMBER, A_NUMBER),
    row("nonsensitive", &[], Same, AnyArgument),
    row("one", &[], One, FirstElement),
    row("parseint", &[TEXT], NUMBER, A_NUMBER),
    row("pathexpand", &[], TEXT, A_TEXT),
    row("plantimestamp", &[], Any, A_TIME),
    row("pow", &[], NUMBER, A_NUMBER),
    row("range", &[], NUMBER, Of(List, Number)),
    row("regex", &[], TEXT, Gives::Unknown),
    row("regexall", &[], TEXT, Of(List, Text)),
    row("replace", &[], TEXT, A_TEXT),
    row("reverse", &[], LIST, FirstElements),
    row("rsadecrypt", &[BASE64], TEXT, A_TEXT),
    row("sensitive", &[], Same, AnyArgument),
    row("setintersection", &[], LIST, Elements(Set)),
    row("setproduct", &[], LIST, Product),
    row("setsubtract", &[], LIST, Elements(Set)),
    row("setunion", &[], LIST, Elements(Set)),
    row("sha1", &[], TEXT, A_TEXT),
    row("sha256", &[], TEXT, A_TEXT),
    row("sha512", &[], TEXT, A_TEXT),
    row("signum", &[], NUMBER, A_NUMBER),
    row("slice", &[LIST], NUMBER, Slice),
    row("sort", &[], ListOf(Text), FirstElements),
    row("split", &[], TEXT, TEXTS),
    row("startswith", &[], TEXT, A_BOOL),
    row("strcontains", &[], TEXT, A_BOOL),
    row("strrev", &[], TEXT, A_TEXT),
    row("substr", &[TEXT], NUMBER, A_TEXT),
    row("sum", &[], ListOf(Number), A_NUMBER),
    row("templatefile", &[TEXT], Any, A_TEXT),
    row("templatestring", &[TEXT], Any, A_TEXT),
    row("textdecodebase64", &[BASE64], TEXT, A_TEXT),
    row("textencodebase64", &[], TEXT, A_BASE64),
    row("timeadd", &[TIME], TEXT, A_TIME),
    row("timecmp", &[], TIME, A_NUMBER),
    row("timestamp", &[], Any, A_TIME),
    row("title", &[], TEXT, A_TEXT),
    row("tobool", &[], Want::Is(Bool), A_BOOL),
    row("tolist", &[], LIST, Converted(List)),
    row("tomap", &[], MAP, Converted(Map)),
    row("tonumber", &[], NUMBER, A_NUMBER),
    row("toset", &[], LIST, Converted(Set)),
    row("tostring", &[], TEXT, A_TEXT),
    row("transpose", &[], MAP, Of(Map, List)),
    row("trim", &[], TEXT, A_TEXT),
    row("trimprefix", &[], TEXT, A_TEXT),
    row("trimspace", &[], TEXT, A_TEXT),
    row("trimsuffix", &[], TEXT, A_TEXT),
    row("try", &[], Same, AnyArgument),
    row("type", &[], Any, Gives::Unknown),
    row("upper", &[], TEXT, A_TEXT),
    row("urldecode", &[], TEXT, A_TEXT),
    row("urlencode", &[], TEXT, A_TEXT),
    row("uuid", &[], Any, A_TEXT),
    row("uuidv5", &[], TEXT, A_TEXT),
    row("values", &[], MAP, FirstElements),
    row("yamldecode", &[], Want::Is(Yaml), Decoded),
    row("yamlencode", &[], Any, Gives::Is(Yaml)),
    row("zipmap", &[ListOf(Text)], LIST, Zipped),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_table_is_in_order_so_that_it_can_be_searched() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].name < pair[1].name, "`{}` is out of order", pair[1].name);
        }
        assert_eq!(function("one").unwrap().gives, FirstElement);
        assert!(function("nope").is_none());
    }

    #[test]
    fn the_table_agrees_with_terraform() {
        let printed =
            Command::new("terraform").args(["metadata", "functions", "-json"]).output().unwrap();
        let known: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
        for (name, signature) in known["function_signatures"].as_object().unwrap() {
            if name.starts_with("core::") {
                continue;
            }
            let ours = function(name).unwrap_or_else(|| panic!("`{name}` is not in the table"));
            let fits = match signature["return_type"].as_str() {
                Some("bool") => ours.gives == A_BOOL,
                Some("number") => ours.gives == A_NUMBER,
                Some("string") => {
                    matches!(ours.gives, Gives::Is(kind) if !matches!(kind, Bool | Number))
                }
                _ => true,
            };
            assert!(fits, "`{name}` returns {}, we say {:?}", signature["return_type"], ours.gives);
            for (index, parameter) in
                signature["parameters"].as_array().into_iter().flatten().enumerate()
            {
                let fits = match (parameter["type"].as_str(), ours.want(index)) {
                    (Some("number"), want) => want == NUMBER,
                    (Some("bool"), want) => want == Want::Is(Bool),
                    (Some("string"), Want::Is(kind)) => !matches!(kind, Bool | Number | List | Map),
                    (Some("string"), _) => false,
                    _ => true,
                };
                assert!(fits, "argument {index} of `{name}` is {parameter}");
            }
        }
    }
}
