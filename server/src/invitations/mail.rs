//! What an invitation says, and the server that carries it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use model::time::Timestamp;
use tokio::sync::Notify;

/// How long one mail may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends mail over SMTP.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    due: Arc<Notify>,
}

/// Why no mailer could be made, or a mail not be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The URL of the server.
    #[error(
        "`{0}` is no SMTP server; such as `smtps://user:password@mail.example.com` or `smtp://127.0.0.1:25` is expected"
    )]
    Url(String),
    /// The address that mail comes from.
    #[error("`{0}` is no mail address; such as `Portcullis <iam@example.com>` is expected")]
    From(String),
    /// The recipient, or what makes up the mail.
    #[error("the mail cannot be written: {0}")]
    Unwritable(String),
    /// The server refused for good.
    #[error("{0}")]
    Refused(String),
    /// It did not work this time.
    #[error("{0}")]
    Failed(String),
}

impl MailError {
    /// Whether another try is worth it.
    pub fn is_lasting(&self) -> bool {
        matches!(self, MailError::Unwritable(_) | MailError::Refused(_))
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// What an invitation says.
pub struct Letter<'a> {
    /// To whom.
    pub to: &'a str,
    /// The name of the account.
    pub account: &'a str,
    /// Who invites.
    pub invited_by: &'a str,
    /// Where to answer.
    pub link: &'a str,
    /// Until when.
    pub expires_on: Timestamp,
}

impl Mailer {
    /// A mailer by the URL of an SMTP server. `smtps` is TLS from the start; `smtp` is plain unless the URL says
    /// `?tls=required` or `?tls=opportunistic`.
    ///
    /// # Errors
    /// A URL or an address that is none.
    pub fn new(url: &str, from: &str) -> Result<Mailer, MailError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        // The URL may hold a password, so only what comes before it is told.
        let told = || MailError::Url(url.split_once('@').map_or(url, |(_, host)| host).to_owned());
        let transport = transport.map_err(|_| told())?.timeout(Some(PATIENCE)).build();
        let from = from.parse().map_err(|_| MailError::From(from.to_owned()))?;
        Ok(Mailer { transport, from, due: Arc::new(Notify::new()) })
    }

    /// Sends an invitation.
    ///
    /// # Errors
    /// [`MailError`]; the caller tries again unless it is lasting.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), MailError> {
        let unwritable = |error: &dyn fmt::Display| MailError::Unwritable(error.to_string());
        let to = letter.to.parse::<lettre::Address>().map_err(|error| unwritable(&error))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject(letter))
            .header(ContentType::TEXT_PLAIN)
            .body(text(letter))
            .map_err(|error| unwritable(&error))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(MailError::Refused(reason(&error))),
            Err(error) => Err(MailError::Failed(reason(&error))),
        }
    }

    /// Tells whoever sends that there is something to send.
    pub fn wake(&self) {
        self.due.notify_one();
    }

    /// Waits until there is.
    pub(super) async fn woken(&self) {
        self.due.notified().await;
    }
}

/// The error with its causes, in one line.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    chain.map(|error| error.to_string()).collect::<Vec<_>>().join(": ")
}

fn subject(letter: &Letter<'_>) -> String {
    format!("Invitation to {}", letter.account)
}

fn text(letter: &Letter<'_>) -> String {
    let Letter { to, account, invited_by, link, expires_on } = letter;
    format!(
        "{invited_by} invites you to the account \"{account}\".\n\n\
         To answer, open this link and sign in as {to}:\n\n\
         {link}\n\n\
         The link is for you alone, works once, and ends on {expires_on}.\n\
         If you do not know what this is about, you need not do anything.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailer_needs_a_server_and_an_address_and_tells_no_password() {
        let told =
            |url: &str, from: &str| Mailer::new(url, from).err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(told("smtp://127.0.0.1:2525", "Portcullis <iam@example.com>"), "");
        assert!(
            told("http://secret:word@example.com", "iam@example.com").starts_with("`example.com` is no SMTP server")
        );
        assert!(told("smtp://127.0.0.1", "nobody").starts_with("`nobody` is no mail address"));
    }

    #[test]
    fn an_address_that_would_break_out_of_its_line_is_no_address() {
        let mailer = Mailer::new("smtp://127.0.0.1:1", "iam@example.com");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (Ok(mailer), Ok(runtime)) = (mailer, runtime) else { panic!("a mailer") };
        let expires_on = Timestamp::from_micros(0);
        let letter =
            Letter { to: "a@example.com\r\nBcc: b@example.com", account: "A", invited_by: "x", link: "l", expires_on };
        assert!(runtime.block_on(mailer.send(&letter)).is_err_and(|error| error.is_lasting()));
    }
}
