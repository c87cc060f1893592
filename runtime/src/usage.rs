//! When permissions were last used: noted while requests are answered, and written behind.
//!
//! Ada reads the members of her account a hundred times in a minute. The first time puts "Account Settings Read, Ada, this
//! minute" into a map; the others find it there and change nothing. Every ten seconds a task writes what is new, and takes
//! out what has come to rest, so that the map holds only those who are active. A crash loses what was not written yet;
//! a server that ends in good order writes all.
//!
//! What is kept is one time for each principal and permission of an account, not one for each resource: it tells which
//! grants are idle, and stays small. Times are whole minutes. A user's token counts for the token and for the user, as
//! both must allow (D5).

use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicI64, Ordering};

use catalog::{Catalog, Id, PermissionIndex, PermissionSet};
use engine::principal::Principal;
use model::account_state::AccountState;
use model::ids::{AccountId, StreamId, TokenId, UserId};
use model::time::Timestamp;
use rustc_hash::FxHasher;
use store::{Store, StoreError, Usage};

/// How finely times are kept, in microseconds.
const GRAIN: i64 = 60_000_000;
/// What has not been used for so long leaves the map, in microseconds.
const REST: i64 = 2 * GRAIN;
/// So many rows are written at once, so that commits need not wait long behind them.
const ROWS: usize = 500;
/// In place of a time: the entry is being taken out, or there is none yet.
const GONE: i64 = i64::MIN;

/// Who used something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UsedBy {
    /// A user, in person or by a token.
    User(UserId),
    /// A token.
    Token(TokenId),
}

impl std::fmt::Display for UsedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            UsedBy::User(id) => write!(f, "user/{id}"),
            UsedBy::Token(id) => write!(f, "token/{id}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    stream: StreamId,
    by: UsedBy,
    /// `None`: the principal itself.
    permission: Option<PermissionIndex>,
}

#[derive(Default)]
struct Entry {
    last: AtomicI64,
    written: AtomicI64,
}

impl Entry {
    fn of(time: i64) -> Entry {
        Entry { last: AtomicI64::new(time), written: AtomicI64::new(GONE) }
    }

    /// Moves the time on; false if the entry is being taken out.
    fn touch(&self, time: i64) -> bool {
        let mut last = self.last.load(Ordering::Relaxed);
        while last != GONE && last < time {
            match self.last.compare_exchange_weak(last, time, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => last = other,
            }
        }
        last != GONE
    }
}

/// Notes uses, and writes them.
pub struct UsageRecorder {
    store: Store,
    /// By permission: its id, and where it stands from the least powerful to the most.
    permissions: Box<[(Id, u16)]>,
    recent: papaya::HashMap<Key, Entry, BuildHasherDefault<FxHasher>>,
    /// Since when uses are recorded, once known: it never changes.
    since: AtomicI64,
}

/// What somebody has used, and when last.
pub type Uses = Vec<(Id, Timestamp)>;

impl UsageRecorder {
    /// Prepares recording over a catalogue.
    pub fn new(store: Store, catalog: &Catalog) -> UsageRecorder {
        let mut ranked: Vec<_> = catalog.permissions().iter().collect();
        let power = |index: PermissionIndex| catalog.allow_closure([index].into_iter().collect()).len();
        ranked.sort_by_cached_key(|one| (power(one.index), one.name.clone(), one.scope, one.id));
        let mut permissions: Vec<_> = catalog.permissions().iter().map(|one| (one.id, 0)).collect();
        for (rank, permission) in ranked.into_iter().enumerate() {
            permissions[usize::from(permission.index.0)].1 = rank as u16;
        }
        UsageRecorder {
            store,
            permissions: permissions.into(),
            recent: papaya::HashMap::default(),
            since: AtomicI64::new(GONE),
        }
    }

    /// Notes that a principal has used one of these permissions: of those that would have done, the one that gives the
    /// least (with what it implies, D6), then the first by name. Takes no lock and does not wait.
    pub fn record(&self, account: &AccountState, principal: &Principal, held: &PermissionSet, now: Timestamp) {
        let Some(permission) = held.iter().min_by_key(|index| self.permissions[usize::from(index.0)].1) else { return };
        let stream = StreamId::Account(account.account_id());
        let note = |by| self.note(Key { stream, by, permission: Some(permission) }, now);
        let token = principal.token().map(|token| token.id());
        let user = match principal {
            Principal::Member(member) => account.member(member).and_then(|member| member.user()),
            other => other.user(),
        };
        token.map(UsedBy::Token).map(note);
        user.map(UsedBy::User).map(note);
    }

    /// Notes that a token was used at all.
    pub fn record_token(&self, owner: StreamId, token: TokenId, now: Timestamp) {
        self.note(Key { stream: owner, by: UsedBy::Token(token), permission: None }, now);
    }

    fn note(&self, key: Key, now: Timestamp) {
        let time = now.as_micros().div_euclid(GRAIN) * GRAIN;
        let recent = self.recent.pin();
        if !recent.get(&key).is_some_and(|entry| entry.touch(time)) {
            recent.insert(key, Entry::of(time));
        }
    }

    /// Writes what is new, and forgets what has come to rest. What cannot be written is kept for the next time.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn flush(&self, now: Timestamp) -> Result<(), StoreError> {
        self.since(now).await?;
        let news = self.news();
        for rows in news.chunks(ROWS) {
            self.store.put_usage(rows.iter().map(|(key, time)| self.row(key, *time)).collect()).await?;
            let recent = self.recent.pin();
            for (key, time) in rows {
                if let Some(entry) = recent.get(key) {
                    entry.written.store(*time, Ordering::Release);
                }
            }
        }
        self.forget(now.as_micros() - REST);
        Ok(())
    }

    fn news(&self) -> Vec<(Key, i64)> {
        let recent = self.recent.pin();
        let new = recent.iter().filter_map(|(key, entry)| {
            let last = entry.last.load(Ordering::Acquire);
            (last != GONE && last > entry.written.load(Ordering::Acquire)).then_some((*key, last))
        });
        new.collect()
    }

    fn forget(&self, before: i64) {
        let recent = self.recent.pin();
        for (key, entry) in &recent {
            let written = entry.written.load(Ordering::Acquire);
            // Only what is written and was not touched meanwhile. Whoever comes after this sees that it is gone.
            let rests = written < before
                && entry.last.compare_exchange(written, GONE, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            if rests {
                // A new entry may have taken its place already, and stays.
                let _gone = recent.remove_if(key, |_, entry| entry.last.load(Ordering::Acquire) == GONE);
            }
        }
    }

    fn row(&self, key: &Key, last_used: i64) -> Usage {
        let permission = key.permission.map(|index| self.permissions[usize::from(index.0)].0.to_string());
        Usage {
            stream: key.stream.to_string().into(),
            principal: key.by.to_string().into(),
            permission: permission.unwrap_or_default().into(),
            last_used,
        }
    }

    /// Since when uses are recorded over this store.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn since(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        let mut since = self.since.load(Ordering::Acquire);
        if since == GONE {
            since = self.store.usage_since(now.as_micros()).await?;
            self.since.store(since, Ordering::Release);
        }
        Ok(Timestamp::from_micros(since))
    }

    /// What any of these has used in an account, each permission with its last time, by id. What was noted but not yet
    /// written is there too.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn uses(&self, account: AccountId, by: &[UsedBy]) -> Result<Uses, StoreError> {
        let stream = StreamId::Account(account);
        let rows = self.store.usage(&stream.to_string(), by.iter().map(|by| by.to_string().into()).collect()).await?;
        let written = rows.iter().filter_map(|row| Some((row.permission.parse::<Id>().ok()?, row.last_used)));
        let mut uses: std::collections::BTreeMap<Id, i64> = std::collections::BTreeMap::new();
        let wanted: rustc_hash::FxHashSet<UsedBy> = by.iter().copied().collect();
        let recent = self.recent.pin();
        let noted = recent.iter().filter(|(key, _)| key.stream == stream && wanted.contains(&key.by));
        let noted = noted.filter_map(|(key, entry)| {
            let id = self.permissions[usize::from(key.permission?.0)].0;
            Some((id, entry.last.load(Ordering::Acquire)))
        });
        for (id, time) in written.chain(noted.filter(|(_, time)| *time != GONE)) {
            let last = uses.entry(id).or_insert(time);
            *last = time.max(*last);
        }
        Ok(uses.into_iter().map(|(id, time)| (id, Timestamp::from_micros(time))).collect())
    }

    /// When a token was last used at all, to the minute.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn last_used(&self, owner: StreamId, token: TokenId) -> Result<Option<Timestamp>, StoreError> {
        let by = UsedBy::Token(token);
        let rows = self.store.usage(&owner.to_string(), vec![by.to_string().into()]).await?;
        let written = rows.iter().find(|row| row.permission.is_empty()).map(|row| row.last_used);
        let recent = self.recent.pin();
        let noted = recent.get(&Key { stream: owner, by, permission: None });
        let noted = noted.map(|entry| entry.last.load(Ordering::Acquire)).filter(|time| *time != GONE);
        Ok(written.max(noted).map(Timestamp::from_micros))
    }

    /// Forgets everything that is not written: for the reset of a development server.
    pub(crate) fn clear(&self) {
        self.recent.pin().clear();
        self.since.store(GONE, Ordering::Release);
    }

    /// How many uses are held in memory.
    pub fn held(&self) -> usize {
        self.recent.len()
    }
}
