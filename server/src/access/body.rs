//! The bodies of AuthZEN: borrowed from the text they stand in, read in one pass, and forgiving, so that a fault in one
//! evaluation of a thousand is told in that one's place. Unknown fields are ignored; `null` is as if it were not there; a
//! field that is given twice is refused, since two readers could disagree on which one counts.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A field, if it is there and what it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given<T> {
    /// It is not there, or null.
    #[default]
    Absent,
    /// It is there.
    Value(T),
    /// Something else is there: its kind, for messages.
    Wrong(&'static str),
}

impl<T> Given<T> {
    /// The value, if it is there and what it should be.
    pub fn value(&self) -> Option<&T> {
        match self {
            Given::Value(value) => Some(value),
            Given::Absent | Given::Wrong(_) => None,
        }
    }
}

/// What a field may be: of the kinds of JSON, those that have something to say override how it is read.
pub trait Expected<'de>: Sized {
    /// From a string.
    fn of_text(_: Cow<'de, str>) -> Option<Self> {
        None
    }
    /// From a whole number that is not negative.
    fn of_number(_: u64) -> Option<Self> {
        None
    }
    /// From an array.
    fn of_array<A: SeqAccess<'de>>(mut items: A) -> Result<Option<Self>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    /// From an object.
    fn of_object<A: MapAccess<'de>>(mut entries: A) -> Result<Option<Self>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<'de, T: Expected<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given<T>, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

struct Reader<T>(PhantomData<T>);

fn or_wrong<T>(value: Option<T>, kind: &'static str) -> Given<T> {
    value.map_or(Given::Wrong(kind), Given::Value)
}

impl<'de, T: Expected<'de>> Visitor<'de> for Reader<T> {
    type Value = Given<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }
    fn visit_unit<E>(self) -> Result<Given<T>, E> {
        Ok(Given::Absent)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Given<T>, E> {
        Ok(Given::Wrong("a boolean"))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Given<T>, E> {
        Ok(or_wrong(u64::try_from(value).ok().and_then(T::of_number), "a number"))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Given<T>, E> {
        Ok(or_wrong(T::of_number(value), "a number"))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Given<T>, E> {
        Ok(Given::Wrong("a number"))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Given<T>, E> {
        Ok(or_wrong(T::of_text(Cow::Borrowed(value)), "a string"))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Given<T>, E> {
        Ok(or_wrong(T::of_text(Cow::Owned(value.to_owned())), "a string"))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Given<T>, A::Error> {
        Ok(or_wrong(T::of_array(items)?, "an array"))
    }
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Given<T>, A::Error> {
        Ok(or_wrong(T::of_object(entries)?, "an object"))
    }
}

/// A string.
pub type Text<'a> = Given<Cow<'a, str>>;

impl<'de: 'a, 'a> Expected<'de> for Cow<'a, str> {
    fn of_text(text: Cow<'de, str>) -> Option<Self> {
        Some(text)
    }
}

impl Expected<'_> for u64 {
    fn of_number(number: u64) -> Option<u64> {
        Some(number)
    }
}

/// Some object, whatever is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnyObject;

impl<'de> Expected<'de> for AnyObject {
    fn of_object<A: MapAccess<'de>>(mut entries: A) -> Result<Option<AnyObject>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(AnyObject))
    }
}

/// A moment in the past: a revision, or a time as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment<'a> {
    /// A revision of the account.
    Revision(u64),
    /// A time or a revision as text, not read yet.
    Text(Cow<'a, str>),
}

impl<'de: 'a, 'a> Expected<'de> for Moment<'a> {
    fn of_number(revision: u64) -> Option<Self> {
        Some(Moment::Revision(revision))
    }
    fn of_text(text: Cow<'de, str>) -> Option<Self> {
        Some(Moment::Text(text))
    }
}

impl<'de, T: Deserialize<'de>> Expected<'de> for Vec<T> {
    fn of_array<A: SeqAccess<'de>>(mut items: A) -> Result<Option<Vec<T>>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Some(values))
    }
}

/// Who is asked about, or what: a type and an id.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entity<'a> {
    /// The kind of it.
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    /// Which one of that kind.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Attributes, which decide nothing here.
    pub properties: Given<AnyObject>,
}

/// What is asked to be done.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ActionField<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Attributes, which decide nothing here.
    pub properties: Given<AnyObject>,
}

/// The circumstances.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Context<'a> {
    /// The address of the client.
    #[serde(borrow)]
    pub ip: Text<'a>,
    /// The time.
    #[serde(borrow)]
    pub time: Text<'a>,
}

/// One question.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Question<'a> {
    /// Who.
    #[serde(borrow)]
    pub subject: Given<Entity<'a>>,
    /// What is done.
    #[serde(borrow)]
    pub action: Given<ActionField<'a>>,
    /// To what.
    #[serde(borrow)]
    pub resource: Given<Entity<'a>>,
    /// Under what circumstances.
    #[serde(borrow)]
    pub context: Given<Context<'a>>,
    /// As of when.
    #[serde(borrow)]
    pub at: Given<Moment<'a>>,
}

/// How several questions are answered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options<'a> {
    /// `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    #[serde(borrow)]
    pub evaluations_semantic: Text<'a>,
}

/// Several questions: the fields of each that are left out are those of the whole.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Questions<'a> {
    /// The defaults. `flatten` would read the whole body into memory first, so they are written out here.
    #[serde(borrow)]
    pub subject: Given<Entity<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub action: Given<ActionField<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub resource: Given<Entity<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub context: Given<Context<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub at: Given<Moment<'a>>,
    /// The questions.
    #[serde(borrow)]
    pub evaluations: Given<Vec<Given<Question<'a>>>>,
    /// How they are answered.
    #[serde(borrow)]
    pub options: Given<Options<'a>>,
}

impl<'a> Questions<'a> {
    /// The defaults, as a question of their own; and the others.
    pub fn apart(self) -> (Question<'a>, Given<Vec<Given<Question<'a>>>>, Given<Options<'a>>) {
        let Questions { subject, action, resource, context, at, evaluations, options } = self;
        (Question { subject, action, resource, context, at }, evaluations, options)
    }
}

/// Which part of the results.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Page<'a> {
    /// The `next_token` of the page before.
    #[serde(borrow)]
    pub token: Text<'a>,
    /// The most results.
    pub limit: Given<u64>,
}

/// A question with one of its parts left out, which is sought.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Search<'a> {
    /// See [`Question`].
    #[serde(borrow)]
    pub subject: Given<Entity<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub action: Given<ActionField<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub resource: Given<Entity<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub context: Given<Context<'a>>,
    /// See [`Question`].
    #[serde(borrow)]
    pub at: Given<Moment<'a>>,
    /// Which part of the results.
    #[serde(borrow)]
    pub page: Given<Page<'a>>,
}

macro_rules! objects {
    ($($name:ident),*) => {$(
        impl<'de: 'a, 'a> Expected<'de> for $name<'a> {
            fn of_object<A: MapAccess<'de>>(entries: A) -> Result<Option<Self>, A::Error> {
                $name::deserialize(MapAccessDeserializer::new(entries)).map(Some)
            }
        }
    )*};
}

objects!(Entity, ActionField, Context, Question, Options, Questions, Page, Search);

/// Reads a body, which must be an object.
///
/// # Errors
/// What is wrong with it: text that is no JSON, something else than an object, a field that is given twice.
pub fn read<'a, T: Expected<'a>>(body: &'a [u8]) -> Result<T, String> {
    // What is ignored is not looked at otherwise, and JSON is UTF-8 throughout (RFC 8259, 8.1).
    let body = std::str::from_utf8(body).map_err(|error| format!("the body is not JSON: it is not UTF-8: {error}"))?;
    match serde_json::from_str(body) {
        Ok(Given::Value(body)) => Ok(body),
        Ok(Given::Absent) => Err("the body must be a JSON object, not null".to_owned()),
        Ok(Given::Wrong(kind)) => Err(format!("the body must be a JSON object, not {kind}")),
        Err(error) if error.is_data() => Err(format!("the body cannot be read: {error}")),
        Err(error) => Err(format!("the body is not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_utf8_is_no_json_even_where_it_would_be_ignored() {
        let refusal = read::<Question<'_>>(b"{\"properties\": \"\x9d\"}").map(|_| ());
        let message = "the body is not JSON: it is not UTF-8: invalid utf-8 sequence of 1 bytes from index 16";
        assert_eq!(refusal, Err(message.to_owned()));
        assert!(read::<Question<'_>>("{\"properties\": \"é\"}".as_bytes()).is_ok());
    }
}
