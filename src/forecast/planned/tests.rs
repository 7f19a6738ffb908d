use super::*;
use crate::forecast::tests::Code;
use serde_json::json;

const RECORDED: &[u8] = include_bytes!("../../../fixtures/terraform/planned/plan.json");
const MAIN: &str = include_str!("../../../fixtures/terraform/planned/main.tf");
const NET: &str = include_str!("../../../fixtures/terraform/planned/net/main.tf");

fn recorded() -> Planned {
    Planned::read(&Plan::read(RECORDED).unwrap())
}

fn planned(plan: &Value) -> Planned {
    Planned::read(&Plan::read(plan.to_string().as_bytes()).unwrap())
}

/// The resources that each resource waits for, line by line, with its number of instances.
fn lines(graph: &Graph) -> String {
    fn collect(graph: &Graph, index: usize, found: &mut BTreeSet<String>) {
        for need in &graph.nodes()[index].needs {
            match &graph.nodes()[*need].role {
                Role::Resource { .. } => {
                    found.insert(graph.nodes()[*need].address.clone());
                }
                _ => collect(graph, *need, found),
            }
        }
    }
    let mut lines = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        let Role::Resource { copies, .. } = &node.role else { continue };
        let mut waits = BTreeSet::new();
        collect(graph, index, &mut waits);
        let waits = waits.into_iter().collect::<Vec<_>>().join(", ");
        lines.push(format!("{} x{}: {waits}", node.address, copies.number));
    }
    lines.sort();
    lines.join("\n")
}

#[test]
fn a_plan_tells_instances_and_edges_also_through_modules() {
    let (graph, taken) = recorded().graph(None);
    // `db` waits for the subnets, through a local value that the plan does not tell.
    insta::assert_snapshot!(lines(&graph), @"
    module.net.terraform_data.slow x1: 
    module.net.terraform_data.subnet x2: module.net.terraform_data.vpc
    module.net.terraform_data.vpc x1: 
    terraform_data.alone x1: module.net.terraform_data.slow, module.net.terraform_data.subnet, module.net.terraform_data.vpc
    terraform_data.db x1: 
    terraform_data.web x3: module.net.terraform_data.vpc, terraform_data.db
    ");
    let expected = Taken { resources: 6, instances: 9, locals: 0, lost: 1 };
    assert_eq!(taken, expected);
}

#[test]
fn the_code_tells_what_local_values_refer_to() {
    let code = Code::new(&[("main.tf", MAIN), ("net/main.tf", NET)]);
    let (graph, taken) = recorded().graph(Some(&code.graph("")));
    assert!(
        lines(&graph).contains("terraform_data.db x1: module.net.terraform_data.subnet"),
        "{}",
        lines(&graph)
    );
    assert_eq!((taken.locals, taken.lost), (2, 0));
    // Of the code alone the graph is the same, but for the number that is in a plan only.
    let alone = lines(&code.graph(""));
    assert_eq!(lines(&graph), alone);
}

#[test]
fn a_module_that_is_elsewhere_is_seen_through_its_plan() {
    let code = Code::new(&[("main.tf", MAIN)]);
    let opaque = code.graph("");
    assert!(opaque.find("module.net.terraform_data.subnet").is_none());
    let (graph, taken) = recorded().graph(Some(&opaque));
    // Through the local value all of the module is waited for: the code does not see which output.
    assert!(
        lines(&graph).contains(
            "terraform_data.db x1: module.net.terraform_data.slow, module.net.terraform_data.subnet, module.net.terraform_data.vpc"
        ),
        "{}",
        lines(&graph)
    );
    assert_eq!((taken.resources, taken.locals, taken.lost), (6, 2, 0));
}

#[test]
fn only_what_is_made_takes_time_and_the_rest_is_counted() {
    let change = |address: &str, actions: Value| {
        json!({"address": address, "mode": "managed", "type": "x_a", "name": "a",
            "change": {"actions": actions, "before": null, "after": {}}})
    };
    let plan = planned(&json!({"format_version": "1.2", "resource_changes": [
        change("x_a.made[0]", json!(["create"])),
        change("x_a.made[1]", json!(["create"])),
        change("x_a.anew", json!(["delete", "create"])),
        change("x_a.gone", json!(["delete"])),
        change("x_a.changed", json!(["update"])),
        change("x_a.same", json!(["no-op"])),
    ]}));
    assert_eq!(plan.instances, 3);
    let others: Vec<_> = plan.others.iter().map(|(a, n)| format!("{a} {n}")).collect();
    assert_eq!(others, ["update 1", "delete 1", "replace 1"]);
    assert_eq!(lines(&plan.graph(None).0), "x_a.anew x1: \nx_a.made x2: ");
}

#[test]
fn a_sleep_takes_what_its_plan_says() {
    let plan = planned(&json!({"format_version": "1.2",
        "configuration": {"root_module": {"resources": [
            {"address": "time_sleep.a", "mode": "managed", "type": "time_sleep", "name": "a"}]}},
        "resource_changes": [{"address": "time_sleep.a", "mode": "managed", "type": "time_sleep",
            "name": "a", "change": {"actions": ["create"]}}],
        "planned_values": {"root_module": {"resources": [{"address": "time_sleep.a",
            "mode": "managed", "type": "time_sleep", "values": {"create_duration": "90s"}}]}}}));
    let (graph, _) = plan.graph(None);
    let node = &graph.nodes()[graph.find("time_sleep.a").unwrap()];
    assert!(
        matches!(node.role, Role::Resource { takes: Some(takes), .. } if takes.as_secs() == 90),
        "{node:?}"
    );
}

#[test]
fn a_configuration_of_any_shape_is_read() {
    for configuration in [
        json!(null),
        json!([]),
        json!({"root_module": 3, "provider_config": []}),
        json!({"root_module": {"resources": [{"address": 1}, null], "module_calls": {"a": null},
            "outputs": {"b": {"expression": {"references": ["", "module", "module.a", "x.y"]}}}}}),
    ] {
        let plan = planned(&json!({"format_version": "1.0", "configuration": configuration}));
        assert_eq!(plan.graph(None).1.resources, 0);
    }
}
