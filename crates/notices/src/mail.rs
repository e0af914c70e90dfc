//! Mail over SMTP.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::bodies;
use crate::error::Error;
use crate::notice::Notice;
use crate::target::MailTarget;

const DEADLINE: Duration = Duration::from_secs(20);

/// Hands a message to the mail server.
pub(crate) async fn send(target: &MailTarget, notice: &Notice) -> Result<(), Error> {
    let wrong = |problem: String| Error::Target { problem };
    let (subject, text) = bodies::mail(notice);
    let mailbox = |address: &str| {
        address.parse().map_err(|error| wrong(format!("`{address}` is no mail address: {error}")))
    };
    let mut message = Message::builder()
        .from(mailbox(&target.from)?)
        .subject(subject)
        .message_id(Some(format!("<{}@gingham>", notice.id)))
        .header(ContentType::TEXT_PLAIN);
    for address in &target.to {
        message = message.to(mailbox(address)?);
    }
    let message =
        message.body(text).map_err(|error| wrong(format!("the mail cannot be written: {error}")))?;
    let (scheme, host, port) = parts(&target.server)?;
    type Smtp = AsyncSmtpTransport<Tokio1Executor>;
    let failed =
        |error: lettre::transport::smtp::Error| wrong(format!("`{}` cannot be used: {error}", target.server));
    let mut builder = match scheme {
        "smtps" => Smtp::relay(&host).map_err(failed)?,
        "smtp+starttls" => Smtp::starttls_relay(&host).map_err(failed)?,
        _ => Smtp::builder_dangerous(&host),
    };
    if let Some(port) = port {
        builder = builder.port(port);
    }
    if let (Some(user), Some(password)) = (&target.user, &target.password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.read()?));
    }
    match builder.timeout(Some(DEADLINE)).build().send(message).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => Err(Error::Refused {
            host,
            status: error.status().map_or(550, u16::from),
            body: error.to_string(),
            retry_after: None,
        }),
        Err(error) => Err(Error::Unreachable { host, problem: error.to_string() }),
    }
}

fn parts(server: &str) -> Result<(&str, String, Option<u16>), Error> {
    let wrong = || Error::Target {
        problem: format!(
            "`{server}` is no mail server: write `smtps://HOST`, `smtp+starttls://HOST` or `smtp://HOST`"
        ),
    };
    let (scheme, rest) = server.split_once("://").ok_or_else(wrong)?;
    if !["smtp", "smtps", "smtp+starttls"].contains(&scheme) {
        return Err(wrong());
    }
    let rest = rest.trim_end_matches('/');
    match rest.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => {
            Ok((scheme, host.to_owned(), Some(port.parse().map_err(|_| wrong())?)))
        }
        _ if rest.is_empty() => Err(wrong()),
        _ => Ok((scheme, rest.to_owned(), None)),
    }
}
