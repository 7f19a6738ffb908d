//! What in a plan must not be shown.

use super::Plan;
use crate::model::secrets::Secrets;

impl Plan {
    /// Returns the values that are sensitive: those of the root module's variables that say so, and what
    /// of the planned values Terraform marks.
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        let declared = &self.configuration["root_module"]["variables"];
        for (name, value) in &self.variables {
            if declared[name]["sensitive"] == true {
                secrets.learn(value.expose());
            }
        }
        for planned in &self.planned {
            secrets.learn_marked(planned.values.expose(), &planned.sensitive_values);
        }
        secrets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_planned_values_are_secret_where_terraform_says_so() {
        let plan = br#"{"format_version": "1.2", "variables": {
            "password": {"value": "hunter2"}, "size": {"value": "t3.micro"}},
            "configuration": {"root_module": {"variables": {"password": {"sensitive": true}, "size": {}}}},
            "planned_values": {"root_module": {"resources": [{"address": "a.b", "mode": "managed", "type": "a",
            "values": {"token": "correct horse", "name": "storefront"}, "sensitive_values": {"token": true}}]}}}"#;
        let secrets = Plan::read(plan).unwrap().secrets();
        let shown = secrets.hide("hunter2 t3.micro correct horse storefront");
        assert_eq!(shown, "(sensitive) t3.micro (sensitive) storefront");
    }
}
