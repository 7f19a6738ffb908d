//! The module registry protocol, from the registry's side.

use super::{
    address::Address,
    copy::copy,
    error::ModulesError,
    shelf::{Shelf, Stock},
    version::Version,
    wanted::Wanted,
};
use crate::model::chain;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
};
use serde_json::json;
use std::{
    fmt::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

/// Where the modules are.
pub(super) const PREFIX: &str = "/v1/modules/";

type Answer = Response<Full<Bytes>>;

/// A module that Terraform asked for and did not get.
///
/// Terraform tells its user that the registry does not have it, and not where it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The module, as `namespace/name/provider`.
    pub module: String,
    /// The whole error chain, outermost first.
    pub cause: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What all requests share.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) shelf: Shelf,
    pub(super) wanted: Wanted,
    /// Where the copies are made.
    pub(super) copies: PathBuf,
    /// How many were.
    pub(super) made: AtomicU32,
    pub(super) missing: Mutex<Vec<Missing>>,
}

/// What Terraform asks about a module.
enum Asked {
    Versions,
    Download(Version),
}

/// Answers one request.
pub(super) async fn answer(served: Arc<Served>, request: Request<Incoming>) -> Answer {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "modules can only be read");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let Some((address, asked)) = read_path(request.uri().path()) else {
        return text(StatusCode::NOT_FOUND, "modules are at /v1/modules/NAMESPACE/NAME/PROVIDER");
    };
    let (worker, module) = (Arc::clone(&served), address.clone());
    // Reading the folder may take a while.
    let done = tokio::task::spawn_blocking(move || match asked {
        Asked::Versions => worker.versions(&module),
        Asked::Download(version) => worker.download(&module, &version),
    });
    match done.await.map_err(|source| ModulesError::Worker { source }).flatten() {
        Ok(answer) => answer,
        Err(error) => served.refuse(&address, &error),
    }
}

/// Understands `NAMESPACE/NAME/PROVIDER/versions` and `NAMESPACE/NAME/PROVIDER/VERSION/download`.
fn read_path(path: &str) -> Option<(Address, Asked)> {
    let parts: Vec<&str> = path.strip_prefix(PREFIX)?.split('/').collect();
    match parts[..] {
        [namespace, name, provider, "versions"] => {
            Some((Address::new(namespace, name, provider)?, Asked::Versions))
        }
        [namespace, name, provider, version, "download"] => Some((
            Address::new(namespace, name, provider)?,
            Asked::Download(Version::parse(version)?),
        )),
        _ => None,
    }
}

impl Served {
    fn versions(&self, address: &Address) -> Result<Answer, ModulesError> {
        let offered = match self.shelf.find(address)? {
            Stock::Versions(versions) => versions.into_keys().collect(),
            Stock::Any(_) => self.wanted.versions(address),
        };
        let versions: Vec<_> =
            offered.iter().map(|version| json!({ "version": version.to_string() })).collect();
        let body = json!({ "modules": [{ "versions": versions }] }).to_string();
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(answer)
    }

    /// Copies the package and says where the copy is.
    fn download(&self, address: &Address, version: &Version) -> Result<Answer, ModulesError> {
        let module = address.to_string();
        let stock = self.shelf.find(address)?;
        let package = stock.package(version).ok_or_else(|| ModulesError::NoVersion {
            module: module.clone(),
            version: version.to_string(),
        })?;
        // Two runs of `terraform init` never share one: both may write into theirs.
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", address.namespace, address.repository());
        let to = self.copies.join(name);
        copy(&module, package, &to)?;
        let mut answer = text(StatusCode::NO_CONTENT, "");
        let place = HeaderValue::from_str(&file_url(&to)).expect("a URL is plain ASCII");
        answer.headers_mut().insert("x-terraform-get", place);
        Ok(answer)
    }

    /// Remembers what is missing, and says so.
    fn refuse(&self, address: &Address, error: &ModulesError) -> Answer {
        let (module, cause) = (address.to_string(), chain(error));
        let status = match error {
            ModulesError::Read { .. }
            | ModulesError::Write { .. }
            | ModulesError::Worker { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::NOT_FOUND,
        };
        let answer = text(status, &cause.join(": "));
        let missing = Missing { module, cause, hint: error.hint() };
        tracing::debug!(?missing, "a module was not served");
        let mut all = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        // Every stack asks again.
        if !all.contains(&missing) {
            all.push(missing);
        }
        answer
    }
}

/// Returns the URL of a file, with just those characters escaped that Go's `net/url` escapes in a
/// path. Terraform's downloader takes any other escape for part of the name.
fn file_url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

fn text(status: StatusCode, body: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_owned())));
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_versions_are_understood() {
        assert!(read_path("/v1/modules/a/b-2/c_3/versions").is_some());
        assert!(read_path("/v1/modules/a/b/c/1.2.3/download").is_some());
        for path in [
            "/v1/modules/a/b/versions",
            "/v1/modules/a/../c/versions",
            "/v1/modules/a/%2e%2e/c/versions",
            "/v1/modules/a//c/versions",
            "/v1/modules/a/b/c/../download",
            "/v1/modules/a/b/c/1.2.3",
            "/v2/modules/a/b/c/versions",
        ] {
            assert!(read_path(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_path_is_escaped_as_go_does_it() {
        assert_eq!(
            file_url(Path::new("/a b/(1)+%/ü?#.~x:y")),
            "file:///a%20b/%281%29+%25/%C3%BC%3F%23.~x:y"
        );
    }
}
