//! The ways of the nodes to the store.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::{Foreign, Passing, StoreError, Way};
use tokio::time::{Instant, sleep, sleep_until};

/// What a way is like at present.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// The longest that anything takes.
    pub slowest: Duration,
    /// How much of a hundred is lost.
    pub lost: u32,
    /// Until then nothing passes, and what tried to is lost.
    pub cut_until: Option<Instant>,
}

impl Weather {
    pub const FAIR: Weather = Weather { slowest: Duration::from_millis(3), lost: 0, cut_until: None };
}

/// The way of one node.
#[derive(Debug)]
pub struct Line {
    dice: Mutex<StdRng>,
    weather: Mutex<Weather>,
    news: Mutex<Vec<Box<str>>>,
}

impl Line {
    pub fn new(seed: u64) -> Arc<Line> {
        let dice = Mutex::new(StdRng::seed_from_u64(seed));
        Arc::new(Line { dice, weather: Mutex::new(Weather::FAIR), news: Mutex::default() })
    }

    pub fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    /// Tells of a commit.
    pub fn tell(&self, stream: &str) {
        self.news.lock().unwrap().push(stream.into());
    }
}

fn lost() -> StoreError {
    StoreError::Unreachable(Arc::new(std::io::Error::other("the network lost it")))
}

impl Way for Line {
    fn pass(&self) -> Passing<'_> {
        let weather = *self.weather.lock().unwrap();
        let (delay, is_lost) = {
            let mut dice = self.dice.lock().unwrap();
            (weather.slowest.mul_f64(dice.random_range(0.0..1.0)), dice.random_ratio(weather.lost, 100))
        };
        Box::pin(async move {
            match weather.cut_until {
                Some(end) if end > Instant::now() => {
                    sleep_until(end).await;
                    Err(lost())
                }
                Some(_) | None => {
                    sleep(delay).await;
                    if is_lost { Err(lost()) } else { Ok(()) }
                }
            }
        })
    }

    fn heard(&self) -> Foreign {
        let mut news = std::mem::take(&mut *self.news.lock().unwrap());
        news.sort();
        news.dedup();
        if news.is_empty() { Foreign::Nothing } else { Foreign::Streams(news) }
    }
}
