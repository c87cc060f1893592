//! Sends invitations that are due. What is to be sent is a lease, written with the commit that invites; so a mail is neither
//! lost by a crash nor sent for what was not written.

use std::sync::Arc;
use std::time::Duration;

use model::ids::{MemberId, StreamId};
use model::invitations::Invitation;
use model::members::{Member, Standing};
use runtime::jobs::{self, Delivery, INVITATION_MAIL};
use runtime::{CommitError, Runtime};
use store::Lease;

use super::link;
use super::mail::{Letter, Mailer};
use crate::PublicUrl;

/// How often it looks for mail that is due, besides when it is woken.
const EVERY: Duration = Duration::from_secs(30);
/// How many mails one round sends.
const PER_ROUND: usize = 100;
/// How long, in seconds, a mail that is being sent is nobody else's business: longer than an SMTP server may take.
const TAKEN_FOR: i64 = 300;
/// How long after each failure it tries again, in seconds; after the last it gives up.
const RETRIES: [i64; 5] = [60, 300, 1800, 7200, 6 * 3600];

/// Sends mail until it is dropped.
pub async fn run(runtime: Arc<Runtime>, mailer: Mailer, url: PublicUrl) {
    loop {
        if let Err(error) = send_due(&runtime, &mailer, &url).await {
            tracing::warn!(%error, "invitations could not be looked at; tried again later");
        }
        tokio::select! {
            () = mailer.woken() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Sends what is due, and tells how many mails that were.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn send_due(runtime: &Runtime, mailer: &Mailer, url: &PublicUrl) -> Result<usize, CommitError> {
    let due = runtime.store.leases_due(INVITATION_MAIL, runtime.clock.now().as_micros(), PER_ROUND).await?;
    let mut sent = 0;
    for lease in due {
        // Another server over the same database may see it, too: whoever takes it sends it.
        let taken = Lease { due_at: runtime.clock.now().plus_seconds(TAKEN_FOR).as_micros(), ..lease.clone() };
        if !runtime.store.replace_lease(&lease, Some(taken.clone())).await? {
            continue;
        }
        let next = send(runtime, mailer, url, &taken).await?;
        // One that was invited again meanwhile has a new lease, which stays.
        runtime.store.replace_lease(&taken, next).await?;
        sent += 1;
    }
    Ok(sent)
}

/// Sends one mail; what becomes of its lease.
async fn send(
    runtime: &Runtime,
    mailer: &Mailer,
    url: &PublicUrl,
    lease: &Lease,
) -> Result<Option<Lease>, CommitError> {
    let done = None;
    let (Ok(StreamId::Account(account)), Ok(id)) = (lease.stream.parse(), lease.key.parse::<MemberId>()) else {
        return Ok(done);
    };
    let Some(snapshot) = runtime.account(account).await? else { return Ok(done) };
    let (state, now) = (&snapshot.state, runtime.clock.now());
    let open = state.member(&id).and_then(|member| Some((member, open(member)?)));
    let Some((member, invitation)) = open.filter(|(_, invitation)| invitation.expires_on > now) else {
        return Ok(done);
    };
    let token = link::token(&runtime.secrets, account, id, invitation);
    let letter = Letter {
        to: member.email.as_str(),
        account: state.account().map_or("", |account| &account.name),
        invited_by: &invitation.invited_by,
        link: &link::link(url, &token),
        expires_on: invitation.expires_on,
    };
    let Err(error) = mailer.send(&letter).await else {
        tracing::info!(%account, member = %id, "sent an invitation");
        return Ok(done);
    };
    let delivery: Delivery = serde_json::from_slice(&lease.payload).unwrap_or_default();
    let wait = RETRIES.get(delivery.attempts as usize).filter(|_| !error.is_lasting());
    tracing::warn!(%account, member = %id, %error, again_in_seconds = wait, "an invitation could not be sent");
    let failed = wait.is_none().then(|| error.to_string());
    let delivery = Delivery { attempts: delivery.attempts + 1, failed };
    let due = wait.map(|seconds| now.plus_seconds(*seconds));
    Ok(Some(jobs::mail(&lease.stream, &lease.key, due, invitation.expires_on, &delivery)))
}

fn open(member: &Member) -> Option<&Invitation> {
    let is_pending = matches!(member.standing, Standing::Pending { .. });
    member.invitation.as_deref().filter(|_| is_pending)
}

/// Why the invitation of a member will not arrive, if it bounced.
///
/// # Errors
/// When the store cannot be read.
pub async fn failure(runtime: &Runtime, member: MemberId) -> Result<Option<String>, CommitError> {
    let lease = runtime.store.lease(INVITATION_MAIL, &member.to_string()).await?;
    let delivery = lease.and_then(|lease| serde_json::from_slice::<Delivery>(&lease.payload).ok());
    Ok(delivery.and_then(|delivery| delivery.failed))
}
