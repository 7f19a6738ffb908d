//! A failure in the words of the real cloud: its code, its HTTP status, its message.
//!
//! Codes and statuses are those that the clouds document for their interfaces;
//! where a type is not in a table, its cloud's most common one stands for it.

use crate::sim::{
    call::Operation,
    fault::{Failure, Fault},
    holdings::is_like,
    scenario::OutageMode,
};

/// How the real cloud would say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The error's code, such as `BucketAlreadyExists`.
    pub code: String,
    /// The HTTP status; none when there was no answer.
    pub status: Option<u16>,
    /// The whole message, as a provider would show it.
    pub message: String,
}

/// What a cloud says before it is put into its provider's form.
struct Said {
    code: &'static str,
    status: u16,
    text: String,
}

fn said(code: &'static str, status: u16, text: impl Into<String>) -> Said {
    Said { code, status, text: text.into() }
}

/// Types of AWS, what a name that is taken is called there, and the status.
const AWS_TAKEN: &[(&str, &str, u16)] = &[
    ("aws_s3_bucket", "BucketAlreadyExists", 409),
    ("aws_iam_*", "EntityAlreadyExists", 409),
    ("aws_db_instance", "DBInstanceAlreadyExists", 400),
    ("aws_db_subnet_group", "DBSubnetGroupAlreadyExists", 400),
    ("aws_db_parameter_group", "DBParameterGroupAlreadyExists", 400),
    ("aws_rds_cluster", "DBClusterAlreadyExistsFault", 400),
    ("aws_lb", "DuplicateLoadBalancerName", 400),
    ("aws_lb_target_group", "DuplicateTargetGroupName", 400),
    ("aws_security_group", "InvalidGroup.Duplicate", 400),
    ("aws_key_pair", "InvalidKeyPair.Duplicate", 400),
    ("aws_launch_template", "InvalidLaunchTemplateName.AlreadyExistsException", 400),
    ("aws_autoscaling_group", "AlreadyExists", 400),
    ("aws_cloudwatch_log_group", "ResourceAlreadyExistsException", 400),
    ("aws_dynamodb_table", "ResourceInUseException", 400),
    ("aws_eks_cluster", "ResourceInUseException", 409),
    ("aws_lambda_function", "ResourceConflictException", 409),
    ("aws_secretsmanager_secret", "ResourceExistsException", 400),
    ("aws_ecr_repository", "RepositoryAlreadyExistsException", 400),
    ("aws_kms_alias", "AlreadyExistsException", 400),
];

/// Types of AWS, what a quota that is used up is called there, and the status.
const AWS_QUOTA: &[(&str, &str, u16)] = &[
    ("aws_vpc", "VpcLimitExceeded", 400),
    ("aws_eip", "AddressLimitExceeded", 400),
    ("aws_nat_gateway", "NatGatewayLimitExceeded", 400),
    ("aws_instance", "VcpuLimitExceeded", 400),
    ("aws_db_instance", "InstanceQuotaExceeded", 400),
    ("aws_lb", "TooManyLoadBalancers", 400),
    ("aws_s3_bucket", "TooManyBuckets", 400),
    ("aws_iam_*", "LimitExceeded", 409),
];

/// Types of AWS, what a missing object is called there, and the status.
const AWS_MISSING: &[(&str, &str, u16)] = &[
    ("aws_s3_bucket", "NoSuchBucket", 404),
    ("aws_iam_*", "NoSuchEntity", 404),
    ("aws_instance", "InvalidInstanceID.NotFound", 400),
    ("aws_vpc", "InvalidVpcID.NotFound", 400),
    ("aws_subnet", "InvalidSubnetID.NotFound", 400),
    ("aws_security_group", "InvalidGroup.NotFound", 400),
    ("aws_db_instance", "DBInstanceNotFound", 404),
    ("aws_lb", "LoadBalancerNotFound", 400),
];

/// Types of Azure, and what a name that is taken everywhere is called there.
const AZURE_TAKEN: &[(&str, &str, u16)] = &[
    ("azurerm_storage_account", "StorageAccountAlreadyTaken", 409),
    ("azurerm_key_vault", "VaultAlreadyExists", 409),
    ("azurerm_mssql_server", "NameAlreadyExists", 409),
    ("azurerm_postgresql_flexible_server", "ServerNameAlreadyExists", 409),
    ("azurerm_redis_cache", "NameNotAvailable", 400),
];

fn lookup(
    table: &'static [(&str, &str, u16)],
    kind: &str,
    otherwise: (&'static str, u16),
) -> (&'static str, u16) {
    let found = table.iter().find(|(pattern, _, _)| is_like(kind, pattern));
    found.map_or(otherwise, |(_, code, status)| (*code, *status))
}

impl Failure {
    /// Says it as the real cloud would.
    pub fn words(&self) -> Words {
        if let Some(words) = self.silence() {
            return words;
        }
        if self.kind.starts_with("google_") {
            let Said { code, status, text } = self.google();
            let message = format!("googleapi: Error {status}: {text}, {code}");
            return Words { code: code.to_owned(), status: Some(status), message };
        }
        if self.kind.starts_with("azurerm_") {
            let Said { code, status, text } = self.azure();
            let message = format!("unexpected status {status} with error: {code}: {text}");
            return Words { code: code.to_owned(), status: Some(status), message };
        }
        let Said { code, status, text } = self.aws();
        let service = service(&self.kind);
        let verb = verb(self.operation);
        let message = format!(
            "operation error {service}: {verb}, https response error StatusCode: {status}, api error {code}: {text}"
        );
        Words { code: code.to_owned(), status: Some(status), message }
    }

    /// What is said when nobody answers.
    fn silence(&self) -> Option<Words> {
        let Fault::Unavailable { mode, .. } = &self.fault else { return None };
        let host = self.host();
        let (code, why) = match mode {
            OutageMode::Refused => {
                ("ConnectionRefused", format!("dial tcp: lookup {host}: no such host"))
            }
            OutageMode::Hanging => {
                let why = format!("dial tcp: {host}:443: i/o timeout: context deadline exceeded");
                ("RequestTimeout", why)
            }
            OutageMode::Unavailable | OutageMode::LostData => return None,
        };
        let message = format!("request send failed, https://{host}/: {why}");
        Some(Words { code: code.to_owned(), status: None, message })
    }

    fn host(&self) -> String {
        let service = service(&self.kind).to_lowercase();
        let dot = if self.endpoint.is_empty() { "" } else { "." };
        match self.kind.split('_').next() {
            Some("google") => format!("{service}.googleapis.com"),
            Some("azurerm") => "management.azure.com".to_owned(),
            _ => format!("{service}{dot}{}.amazonaws.com", self.endpoint),
        }
    }

    fn aws(&self) -> Said {
        match &self.fault {
            Fault::Unavailable { .. } => {
                said("ServiceUnavailable", 503, "Service is unable to handle request.")
            }
            Fault::Throttled { .. } => said("Throttling", 400, "Rate exceeded"),
            Fault::QuotaExceeded { limit, .. } => {
                let (code, status) = lookup(AWS_QUOTA, &self.kind, ("LimitExceededException", 400));
                let text = format!("The maximum number of {limit} has been reached.");
                said(code, status, text)
            }
            Fault::NameTaken { name, ours, .. } if self.kind == "aws_s3_bucket" => {
                let (code, whose) = match ours {
                    true => ("BucketAlreadyOwnedByYou", "you already own it"),
                    false => ("BucketAlreadyExists", "the namespace is shared by all users"),
                };
                said(code, 409, format!("The bucket name {name} is not available: {whose}."))
            }
            Fault::NameTaken { name, .. } | Fault::IdTaken { id: name } => {
                let (code, status) = lookup(AWS_TAKEN, &self.kind, ("AlreadyExistsException", 409));
                said(code, status, format!("{name} already exists."))
            }
            Fault::NameQuarantined { name, .. } if self.kind == "aws_secretsmanager_secret" => {
                let text =
                    format!("A secret with the name {name} is already scheduled for deletion.");
                said("InvalidRequestException", 400, text)
            }
            Fault::NameQuarantined { name, .. } => {
                let text = format!("{name} is being deleted; try again later.");
                said("OperationAborted", 409, text)
            }
            Fault::Injected { message } => said("InternalFailure", 500, message),
            Fault::NotFound { id } => {
                let (code, status) =
                    lookup(AWS_MISSING, &self.kind, ("ResourceNotFoundException", 404));
                said(code, status, format!("{id} does not exist."))
            }
        }
    }

    fn google(&self) -> Said {
        match &self.fault {
            Fault::Unavailable { .. } => {
                said("backendError", 503, "The service is currently unavailable.")
            }
            Fault::Throttled { .. } => {
                said("rateLimitExceeded", 429, "Quota exceeded for requests per minute.")
            }
            Fault::QuotaExceeded { limit, region } => {
                let metric = self.kind.trim_start_matches("google_").to_uppercase();
                let within = if region.is_empty() {
                    "globally".to_owned()
                } else {
                    format!("in region {region}")
                };
                said(
                    "quotaExceeded",
                    403,
                    format!("Quota '{metric}' exceeded. Limit: {limit} {within}."),
                )
            }
            Fault::NameTaken { name, .. } | Fault::IdTaken { id: name } => {
                said("alreadyExists", 409, format!("The resource '{name}' already exists"))
            }
            Fault::NameQuarantined { name, .. } if self.kind == "google_sql_database_instance" => {
                let text = format!(
                    "The Cloud SQL instance name '{name}' was used recently and cannot be reused yet."
                );
                said("instanceAlreadyExists", 409, text)
            }
            Fault::NameQuarantined { name, .. } => {
                said("alreadyExists", 409, format!("The resource '{name}' is soft-deleted"))
            }
            Fault::Injected { message } => said("internalError", 500, message),
            Fault::NotFound { id } => {
                said("notFound", 404, format!("The resource '{id}' was not found"))
            }
        }
    }

    fn azure(&self) -> Said {
        match &self.fault {
            Fault::Unavailable { .. } => {
                said("ServiceUnavailable", 503, "The service is unavailable.")
            }
            Fault::Throttled { .. } => said(
                "TooManyRequests",
                429,
                "The request is being throttled as the limit has been reached.",
            ),
            Fault::QuotaExceeded { limit, region } => {
                let text = format!(
                    "Operation could not be completed as it results in exceeding the approved quota of {limit} in location {region}."
                );
                said("OperationNotAllowed", 409, text)
            }
            Fault::NameTaken { name, .. } | Fault::IdTaken { id: name } => {
                let (code, status) = lookup(AZURE_TAKEN, &self.kind, ("Conflict", 409));
                said(code, status, format!("The name {name} is already taken."))
            }
            Fault::NameQuarantined { name, .. } => {
                let text =
                    format!("A resource with the name {name} already exists in deleted state.");
                said("ConflictError", 409, text)
            }
            Fault::Injected { message } => said("InternalServerError", 500, message),
            Fault::NotFound { id } => {
                said("ResourceNotFound", 404, format!("The resource {id} was not found."))
            }
        }
    }
}

/// The service that a type belongs to, as far as its name tells.
fn service(kind: &str) -> &str {
    const EC2: [&str; 11] = [
        "aws_instance",
        "aws_vpc*",
        "aws_subnet",
        "aws_security_group*",
        "aws_eip",
        "aws_nat_gateway",
        "aws_internet_gateway",
        "aws_route",
        "aws_route_table*",
        "aws_launch_template",
        "aws_key_pair",
    ];
    if EC2.iter().any(|pattern| is_like(kind, pattern)) {
        return "EC2";
    }
    match kind.split('_').nth(1).unwrap_or(kind) {
        "s3" => "S3",
        "iam" => "IAM",
        "db" | "rds" => "RDS",
        "lb" => "ElasticLoadBalancing",
        "dynamodb" => "DynamoDB",
        "eks" => "EKS",
        other => other,
    }
}

fn verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "Create",
        Operation::Read => "Describe",
        Operation::Update => "Modify",
        Operation::Delete => "Delete",
    }
}
