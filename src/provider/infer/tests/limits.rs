//! What a hostile repository meets.

use super::{super::InferError, inferred};
use insta::assert_snapshot;

fn error(files: &[(&str, &str)]) -> InferError {
    inferred(files).unwrap_err()
}

#[test]
fn names_in_a_circle_end() {
    let text = r#"
        locals {
          a = local.b.x
          b = { x = local.a, y = x_y.a.read }
        }
        resource "x_y" "a" { name = local.b.y }
    "#;
    assert_snapshot!(inferred(&[("main.tf", text)]).unwrap().render(), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        id: text
        name: text w
        read: ? r
    ");
}

#[test]
fn modules_in_a_circle_are_an_error() {
    let error = error(&[("main.tf", "module \"again\" {\n  source = \"./\"\n}\n")]);
    assert_snapshot!(error, @"main.tf:1:1: module call `again` is more than 40 modules deep");
    assert_snapshot!(error.hint().unwrap(), @"Check whether `module.again` calls itself, by way of others");
}

#[test]
fn modules_that_double_are_an_error() {
    let mut files = Vec::new();
    for level in 0..20 {
        let text = format!(
            "module \"a\" {{\n  source = \"../m{0}\"\n}}\nmodule \"b\" {{\n  source = \"../m{0}\"\n}}\n",
            level + 1
        );
        files.push((
            if level == 0 { "root/main.tf".to_owned() } else { format!("m{level}/main.tf") },
            text,
        ));
    }
    files.push(("m20/main.tf".to_owned(), String::new()));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_snapshot!(error(&files), @"m18/main.tf:4:1: module call `b` makes more than 2000 module instances, or more than 500000 declarations in them");
}

#[test]
fn values_that_double_are_an_error() {
    let mut text =
        String::from("locals {\n  a0 = { l = x_y.a.z, r = x_y.a.w }\n  b0 = { l = 1 }\n");
    for step in 1..60 {
        let last = step - 1;
        text += &format!(
            "  a{step} = {{ l = local.a{last}, r = local.b{last} }}\n  \
             b{step} = true ? {{ l = local.b{last}, r = local.a{last} }} : local.a{step}\n"
        );
    }
    text += "}\nresource \"x_y\" \"a\" { z = local.a59 }\n";
    assert_snapshot!(error(&[("main.tf", &text)]), @"the configuration takes more than 2000000 steps to evaluate");
}

#[test]
fn a_long_chain_of_names_is_followed_and_a_longer_one_refused() {
    let chain = |length: usize| {
        let mut text = String::from("resource \"x_y\" \"a\" {}\nlocals {\n");
        // In the order of the names the last is met first, so that nothing is known beforehand.
        for step in 0..length {
            text += &format!("  l{step:05} = [local.l{:05}]\n", step + 1);
        }
        text + &format!("  l{length:05} = x_y.a.end\n}}\n")
    };
    assert!(inferred(&[("main.tf", &chain(500))]).is_ok());
    assert_snapshot!(error(&[("main.tf", &chain(3_000))]), @"expressions refer to each other more than 1500 levels deep");
}

#[test]
fn the_same_configuration_gives_the_same_result() {
    let text = r#"
        resource "x_y" "a" { for_each = x_z.b.names }
        resource "x_z" "b" { list = [for k, v in x_y.a : v.arn] }
        output "o" { value = { for k, v in x_y.a : k => flatten(v.nested)[0].leaf } }
    "#;
    let first = inferred(&[("main.tf", text)]).unwrap();
    for _ in 0..10 {
        assert_eq!(inferred(&[("main.tf", text)]).unwrap(), first);
    }
    let json = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<super::super::Inferred>(&json).unwrap(), first);
}
