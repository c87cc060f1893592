//! SSO connectors: the claim of an account to an e-mail domain, proved by a TXT record (section 7).
//!
//! ```text
//! create(begin_verification: false) -> awaiting ──begin──> pending ──record found──> verified
//!                                                             │  ^
//!                                                    48 hours │  │ begin
//!                                                             v  │
//!                                                            failed
//! ```

use crate::account_state::AccountState;
use crate::change::{Change, Document, DocumentId};
use crate::ids::{Id, SsoConnectorId};
use crate::names;
use crate::problem::{FaultKind, Faults, Problem};
use crate::rules::Environment;
use crate::time::Timestamp;

/// How long a verification looks for the record: 48 hours, in seconds.
pub const VERIFICATION_WINDOW_SECONDS: i64 = 48 * 3600;

/// What the TXT record starts with.
pub const RECORD_PREFIX: &str = "cloudflare_dashboard_sso=";

/// The claim of an account to an e-mail domain.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SsoConnector {
    /// Its id.
    pub id: SsoConnectorId,
    /// Lower-case A-labels; never changes (D60).
    pub email_domain: Box<str>,
    /// Whether sign-in of the domain goes through the identity provider.
    pub enabled: bool,
    /// Which text the sign-in page shows.
    pub use_fedramp_language: bool,
    /// The secret part of the record: 32 hex digits, for life (D59).
    pub code: Id,
    /// How far the proof has come.
    pub verification: Verification,
    /// The weekly check missed the record twice: may not be enabled again until it is proved anew (D64).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
    /// When it was made.
    pub created_on: Timestamp,
    /// When it last changed.
    pub updated_on: Timestamp,
}

/// How far the proof of a domain has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Not asked for yet.
    Awaiting,
    /// The record is looked for.
    Pending {
        /// Until then.
        deadline: Timestamp,
    },
    /// The record was not found in time.
    Failed,
    /// The record was found. Never undone (D64).
    Verified {
        /// When.
        since: Timestamp,
    },
}

impl Verification {
    /// The word on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verification::Awaiting => "awaiting",
            Verification::Pending { .. } => "pending",
            Verification::Failed => "failed",
            Verification::Verified { .. } => "verified",
        }
    }
}

impl SsoConnector {
    /// The whole string that the TXT record must hold.
    pub fn record(&self) -> String {
        format!("{RECORD_PREFIX}{}", self.code)
    }
}

/// A connector to make.
#[derive(Clone, Debug)]
pub struct NewSsoConnector {
    /// The domain, in any case, with or without a final dot.
    pub email_domain: String,
    /// Look for the record at once; true where the client does not say.
    pub begin_verification: bool,
    /// Which text the sign-in page shows.
    pub use_fedramp_language: bool,
    /// Asked for by Terraform; `true` is refused, as a new connector is not verified.
    pub enabled: bool,
}

/// Makes a connector, awaiting or pending.
///
/// # Errors
/// Faults of the domain (D60); taken in this account (1003); the quota.
pub fn create(
    state: &AccountState,
    environment: &Environment<'_>,
    new: &NewSsoConnector,
    id: SsoConnectorId,
) -> Result<(Vec<Change>, SsoConnectorId), Problem> {
    let mut faults = Faults::new();
    let domain = faults.take(names::email_domain(&new.email_domain, "/email_domain"));
    if let Some(domain) = &domain {
        if environment.rules.blocked_sso_domains.iter().any(|blocked| **blocked == **domain) {
            faults.push(
                FaultKind::Invalid,
                "/email_domain",
                format!("email_domain `{domain}` belongs to a mail provider and cannot have a connector"),
            );
        }
        if state.sso_connectors().any(|connector| connector.email_domain == *domain) {
            faults.push(FaultKind::Name, "/email_domain", format!("email_domain `{domain}` has a connector already"));
        }
    }
    if new.enabled {
        faults.push(
            FaultKind::Invalid,
            "/enabled",
            "a new connector cannot be enabled: its domain is not verified yet",
        );
    }
    faults.finish()?;
    let most = environment.rules.limits.sso_connectors;
    if state.sso_connectors().count() >= most {
        return Err(Problem::new(FaultKind::Quota, format!("an account has at most {most} SSO connectors")));
    }
    let now = environment.now;
    let connector = SsoConnector {
        id,
        email_domain: domain.unwrap_or_default(),
        enabled: false,
        use_fedramp_language: new.use_fedramp_language,
        code: environment.next_id(),
        verification: if new.begin_verification { pending(now) } else { Verification::Awaiting },
        lapsed: false,
        created_on: now,
        updated_on: now,
    };
    Ok((vec![Change::put(Document::SsoConnector(connector.into()))], id))
}

fn pending(now: Timestamp) -> Verification {
    Verification::Pending { deadline: now.plus_seconds(VERIFICATION_WINDOW_SECONDS) }
}

/// Switches a connector, or its text; what is absent stays.
///
/// # Errors
/// Unknown connector; enabling without what D61 asks for, with every reason.
pub fn update(
    state: &AccountState,
    environment: &Environment<'_>,
    id: SsoConnectorId,
    enabled: Option<bool>,
    use_fedramp_language: Option<bool>,
) -> Result<(Vec<Change>, SsoConnectorId), Problem> {
    let connector = get(state, id)?;
    if enabled == Some(true) && !connector.enabled {
        enabling(environment, connector)?;
    }
    let next = SsoConnector {
        enabled: enabled.unwrap_or(connector.enabled),
        use_fedramp_language: use_fedramp_language.unwrap_or(connector.use_fedramp_language),
        ..connector.clone()
    };
    Ok((changed(environment, connector, next), id))
}

/// D61. No identity provider can be bound yet, so this always refuses, and says all that is missing.
fn enabling(environment: &Environment<'_>, connector: &SsoConnector) -> Result<(), Problem> {
    let mut faults = Faults::new();
    let domain = &connector.email_domain;
    let mut refuse = |message: String| faults.push(FaultKind::Invalid, "/enabled", message);
    match connector.verification {
        Verification::Verified { .. } if connector.lapsed => {
            refuse(format!(
                "domain `{domain}` must be verified anew: its TXT record was missing at the last two checks"
            ));
        }
        Verification::Verified { .. } => {}
        other => refuse(format!(
            "domain `{domain}` must be verified before the connector is enabled; its verification is {}",
            other.as_str()
        )),
    }
    let suffix = environment.rules.approval_sso_suffixes.iter().find(|suffix| domain.ends_with(&format!(".{suffix}")));
    if let Some(suffix) = suffix {
        refuse(format!("connectors of `.{suffix}` domains need the operator's approval"));
    }
    refuse("an identity provider must be bound and tested for the account before a connector is enabled, and none can be bound yet".to_owned());
    faults.finish()
}

/// Starts the search for the record (section 7). Changes nothing where it is pending or verified: a further look is a
/// matter of the search, not of the connector.
///
/// # Errors
/// Unknown connector.
pub fn begin_verification(
    state: &AccountState,
    environment: &Environment<'_>,
    id: SsoConnectorId,
) -> Result<(Vec<Change>, SsoConnectorId), Problem> {
    let connector = get(state, id)?;
    let next = match connector.verification {
        Verification::Awaiting | Verification::Failed => {
            SsoConnector { verification: pending(environment.now), ..connector.clone() }
        }
        Verification::Pending { .. } | Verification::Verified { .. } => connector.clone(),
    };
    Ok((changed(environment, connector, next), id))
}

/// What a look-up of the record found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The record is there.
    Found,
    /// It is not, or nobody answered.
    Missing,
    /// The weekly check missed it twice (D64).
    MissingTwice,
}

/// Notes what a look-up found. A connector that is gone meanwhile is left alone.
pub fn note(state: &AccountState, environment: &Environment<'_>, id: SsoConnectorId, finding: Finding) -> Vec<Change> {
    let Some(connector) = state.sso_connector(&id) else { return vec![] };
    let now = environment.now;
    let mut next = connector.clone();
    match (connector.verification, finding) {
        (Verification::Pending { .. }, Finding::Found) => next.verification = Verification::Verified { since: now },
        (Verification::Pending { deadline }, Finding::Missing | Finding::MissingTwice) if now >= deadline => {
            next.verification = Verification::Failed;
        }
        (Verification::Verified { .. }, Finding::Found) => next.lapsed = false,
        (Verification::Verified { .. }, Finding::MissingTwice) => next.lapsed = true,
        (
            Verification::Awaiting
            | Verification::Failed
            | Verification::Verified { .. }
            | Verification::Pending { .. },
            Finding::Found | Finding::Missing | Finding::MissingTwice,
        ) => {}
    }
    changed(environment, connector, next)
}

fn changed(environment: &Environment<'_>, before: &SsoConnector, after: SsoConnector) -> Vec<Change> {
    if after == *before {
        return vec![];
    }
    vec![Change::put(Document::SsoConnector(SsoConnector { updated_on: environment.now, ..after }.into()))]
}

/// Removes a disabled connector.
///
/// # Errors
/// Unknown; still enabled (D65).
pub fn delete(state: &AccountState, id: SsoConnectorId) -> Result<(Vec<Change>, SsoConnectorId), Problem> {
    if get(state, id)?.enabled {
        return Err(Problem::new(
            FaultKind::InUse,
            format!("SSO connector `{id}` is enabled; disable it before deleting it"),
        ));
    }
    Ok((vec![Change::Delete(DocumentId::SsoConnector(id))], id))
}

/// The connector of that id.
///
/// # Errors
/// [`FaultKind::NotFound`].
pub fn get(state: &AccountState, id: SsoConnectorId) -> Result<&SsoConnector, Problem> {
    state.sso_connector(&id).ok_or_else(|| Problem::not_found("SSO connector", id))
}

/// Whether this account has proved that the domain is its own (D31). Subdomains are not implied (D60).
pub fn is_domain_verified(state: &AccountState, domain: &str) -> bool {
    let Ok(domain) = idna::domain_to_ascii_strict(domain) else { return false };
    state.sso_connectors().any(|connector| {
        *connector.email_domain == *domain && matches!(connector.verification, Verification::Verified { .. })
    })
}
