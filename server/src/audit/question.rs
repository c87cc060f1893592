//! Asking an audit: entries are read in the order that is asked for, and looked at one by one until the page is full.

use std::sync::Arc;

use ::model::change::{Change, Document, DocumentId};
use ::model::resource_groups::ZONE_KEY;
use runtime::Runtime;
use runtime::audit::columns::{Digest, Wanted};
use runtime::audit::merged::{Mark, Merged, Narrowing, Order, Whose, Window};

use super::entry::{Content, Entry, Level, resource_id};
use super::filters::{Field, Filter, Filters};
use super::products::Kind;
use crate::error::Error;

/// Once the page is full, so many records are looked at for one more entry: only then is it known that there is none.
const LOOK_AHEAD: usize = 1_000;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose audit.
    pub whose: Whose,
    /// When.
    pub window: Window,
    /// From which end.
    pub order: Order,
    /// What entries must be like.
    pub filters: Filters,
    /// The object that they must be about.
    pub about: Option<About>,
    /// The most entries of a page.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Mark>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A document of a log, however it was touched; and attempts at it.
    Document(Box<str>, DocumentId),
    /// Something that only its kind and id are known of.
    Resource(&'static str, Box<str>),
    /// What has no id: what was tried on the same path.
    Path(Box<str>),
}

/// A page.
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where the next page begins; none if this is the last.
    pub next: Option<Mark>,
}

/// Answers a question.
///
/// # Errors
/// When the log cannot be read.
pub async fn ask(runtime: &Arc<Runtime>, question: &Question) -> Result<Page, Error> {
    let mut found = Found::start(runtime, question).await?;
    let mut entries = Vec::with_capacity(question.limit.min(1_000));
    while entries.len() < question.limit {
        match found.next().await? {
            Some(entry) => entries.push(entry),
            None => return Ok(Page { entries, next: None }),
        }
    }
    let more = found.is_there_more(LOOK_AHEAD).await?;
    let next = entries.last().filter(|_| more).map(|last| last.mark.clone());
    Ok(Page { entries, next })
}

/// The entries that fit a question, one after the other.
pub struct Found<'a> {
    runtime: &'a Arc<Runtime>,
    question: &'a Question,
    merged: Merged,
}

/// What a log can know of the question.
fn narrowing(question: &Question) -> Narrowing {
    let filters = question.filters.all.iter().map(|filter| Wanted {
        field: filter.field.name(),
        values: filter.values.iter().map(|value| Digest::of(value)).collect(),
        not: filter.not,
    });
    let mut wanted: Vec<Wanted> = filters.collect();
    let mut is = |field: Field, value: &str| {
        wanted.push(Wanted { field: field.name(), values: vec![Digest::of(value)], not: false });
    };
    let touching = match &question.about {
        // The events about it; its commits are found by the document.
        Some(About::Document(stream, document)) => {
            let owner = stream.rsplit('/').next().unwrap_or_default();
            is(Field::ResourceType, Kind::of_document(document).name);
            is(Field::ResourceId, &resource_id(document, owner));
            Some((stream.clone(), document.to_string().into()))
        }
        // A commit may have touched it beside others.
        Some(About::Resource(..) | About::Path(_)) | None => None,
    };
    Narrowing { wanted, touching }
}

impl<'a> Found<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn start(runtime: &'a Arc<Runtime>, question: &'a Question) -> Result<Found<'a>, Error> {
        let Question { whose, window, order, after, .. } = question;
        let merged = runtime.audit(*whose, *window, *order, after.clone(), narrowing(question)).await?;
        Ok(Found { runtime, question, merged })
    }

    /// The next one that fits.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn next(&mut self) -> Result<Option<Entry>, Error> {
        while let Some(record) = self.merged.next().await? {
            let entry = Entry::read(&record)?;
            if self.fits(&entry).await? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Whether one more is among the next records, or so many of them do not tell.
    async fn is_there_more(&mut self, records: usize) -> Result<bool, Error> {
        for _ in 0..records {
            let Some(record) = self.merged.next().await? else { return Ok(false) };
            if self.fits(&Entry::read(&record)?).await? {
                return Ok(true);
            }
        }
        Ok(true)
    }

    async fn fits(&self, entry: &Entry) -> Result<bool, Error> {
        if self.question.about.as_ref().is_some_and(|about| !about.holds(entry)) {
            return Ok(false);
        }
        let mut open = Vec::new();
        for filter in &self.question.filters.all {
            match filter.decides(entry) {
                Some(true) => {}
                Some(false) => return Ok(false),
                None => open.push(filter),
            }
        }
        for filter in open {
            if !self.passes(filter, entry).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decides what the entry alone does not tell: what a zone was called.
    async fn passes(&self, filter: &Filter, entry: &Entry) -> Result<bool, Error> {
        if filter.field != Field::ZoneName {
            return Ok(true);
        }
        let Some(zone) = &entry.zone else { return Ok(filter.passes(None)) };
        let document = DocumentId::Resource(format!("{ZONE_KEY}{}", zone.id).into());
        // An attempt is about the zone as it is now, a commit about the zone as it was before.
        let (stream, at) = match (&entry.content, entry.mark.stream.strip_prefix(runtime::audit::EVENTS)) {
            (Content::Event(_), Some(stream)) => (stream, u64::MAX),
            (Content::Changes(_) | Content::Event(_), _) => (&*entry.mark.stream, entry.mark.revision - 1),
        };
        let name = match self.runtime.document_at(stream, &document, at).await? {
            Some(Document::Resource(resource)) => Some(resource.name.to_ascii_lowercase()),
            Some(_) | None => None,
        };
        Ok(filter.passes(name.as_deref()))
    }
}

impl About {
    /// What the history of an entry's object is the history of; `None` if the entry does not tell.
    pub fn of(entry: &Entry) -> Option<About> {
        match &entry.content {
            Content::Changes(_) => {
                entry.document().map(|document| About::Document(entry.mark.stream.clone(), document))
            }
            Content::Event(_) if !entry.resource.is_empty() => {
                Some(About::Resource(entry.kind.name, entry.resource.clone()))
            }
            Content::Event(_) if !entry.request.path.is_empty() && entry.level != Level::Server => {
                Some(About::Path(entry.request.path.clone()))
            }
            Content::Event(_) => None,
        }
    }

    /// Whether the object was found by its own id.
    pub fn is_exact(&self) -> bool {
        match self {
            About::Document(..) | About::Resource(..) => true,
            About::Path(_) => false,
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        match (self, &entry.content) {
            (About::Document(stream, document), Content::Changes(changes)) => {
                *entry.mark.stream == **stream && changes.iter().any(|change| touches(change, document))
            }
            (About::Document(stream, document), Content::Event(_)) => {
                let owner = stream.rsplit('/').next().unwrap_or_default();
                let kind = Kind::of_document(document);
                entry.kind == kind && entry.resource == resource_id(document, owner)
            }
            (About::Resource(kind, id), Content::Changes(changes)) => changes.iter().any(|change| {
                let document = change.id();
                Kind::of_document(&document).name == *kind && resource_id(&document, entry.owner()) == *id
            }),
            (About::Resource(kind, id), Content::Event(_)) => entry.kind.name == *kind && entry.resource == *id,
            (About::Path(path), _) => entry.request.path == *path,
        }
    }
}

fn touches(change: &Change, document: &DocumentId) -> bool {
    match change {
        Change::Put(put) => put.id() == *document,
        Change::Delete(gone) => gone == document,
    }
}
