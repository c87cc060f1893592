//! The envelope of a success (section 9): `{success, errors, messages, result, result_info?}`.

use std::ops::Range;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::ids::Revision;
use serde::Serialize;
use twox_hash::XxHash3_64;

use crate::error::Error;
use crate::wire::paging::Paging;
use crate::wire::show::{Json, Show};

/// The header that names the revision that an answer is a function of.
pub const REVISION: HeaderName = HeaderName::from_static("portcullis-revision");

/// A success, rendered.
#[derive(Clone, Debug)]
pub struct Success {
    body: Vec<u8>,
    revision: Option<Revision>,
    etag: Option<String>,
    is_secret: bool,
}

/// About how many bytes an item of a list takes, so that the body of a page is allocated once. A user group with two
/// policies takes 2,600.
const EXPECTED_ITEM: usize = 3 << 10;

/// Something that the caller should know besides the result.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Message {
    /// Which message.
    pub code: u16,
    /// The message.
    pub message: String,
}

/// Facts about a list.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct ResultInfo {
    page: u64,
    per_page: u64,
    count: u64,
    total_count: u64,
    total_pages: u64,
}

impl ResultInfo {
    fn of(count: usize, total: usize, paging: Paging) -> ResultInfo {
        let (total, per_page) = (total as u64, paging.per_page as u64);
        ResultInfo {
            page: paging.page as u64,
            per_page,
            count: count as u64,
            total_count: total,
            total_pages: total.div_ceil(per_page.max(1)),
        }
    }
}

/// The envelope, for the OpenAPI document; [`Success`] writes it.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the answer")]
pub struct Envelope<T> {
    success: bool,
    errors: Vec<Message>,
    messages: Vec<Message>,
    result: Option<T>,
    result_info: Option<ResultInfo>,
}

impl Success {
    /// One object, with the tag that `If-Match` compares.
    ///
    /// # Errors
    /// Only if the object cannot be written as JSON, which is our fault.
    pub fn object(result: &impl Show) -> Result<Success, Error> {
        let (body, result) = envelope(Some(result), None::<&ResultInfo>, 4096)?;
        let etag = Some(tag_of(&body[result]));
        Ok(Success { body, revision: None, etag, is_secret: false })
    }

    /// One page of a list.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub fn page<T: Show>(items: &[T], total: usize, paging: Paging) -> Result<Success, Error> {
        let info = ResultInfo::of(items.len(), total, paging);
        Success::plain(envelope(Some(&Items(items)), Some(&info), 256 + items.len() * EXPECTED_ITEM)?.0)
    }

    /// One page of an object that has lists of its own: `count` is of the longest on this page, `total` of the longest on
    /// all pages.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub fn page_of(result: &impl Show, count: usize, total: usize, paging: Paging) -> Result<Success, Error> {
        let info = ResultInfo::of(count, total, paging);
        Success::plain(envelope(Some(result), Some(&info), 256 + count * EXPECTED_ITEM)?.0)
    }

    /// One page of a list that is continued by a cursor.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub fn cursor_page<T: Show>(items: &[T], info: &impl Serialize) -> Result<Success, Error> {
        Success::plain(envelope(Some(&Items(items)), Some(info), 256 + items.len() * EXPECTED_ITEM)?.0)
    }

    /// A whole list in one answer.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub fn list<T: Show>(items: &[T]) -> Result<Success, Error> {
        let count = items.len() as u64;
        let info = ResultInfo { page: 1, per_page: count, count, total_count: count, total_pages: count.min(1) };
        Success::plain(envelope(Some(&Items(items)), Some(&info), 256 + items.len() * EXPECTED_ITEM)?.0)
    }

    /// An envelope without a result.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub fn empty() -> Result<Success, Error> {
        Success::plain(envelope(None::<&()>, None::<&ResultInfo>, 64)?.0)
    }

    fn plain(body: Vec<u8>) -> Result<Success, Error> {
        Ok(Success { body, revision: None, etag: None, is_secret: false })
    }

    /// The same answer with the tag of another form of its object: without what changes when nobody changed anything.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub fn tagged_as(mut self, object: &impl Show) -> Result<Success, Error> {
        self.etag = Some(etag(object)?);
        Ok(self)
    }

    /// The same answer as one that shows a secret: it is never written down, and repeated only for a minute.
    pub fn secret(mut self) -> Success {
        self.is_secret = true;
        self
    }

    /// Whether it shows a secret.
    pub(crate) fn is_secret(&self) -> bool {
        self.is_secret
    }

    /// The same answer with something to say.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub fn with_messages<M: Serialize>(mut self, messages: Vec<M>) -> Result<Success, Error> {
        const EMPTY: &[u8] = br#""messages":[]"#;
        if messages.is_empty() {
            return Ok(self);
        }
        // `messages` comes before `result` in the envelope, so the first occurrence is the envelope's own.
        if let Some(at) = self.body.windows(EMPTY.len()).position(|window| window == EMPTY) {
            let mut text = br#""messages":"#.to_vec();
            text.extend(json(&messages)?);
            self.body.splice(at..at + EMPTY.len(), text);
        }
        Ok(self)
    }

    /// The same answer with one more field in its envelope.
    ///
    /// # Errors
    /// As for [`Success::object`].
    pub(crate) fn with_field(mut self, name: &'static str, value: &impl Serialize) -> Result<Success, Error> {
        self.body.pop();
        self.body.extend_from_slice(format!(r#","{name}":"#).as_bytes());
        self.body.extend(json(value)?);
        self.body.push(b'}');
        Ok(self)
    }

    /// The same answer, as a function of a revision.
    pub fn at(mut self, revision: Revision) -> Success {
        self.revision = Some(revision);
        self
    }

    /// An answer that was rendered before.
    pub(crate) fn again(body: Vec<u8>, revision: Option<Revision>, etag: Option<String>) -> Success {
        Success { body, revision, etag, is_secret: false }
    }

    /// The rendered body, the revision and the tag.
    pub(crate) fn parts(&self) -> (&[u8], Option<Revision>, Option<&str>) {
        (&self.body, self.revision, self.etag.as_deref())
    }
}

/// The items of a list.
struct Items<'a, T>(&'a [T]);

impl<T: Show> Show for Items<'_, T> {
    fn show(&self, json: &mut Json) -> Result<(), serde_json::Error> {
        json.array(self.0, |json, item| item.show(json))
    }
}

/// Writes the envelope, of about as many bytes as expected, and says where in it the result is.
fn envelope(
    result: Option<&impl Show>,
    info: Option<&impl Serialize>,
    expected: usize,
) -> Result<(Vec<u8>, Range<usize>), Error> {
    let mut json = Json::with_capacity(expected);
    json.literal(r#"{"success":true,"errors":[],"messages":[]"#);
    let mut place = 0..0;
    if let Some(result) = result {
        json.literal(r#","result":"#);
        place.start = json.len();
        result.show(&mut json).map_err(internal)?;
        place.end = json.len();
    }
    if let Some(info) = info {
        json.literal(r#","result_info":"#);
        json.value(info).map_err(internal)?;
    }
    json.literal("}");
    Ok((json.into_bytes(), place))
}

fn internal(error: serde_json::Error) -> Error {
    Error::Internal(Box::new(error))
}

/// The tag of an object: a digest of how it is shown, so that it changes exactly when the object does.
///
/// # Errors
/// As for [`Success::object`].
pub fn etag(result: &impl Show) -> Result<String, Error> {
    Ok(tag_of(&json(result)?))
}

fn tag_of(shown: &[u8]) -> String {
    format!("\"{:016x}\"", XxHash3_64::oneshot(shown))
}

fn json(value: &impl Show) -> Result<Vec<u8>, Error> {
    let mut json = Json::with_capacity(EXPECTED_ITEM);
    value.show(&mut json).map_err(internal)?;
    Ok(json.into_bytes())
}

impl IntoResponse for Success {
    fn into_response(self) -> Response {
        let mut response =
            ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.body).into_response();
        let headers = response.headers_mut();
        if let Some(revision) = self.revision {
            headers.insert(REVISION, revision.into());
        }
        if let Some(etag) = self.etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}
