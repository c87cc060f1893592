//! Log lines, on standard error: standard output belongs to the commands.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::arguments::{LogFormat, LogLines};

/// Starts logging.
///
/// # Errors
/// When it was started before.
pub fn start(options: &LogLines) -> anyhow::Result<()> {
    let layer = match options.log_format {
        LogFormat::Pretty => {
            let is_terminal = std::io::stderr().is_terminal();
            fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal).boxed()
        }
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(std::io::stderr).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(options.log_level.clone())).try_init()?;
    Ok(())
}
