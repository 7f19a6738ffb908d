//! Where data is kept, and how it gets into another region.

/// A type of resources that keep data in one region.
pub(crate) struct Store {
    /// The type.
    pub(crate) kind: &'static str,
    /// Arguments or blocks of its own that say that it is copied, or that it is a copy.
    pub(crate) own: &'static [&'static str],
    /// Types that copy it when they refer to it, and by which argument; by any when that is empty.
    pub(crate) copiers: &'static [(&'static str, &'static str)],
    /// Whether AWS Backup copies it to another region: "Backup feature availability" in the AWS
    /// Backup Developer Guide.
    pub(crate) backed_up: bool,
    /// What copies it, for a hint.
    pub(crate) hint: &'static str,
}

/// Every type of store, by name.
pub(crate) const STORES: &[Store] = &[
    Store {
        kind: "aws_db_instance",
        own: &["replicate_source_db"],
        copiers: &[
            ("aws_db_instance", "replicate_source_db"),
            ("aws_db_instance_automated_backups_replication", ""),
            ("aws_rds_cluster", "replication_source_identifier"),
        ],
        backed_up: true,
        hint: "`aws_db_instance_automated_backups_replication`, a replica in another region or a backup plan with a `copy_action`",
    },
    Store {
        kind: "aws_docdb_cluster",
        own: &["global_cluster_identifier"],
        copiers: &[("aws_docdb_global_cluster", "")],
        backed_up: true,
        hint: "`aws_docdb_global_cluster` or a backup plan with a `copy_action`",
    },
    Store {
        kind: "aws_dynamodb_table",
        own: &["replica"],
        copiers: &[("aws_dynamodb_global_table", ""), ("aws_dynamodb_table_replica", "")],
        backed_up: true,
        hint: "a `replica` block or a backup plan with a `copy_action`",
    },
    Store {
        kind: "aws_efs_file_system",
        own: &[],
        copiers: &[("aws_datasync_location_efs", ""), ("aws_efs_replication_configuration", "")],
        backed_up: true,
        hint: "`aws_efs_replication_configuration` or a backup plan with a `copy_action`",
    },
    Store {
        kind: "aws_elasticache_replication_group",
        own: &["global_replication_group_id"],
        copiers: &[("aws_elasticache_global_replication_group", "")],
        backed_up: false,
        hint: "`aws_elasticache_global_replication_group`",
    },
    Store {
        kind: "aws_elasticsearch_domain",
        own: &[],
        copiers: &[("aws_opensearch_outbound_connection", "")],
        backed_up: false,
        hint: "snapshots into a bucket that is replicated",
    },
    Store {
        kind: "aws_neptune_cluster",
        own: &["global_cluster_identifier", "replication_source_identifier"],
        copiers: &[("aws_neptune_global_cluster", "")],
        backed_up: true,
        hint: "`aws_neptune_global_cluster` or a backup plan with a `copy_action`",
    },
    Store {
        kind: "aws_opensearch_domain",
        own: &[],
        copiers: &[("aws_opensearch_outbound_connection", "")],
        backed_up: false,
        hint: "`aws_opensearch_outbound_connection` or snapshots into a bucket that is replicated",
    },
    Store {
        kind: "aws_rds_cluster",
        own: &["global_cluster_identifier", "replication_source_identifier"],
        copiers: &[
            ("aws_rds_cluster", "replication_source_identifier"),
            ("aws_rds_global_cluster", ""),
        ],
        backed_up: true,
        hint: "`aws_rds_global_cluster`, a replica in another region or a backup plan with a `copy_action`",
    },
    Store {
        kind: "aws_redshift_cluster",
        own: &["snapshot_copy"],
        copiers: &[("aws_redshift_snapshot_copy", "")],
        backed_up: false,
        hint: "`aws_redshift_snapshot_copy`",
    },
    Store {
        kind: "aws_s3_bucket",
        own: &["replication_configuration"],
        copiers: &[
            ("aws_datasync_location_s3", ""),
            ("aws_s3_bucket_replication_configuration", ""),
            ("aws_s3control_multi_region_access_point", ""),
        ],
        backed_up: true,
        hint: "`aws_s3_bucket_replication_configuration` with a bucket of another region",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_in_order() {
        assert!(STORES.is_sorted_by(|a, b| a.kind < b.kind));
    }
}
