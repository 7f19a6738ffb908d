//! Every way in which a step on a cluster fails, besides those of its programs.

/// Every way in which a step on a cluster fails, besides those of its programs.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// What should be the certificate of an authority is none.
    #[error(
        "the `ca` of the cluster `{cluster}` is neither a certificate in PEM nor base64 of one"
    )]
    NoCertificate {
        /// The cluster's name in the runbook.
        cluster: String,
    },
}

impl KubernetesError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCertificate { cluster } => Some(format!(
                "Give `cluster \"{cluster}\"` the certificate as the stack puts it out, or the text of its file"
            )),
        }
    }
}
