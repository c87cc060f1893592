//! The JSON of answers, written piece by piece.
//!
//! Most answers are small, and `serde` writes them. A page of user groups or members is a quarter of a megabyte, nearly
//! all of it ids, times and pieces that were written before. Nothing in these is ever escaped, which their types prove, so
//! [`Json`] copies them; whatever may hold text of users goes through `serde_json`.

use model::ids::Id;
use model::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

/// What an answer can show: all that `serde` can write, and the long lists that write themselves.
pub trait Show {
    /// Writes it as one JSON value.
    ///
    /// # Errors
    /// Only for what has no form in JSON, which is our fault.
    fn show(&self, json: &mut Json) -> Result<(), serde_json::Error>;
}

impl<T: Serialize + ?Sized> Show for T {
    fn show(&self, json: &mut Json) -> Result<(), serde_json::Error> {
        json.value(self)
    }
}

/// JSON in the making.
pub struct Json {
    bytes: Vec<u8>,
    /// What was written last of its kind: the things of a page are often made in one moment.
    last_time: Option<(Timestamp, [u8; 27])>,
}

impl Json {
    /// Nothing yet, with room for that many bytes.
    pub fn with_capacity(bytes: usize) -> Json {
        Json { bytes: Vec::with_capacity(bytes), last_time: None }
    }

    /// How much is written, in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is written yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A part of the program's own text: names, punctuation and words that never change.
    pub fn literal(&mut self, json: &'static str) {
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// An id, as text.
    pub fn id(&mut self, id: Id) {
        let mut text = [b'"'; 34];
        text[1..33].copy_from_slice(&id.write_hex());
        self.bytes.extend_from_slice(&text);
    }

    /// A time, as text.
    pub fn time(&mut self, time: Timestamp) {
        let digits = match self.last_time {
            Some((last, digits)) if last == time => digits,
            Some(_) | None => time.write_text(),
        };
        self.last_time = Some((time, digits));
        let mut text = [b'"'; 29];
        text[1..28].copy_from_slice(&digits);
        self.bytes.extend_from_slice(&text);
    }

    /// What was written before.
    ///
    /// # Errors
    /// None.
    pub fn raw(&mut self, written: &RawValue) -> Result<(), serde_json::Error> {
        self.bytes.extend_from_slice(written.get().as_bytes());
        Ok(())
    }

    /// Anything that `serde` can write; text is escaped where it must be.
    ///
    /// # Errors
    /// As for [`Show::show`].
    pub fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut self.bytes, value)
    }

    /// An array, of what `each` writes of each item.
    ///
    /// # Errors
    /// As for [`Show::show`].
    pub fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Json, T) -> Result<(), serde_json::Error>,
    ) -> Result<(), serde_json::Error> {
        let mut before = "[";
        for item in items {
            self.literal(before);
            each(self, item)?;
            before = ",";
        }
        self.literal(if before == "[" { "[]" } else { "]" });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_what_serde_writes() {
        let times = [0, 0, 1_737_732_696_759_979, -1].map(Timestamp::from_micros);
        let id = Id::derived("any");
        let raw = serde_json::value::to_raw_value(&["a", "\"b\""]).unwrap();
        let texts = ["", "plain", "\"quoted\" \\ and\nbroken \u{7} \u{e9}"];
        let mut json = Json::with_capacity(0);
        json.literal(r#"{"times":"#);
        json.array(times, |json, time| {
            json.time(time);
            Ok(())
        })
        .unwrap();
        json.literal(r#","texts":"#);
        json.array(texts, |json, text| json.value(text)).unwrap();
        json.literal(r#","none":"#);
        json.array([(); 0], |_, ()| Ok(())).unwrap();
        json.literal(r#","id":"#);
        json.id(id);
        json.literal(r#","raw":"#);
        json.raw(&raw).unwrap();
        json.literal("}");
        let written: serde_json::Value = serde_json::from_slice(&json.into_bytes()).unwrap();
        let expected =
            serde_json::json!({ "times": times, "texts": texts, "none": [], "id": id, "raw": ["a", "\"b\""] });
        assert_eq!(written, expected);
    }
}
