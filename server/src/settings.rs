//! What the operator decides about the edge.

use ipnet::IpNet;

use crate::audit::window::Retention;
use crate::invitations::mail::Mailer;
use crate::public_url::PublicUrl;
use crate::rate_limits::Rates;
use crate::self_check::Rate;

/// Settings of the server; the rules of the model are in [`model::rules::Rules`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which generation of clients to answer for where their models differ (W1, W2).
    pub wire_shapes: WireShapes,
    /// Peers whose `X-Forwarded-For` is believed (D47).
    pub trusted_proxies: Vec<IpNet>,
    /// Failed authentications per minute and address before the address has to wait; none is no limit (D58).
    pub failure_limit: Option<u32>,
    /// How many requests are taken.
    pub rates: Rates,
    /// The share of live decisions that the oracle checks in the background.
    pub self_check: Rate,
    /// The longest span of time that one question about the audit log may ask about (D85).
    pub audit_retention: Retention,
    /// Serve the routes of a development server.
    pub dev: bool,
    /// Where clients reach the server.
    pub public_url: PublicUrl,
    /// Carries invitations; without one, their links are told to whoever invites.
    pub mailer: Option<Mailer>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            wire_shapes: WireShapes::Auto,
            trusted_proxies: Vec::new(),
            failure_limit: Some(30),
            rates: Rates::default(),
            self_check: Rate::NONE,
            audit_retention: Retention::default(),
            dev: false,
            public_url: PublicUrl::of_address(([127, 0, 0, 1], 8787).into()),
            mailer: None,
        }
    }
}

/// How to answer where the generations of clients differ (D27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WireShapes {
    /// As the client's headers say, and arrays to everyone else.
    #[default]
    Auto,
    /// Arrays to all.
    Array,
    /// Objects to all.
    Object,
}

/// The text names no choice.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` must be `auto`, `array` or `object`")]
pub struct NotAShape(String);

impl std::str::FromStr for WireShapes {
    type Err = NotAShape;
    fn from_str(text: &str) -> Result<Self, NotAShape> {
        match text {
            "auto" => Ok(WireShapes::Auto),
            "array" => Ok(WireShapes::Array),
            "object" => Ok(WireShapes::Object),
            other => Err(NotAShape(other.to_owned())),
        }
    }
}
