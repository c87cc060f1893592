//! What every handler shares.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use runtime::Runtime;
use tokio::sync::watch;

use crate::audit::summaries::Summaries;
use crate::operations::Operations;
use crate::rate_limits::RateLimits;
use crate::repeats::Repeats;
use crate::self_check::SelfCheck;
use crate::settings::Settings;
use crate::sso_verification::Verifier;
use crate::throttle::Throttle;
use crate::wire::rendered::Rendered;

/// What every handler shares; cheap to clone.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
}

/// The parts of an [`App`].
pub struct Shared {
    /// The live accounts and users.
    pub runtime: Arc<Runtime>,
    /// The operator's choices.
    pub settings: Settings,
    /// Wakes the search for TXT records.
    pub verifier: Option<Verifier>,
    /// Compares a share of live decisions with the oracle.
    pub self_check: SelfCheck,
    /// How far the columns of logs reach.
    pub summaries: Arc<Summaries>,
    pub(crate) operations: Operations,
    pub(crate) rendered: Rendered,
    pub(crate) repeats: Repeats,
    pub(crate) throttle: Throttle,
    pub(crate) rate_limits: RateLimits,
    pub(crate) metrics: Registry,
    /// Whether the server is about to end.
    is_closing: watch::Sender<bool>,
    /// In seconds, as of the last time that the metrics were read.
    pub(crate) staleness: Gauge<f64, AtomicU64>,
    /// As of the last time that the metrics were read.
    pub(crate) state_bytes: Gauge,
}

impl App {
    /// Puts a server together.
    ///
    /// # Panics
    /// When a route has no operation in the catalogue: such a program must not start.
    pub fn new(runtime: Arc<Runtime>, settings: Settings, verifier: Option<Verifier>) -> App {
        let mut metrics = Registry::default();
        let operations = register(&runtime, &mut metrics);
        let rendered = Rendered::of(runtime.engine.catalog());
        let throttle = Throttle::new(settings.failure_limit);
        let rate_limits = RateLimits::new(settings.rates, &runtime.clock);
        let repeats = Repeats::default();
        let staleness = Gauge::default();
        metrics.register(
            "portcullis_staleness_seconds",
            "since what is in memory was last known to be the newest",
            staleness.clone(),
        );
        let state_bytes = Gauge::default();
        metrics.register(
            "portcullis_state_bytes",
            "that accounts and users take in memory, about",
            state_bytes.clone(),
        );
        let self_check = SelfCheck::start(settings.self_check, runtime.engine.shared_catalog(), &mut metrics);
        App {
            shared: Arc::new(Shared {
                runtime,
                settings,
                verifier,
                self_check,
                summaries: Arc::default(),
                operations,
                rendered,
                repeats,
                throttle,
                rate_limits,
                metrics,
                is_closing: watch::Sender::new(false),
                staleness,
                state_bytes,
            }),
        }
    }
}

impl Shared {
    /// Ends what would go on for ever.
    pub(crate) fn close(&self) {
        self.is_closing.send_replace(true);
    }

    /// Waits until the server is about to end.
    pub(crate) async fn closing(&self) {
        // A sender that is gone means the same.
        drop(self.is_closing.subscribe().wait_for(|is_closing| *is_closing).await);
    }
}

fn register(runtime: &Runtime, metrics: &mut Registry) -> Operations {
    let (_, document) = crate::api().split_for_parts();
    Operations::of(&document, runtime.engine.catalog(), metrics)
}

impl Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}
