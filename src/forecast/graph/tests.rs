use super::*;
use crate::forecast::tests::Code;

/// Returns the addresses that the node of an address waits for, nodes without time left out.
fn waits(graph: &Graph, address: &str) -> Vec<String> {
    fn collect(graph: &Graph, index: usize, found: &mut Vec<String>) {
        for need in &graph.nodes()[index].needs {
            let node = &graph.nodes()[*need];
            if node.role == Role::Relay {
                collect(graph, *need, found);
            } else {
                found.push(node.address.clone());
            }
        }
    }
    let mut found = Vec::new();
    collect(graph, graph.find(address).unwrap(), &mut found);
    found.sort();
    found.dedup();
    found
}

fn copies(graph: &Graph, address: &str) -> (usize, bool) {
    match &graph.nodes()[graph.find(address).unwrap()].role {
        Role::Resource { copies, .. } => (copies.number, copies.known),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_resource_waits_for_all_that_it_refers_to_wherever_it_says_so() {
    let code = Code::new(&[(
        "main.tf",
        r#"
        resource "x_a" "argument" {}
        resource "x_a" "nested" {}
        resource "x_a" "explicit" {}
        resource "x_a" "count" {}
        resource "x_a" "through_local" {}
        resource "x_a" "provider" {}
        resource "x_a" "apart" {}
        data "x_d" "read" {}
        locals {
          one = [for a in [x_a.through_local.id] : upper(a)]
          two = local.one
        }
        provider "x" {
          host = x_a.provider.host
        }
        provider "y" {}
        resource "x_a" "it" {
          provider = y
        }
        resource "x_b" "it" {
          count      = length(x_a.count.ids)
          name       = "n-${x_a.argument.name}-${data.x_d.read.id}"
          depends_on = [x_a.explicit]
          outer {
            dynamic "inner" {
              for_each = local.two
              content { id = x_a.nested.id }
            }
          }
        }
        "#,
    )]);
    let graph = code.graph("");
    assert_eq!(
        waits(&graph, "x_b.it"),
        [
            "data.x_d.read",
            "x_a.argument",
            "x_a.count",
            "x_a.explicit",
            "x_a.nested",
            "x_a.provider",
            "x_a.through_local"
        ]
    );
    assert_eq!(waits(&graph, "x_a.it"), Vec::<String>::new(), "another provider configuration");
    // The provider's own resources wait for it, too: this is a circle, and was cut.
    assert!(graph.loops() > 0);
}

const CHILD: &str = r#"
    variable "in" {}
    variable "other" {}
    resource "x_b" "uses" { in = var.in }
    resource "x_b" "free" {}
    resource "x_b" "last" { other = var.other }
    output "out" { value = x_b.uses.id }
    output "free" { value = x_b.free.id }
"#;

#[test]
fn a_module_is_seen_through_in_both_directions() {
    let code = Code::new(&[
        (
            "main.tf",
            r#"
            resource "x_a" "first" {}
            resource "x_a" "second" {}
            module "m" {
              source = "./child"
              in     = x_a.first.id
              other  = x_a.second.id
            }
            resource "x_c" "out" { a = module.m.out }
            resource "x_c" "free" { a = module.m.free }
            resource "x_c" "all" { depends_on = [module.m] }
            resource "x_c" "object" { a = module.m }
            "#,
        ),
        ("child/main.tf", CHILD),
    ]);
    let graph = code.graph("");
    assert_eq!(waits(&graph, "module.m.x_b.uses"), ["x_a.first"]);
    assert_eq!(waits(&graph, "module.m.x_b.free"), Vec::<String>::new());
    assert_eq!(waits(&graph, "x_c.out"), ["module.m.x_b.uses"]);
    assert_eq!(waits(&graph, "x_c.free"), ["module.m.x_b.free"]);
    let all = ["module.m.x_b.free", "module.m.x_b.last", "module.m.x_b.uses"];
    for whole in ["x_c.all", "x_c.object"] {
        let mut found = waits(&graph, whole);
        found.retain(|address| address.starts_with("module"));
        assert_eq!(found, all, "{whole}");
    }
}

#[test]
fn an_index_that_is_written_out_means_one_output_and_any_other_the_whole_module() {
    let code = Code::new(&[
        (
            "main.tf",
            r#"
            module "n" {
              source = "./child"
              count  = 2
              in     = 1
              other  = 1
            }
            module "k" {
              source   = "./child"
              for_each = { a = 1, b = 2, c = 3 }
              in       = 1
              other    = 1
            }
            resource "x_c" "number" { a = module.n[0].out }
            resource "x_c" "splat" { a = module.n[*].out }
            resource "x_c" "key" { a = module.k["a"].out }
            resource "x_c" "each" {
              for_each = { a = 1 }
              a        = module.k[each.key].out
            }
            "#,
        ),
        ("child/main.tf", CHILD),
    ]);
    let graph = code.graph("");
    assert_eq!(waits(&graph, "x_c.number"), ["module.n.x_b.uses"]);
    assert_eq!(waits(&graph, "x_c.key"), ["module.k.x_b.uses"]);
    assert_eq!(waits(&graph, "x_c.splat").len(), 3);
    assert_eq!(waits(&graph, "x_c.each").len(), 3);
    assert_eq!(copies(&graph, "module.n.x_b.uses"), (2, true));
    assert_eq!(copies(&graph, "module.k.x_b.uses"), (3, true));
}

#[test]
fn all_in_a_module_waits_for_the_expansion_of_its_call() {
    let code = Code::new(&[
        (
            "main.tf",
            r#"
            resource "x_a" "a" {}
            resource "x_a" "b" {}
            module "m" {
              source     = "./child"
              for_each   = x_a.a.set
              in         = each.value
              other      = 1
              depends_on = [x_a.b]
            }
            "#,
        ),
        ("child/main.tf", CHILD),
    ]);
    let graph = code.graph("");
    assert_eq!(waits(&graph, "module.m.x_b.free"), ["x_a.a", "x_a.b"]);
    assert_eq!(copies(&graph, "module.m.x_b.free"), (1, false), "the code does not tell");
}

#[test]
fn a_provider_configuration_is_handed_down_to_modules() {
    let code = Code::new(&[
        (
            "main.tf",
            r#"
            resource "z_a" "cluster" {}
            resource "z_a" "edge" {}
            provider "x" { host = z_a.cluster.host }
            provider "x" {
              alias = "edge"
              host  = z_a.edge.host
            }
            module "plain" { source = "./child" }
            module "mapped" {
              source    = "./child"
              providers = { x = x.edge, x.other = x }
            }
            "#,
        ),
        (
            "child/main.tf",
            r#"
            resource "x_a" "default" {}
            resource "x_a" "other" { provider = x.other }
            "#,
        ),
    ]);
    let graph = code.graph("");
    assert_eq!(waits(&graph, "module.plain.x_a.default"), ["z_a.cluster"]);
    assert_eq!(waits(&graph, "module.mapped.x_a.default"), ["z_a.edge"]);
    assert_eq!(waits(&graph, "module.mapped.x_a.other"), ["z_a.cluster"]);
}

#[test]
fn modules_that_are_elsewhere_are_opaque_and_keep_their_place() {
    let code = Code::new(&[(
        "main.tf",
        r#"
        resource "x_a" "before" {}
        module "eks" {
          source  = "terraform-aws-modules/eks/aws"
          version = "20.0.0"
          vpc     = x_a.before.id
        }
        module "gone" { source = "./gone" }
        resource "x_a" "after" { a = module.eks.cluster_name }
        "#,
    )]);
    let graph = code.graph("");
    assert_eq!(waits(&graph, "x_a.after"), ["module.eks"]);
    assert_eq!(waits(&graph, "module.eks"), ["x_a.before"]);
    let opaque = |address: &str| graph.nodes()[graph.find(address).unwrap()].role.clone();
    let source = "terraform-aws-modules/eks/aws".to_owned();
    assert_eq!(opaque("module.eks"), Role::Opaque { source });
    assert_eq!(opaque("module.gone"), Role::Opaque { source: "./gone".to_owned() });
}

#[test]
fn circles_end() {
    let code = Code::new(&[
        (
            "main.tf",
            r#"
            locals {
              a = local.b
              b = local.a
            }
            resource "x_a" "one" { a = [x_a.two.id, local.a, x_a.one.id] }
            resource "x_a" "two" { a = x_a.one.id }
            module "self" { source = "./self" }
            "#,
        ),
        (
            "self/main.tf",
            "module \"again\" {\n  source = \"../self\"\n}\nresource \"x_a\" \"in\" {}\n",
        ),
    ]);
    let graph = code.graph("");
    assert!(graph.loops() >= 1);
    assert!(graph.find("module.self.x_a.in").is_some());
    let again = graph.find("module.self.module.again").unwrap();
    assert_eq!(graph.nodes()[again].role, Role::Opaque { source: "../self".to_owned() });
    for (index, node) in graph.nodes().iter().enumerate() {
        assert!(node.needs.iter().all(|need| *need < index), "{}", node.address);
    }
}

#[test]
fn numbers_of_instances_multiply_through_modules() {
    let code = Code::new(&[
        (
            "main.tf",
            r#"
            variable "n" {}
            module "m" {
              source = "./child"
              count  = 3
            }
            resource "x_a" "none" { count = 0 }
            resource "x_a" "one" {}
            resource "x_a" "unknown" { count = var.n }
            "#,
        ),
        ("child/main.tf", "resource \"x_a\" \"in\" {\n  for_each = { a = 1, b = 2 }\n}\n"),
    ]);
    let graph = code.graph("");
    assert_eq!(copies(&graph, "module.m.x_a.in"), (6, true));
    assert_eq!(copies(&graph, "x_a.none"), (0, true));
    assert_eq!(copies(&graph, "x_a.one"), (1, true));
    assert_eq!(copies(&graph, "x_a.unknown"), (1, false));
}

#[test]
fn edges_grow_with_the_code_and_not_with_its_square() {
    let mut main = "module \"m\" {\n  source = \"./child\"\n}\n".to_owned();
    let mut child = String::new();
    for n in 0..1_000 {
        main += &format!("resource \"x_a\" \"r{n}\" {{\n  depends_on = [module.m]\n}}\n");
        child += &format!("resource \"x_b\" \"r{n}\" {{}}\n");
    }
    let code = Code::new(&[("main.tf", &main), ("child/main.tf", &child)]);
    let graph = code.graph("");
    let edges: usize = graph.nodes().iter().map(|node| node.needs.len()).sum();
    assert!(edges < 5_000, "{edges}");
}
