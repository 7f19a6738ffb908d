//! Instances of EC2.

use super::{
    fleet::{Fleet, FleetError, Member},
    tool::{Tool, key_and_value, text},
};
use async_trait::async_trait;
use serde_json::{Value, json};

/// Instances with a tag, in a region.
///
/// One is healthy when it is `running`; what its status checks or a load balancer say of it is not
/// asked. Instances that were stopped by somebody, and those that are gone, are no members.
pub struct Aws {
    tool: Tool,
    key: String,
    value: String,
    region: String,
}

impl Aws {
    /// Takes the instances with the tag `key=value`.
    ///
    /// # Errors
    ///
    /// [`FleetError`], when the tag is none or nothing can be kept.
    pub fn new(tag: &str, region: &str) -> Result<Self, FleetError> {
        let (key, value) = key_and_value("tag", tag)?;
        let install = "Install the AWS command line: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html";
        // No pager waits for a key, and no setting of the user's changes the form of an answer.
        let tool = Tool::new("aws", install, &[("AWS_PAGER", ""), ("AWS_DEFAULT_OUTPUT", "json")])?;
        Ok(Self { tool, key: key.to_owned(), value: value.to_owned(), region: region.to_owned() })
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        ["ec2"]
            .iter()
            .chain(args)
            .chain(&["--region", &self.region, "--output", "json"])
            .copied()
            .collect()
    }
}

#[async_trait]
impl Fleet for Aws {
    async fn members(&self) -> Result<Vec<Member>, FleetError> {
        let filter =
            json!([{ "Name": format!("tag:{}", self.key), "Values": [self.value] }]).to_string();
        let args = self.args(&["describe-instances", "--filters", &filter]);
        let answer = self.tool.json(&args).await?;
        let Some(reservations) = answer.get("Reservations").and_then(Value::as_array) else {
            return Err(self.tool.unreadable(&args, "no list of instances"));
        };
        let instances =
            reservations.iter().filter_map(|r| r.get("Instances")?.as_array()).flatten();
        let mut members: Vec<Member> =
            // A filter takes `*` for anything, a runbook does not.
            instances.filter(|instance| has_tag(instance, &self.key, &self.value)).filter_map(member).collect();
        members.sort();
        Ok(members)
    }

    async fn kill(&self, victim: &Member) -> Result<(), FleetError> {
        let args = self.args(&["terminate-instances", "--instance-ids", &victim.id]);
        self.tool.json(&args).await.map(drop)
    }
}

fn has_tag(instance: &Value, key: &str, value: &str) -> bool {
    let tags = instance.get("Tags").and_then(Value::as_array);
    tags.into_iter().flatten().any(|tag| text(tag, "/Key") == key && text(tag, "/Value") == value)
}

fn member(instance: &Value) -> Option<Member> {
    let (id, state) = (text(instance, "/InstanceId"), text(instance, "/State/Name"));
    if matches!(state, "terminated" | "stopped" | "stopping") {
        return None;
    }
    Some(Member {
        name: id.to_owned(),
        id: id.to_owned(),
        start: format!("{id} {}", text(instance, "/LaunchTime")),
        healthy: state == "running" && !id.is_empty(),
        state: state.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_healthy_while_it_runs_and_a_member_until_it_is_gone() {
        let said: Vec<String> =
            ["pending", "running", "shutting-down", "terminated", "stopping", "stopped"]
                .iter()
                .map(|state| {
                    match member(&json!({"InstanceId": "i-1", "State": {"Name": state}})) {
                        Some(member) => format!("{state}: {}", member.healthy),
                        None => format!("{state}: no member"),
                    }
                })
                .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        pending: false
        running: true
        shutting-down: false
        terminated: no member
        stopping: no member
        stopped: no member
        ");
    }

    #[test]
    fn a_star_in_a_tag_is_a_star() {
        let instance = json!({"Tags": [{"Key": "app", "Value": "web"}]});
        assert!(has_tag(&instance, "app", "web"));
        assert!(!has_tag(&instance, "app", "*") && !has_tag(&json!({}), "app", "web"));
    }
}
