//! A connection over TCP that is made and closed.

use super::{Seen, Why};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpStream, lookup_host};

/// A host and a port that must take connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpTarget {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl TcpTarget {
    pub(super) async fn ask(&self) -> Seen {
        let addresses = match lookup_host((self.host.as_str(), self.port)).await {
            Ok(addresses) => addresses,
            Err(error) => return Seen::new(Why::Resolve, error.to_string()),
        };
        let mut seen = Seen::new(Why::Resolve, format!("`{}` has no address", self.host));
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(_) => return Seen::new(Why::Ok, format!("connected to {address}")),
                Err(error) => {
                    let Seen { why, detail, .. } = Seen::of_io(&error);
                    seen = Seen::new(why, format!("{address}: {detail}"));
                }
            }
        }
        seen
    }
}
