//! Those of Terraform's functions that the names of regions and zones are commonly made with.
//!
//! What a function does not do here exactly as Terraform does it, it refuses: an expression
//! that is not known does less harm than one that is known wrongly.

use hcl::{
    Value,
    eval::{Context, FuncArgs, FuncDef, ParamType},
};

type Answer = Result<Value, String>;

/// Makes the functions known to `context`.
pub(super) fn declare(context: &mut Context<'_>) {
    let any = || ParamType::Any;
    let text = || ParamType::String;
    let all: [(&str, FuncDef); 14] = [
        ("lower", one(text(), |args| Ok(args_text(&args, 0)?.to_lowercase().into()))),
        ("upper", one(text(), |args| Ok(args_text(&args, 0)?.to_uppercase().into()))),
        ("trimspace", one(text(), |args| Ok(args_text(&args, 0)?.trim().into()))),
        ("tostring", one(text(), |args| Ok(args[0].clone()))),
        ("tolist", one(ParamType::array_of(any()), |args| Ok(args[0].clone()))),
        ("tomap", one(ParamType::object_of(any()), |args| Ok(args[0].clone()))),
        ("split", FuncDef::builder().params([text(), text()]).build(split)),
        ("join", FuncDef::builder().params([text(), ParamType::array_of(text())]).build(join)),
        ("replace", FuncDef::builder().params([text(), text(), text()]).build(replace)),
        ("format", FuncDef::builder().param(text()).variadic_param(any()).build(format)),
        (
            "lookup",
            FuncDef::builder()
                .params([ParamType::object_of(any()), text()])
                .variadic_param(any())
                .build(lookup),
        ),
        (
            "element",
            FuncDef::builder()
                .params([ParamType::array_of(any()), ParamType::Number])
                .build(element),
        ),
        ("merge", FuncDef::builder().variadic_param(ParamType::object_of(any())).build(merge)),
        ("coalesce", FuncDef::builder().variadic_param(any()).build(coalesce)),
    ];
    for (name, function) in all {
        context.declare_func(name, function);
    }
}

fn one(param: ParamType, function: fn(FuncArgs) -> Answer) -> FuncDef {
    FuncDef::builder().param(param).build(function)
}

fn args_text(args: &FuncArgs, at: usize) -> Result<&str, String> {
    args[at].as_str().ok_or_else(|| "a string is needed".to_owned())
}

fn split(args: FuncArgs) -> Answer {
    let (separator, text) = (args_text(&args, 0)?, args_text(&args, 1)?);
    if separator.is_empty() {
        return Err("an empty separator is not known here".into());
    }
    Ok(text.split(separator).map(Value::from).collect())
}

fn join(args: FuncArgs) -> Answer {
    let parts: Vec<&str> =
        args[1].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Ok(parts.join(args_text(&args, 0)?).into())
}

fn replace(args: FuncArgs) -> Answer {
    let (text, old, new) = (args_text(&args, 0)?, args_text(&args, 1)?, args_text(&args, 2)?);
    // `/…/` is a regular expression.
    if old.is_empty() || old.starts_with('/') && old.ends_with('/') {
        return Err("a regular expression is not known here".into());
    }
    Ok(text.replace(old, new).into())
}

fn format(args: FuncArgs) -> Answer {
    let mut rest = args_text(&args, 0)?;
    let mut values = args.iter().skip(1);
    let mut made = String::new();
    while let Some((before, after)) = rest.split_once('%') {
        made.push_str(before);
        let Some(after) = after.strip_prefix('s') else {
            return Err("only %s is known here".into());
        };
        match values.next() {
            Some(Value::String(text)) => made.push_str(text),
            _ => return Err("only strings are known here".into()),
        }
        rest = after;
    }
    made.push_str(rest);
    Ok(made.into())
}

fn lookup(args: FuncArgs) -> Answer {
    let found = args[0].as_object().and_then(|object| object.get(args_text(&args, 1).ok()?));
    found.or_else(|| args.get(2)).cloned().ok_or_else(|| "there is no such key".to_owned())
}

fn element(args: FuncArgs) -> Answer {
    let list = args[0].as_array().filter(|list| !list.is_empty()).ok_or("the list is empty")?;
    let index = args[1].as_number().and_then(hcl::Number::as_u64).ok_or("no index")?;
    let at = usize::try_from(index).map_err(|_| "the index is too large")?;
    Ok(list[at % list.len()].clone())
}

fn merge(args: FuncArgs) -> Answer {
    let mut all = hcl::Map::new();
    for object in args.iter().filter_map(Value::as_object) {
        all.extend(object.clone());
    }
    Ok(Value::Object(all))
}

fn coalesce(args: FuncArgs) -> Answer {
    let filled = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    args.iter().find(filled).cloned().ok_or_else(|| "every argument is empty".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::config::expression::{Scope, tests::expr};
    use serde_json::{Value, json};

    fn value(text: &str) -> Option<Value> {
        expr(text).evaluate(&Scope::with_functions()).ok()
    }

    #[test]
    fn functions_do_what_terraform_does_or_nothing() {
        for (text, expected) in [
            (r#"lower("AP-North")"#, json!("ap-north")),
            (r#"join("-", ["a", "b"])"#, json!("a-b")),
            (r#"split("-", "prod-ap")[1]"#, json!("ap")),
            (r#"replace("ap-1a", "1a", "2")"#, json!("ap-2")),
            (r#"format("%s-%s", "a", "b")"#, json!("a-b")),
            (r#"lookup({ a = 1 }, "b", 2)"#, json!(2)),
            (r#"element(["a", "b"], 3)"#, json!("b")),
            (r#"merge({ a = 1 }, { a = 2, b = 3 })"#, json!({ "a": 2, "b": 3 })),
            (r#"coalesce("", null, "x")"#, json!("x")),
            (r#"trimspace(" x ")"#, json!("x")),
            (r#"tolist(["x"])"#, json!(["x"])),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        for unknown in [
            r#"format("%d", 1)"#,
            r#"replace("a", "/a/", "")"#,
            r#"lookup({}, "a")"#,
            "cidrsubnet()",
        ] {
            assert_eq!(value(unknown), None, "{unknown}");
        }
    }
}
