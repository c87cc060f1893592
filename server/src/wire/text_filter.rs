//! A filter on a text with an operator in front of it, as the reference filters domains: `contains:shop`.

use model::names::NameKey;

/// What a text must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFilter {
    operator: Operator,
    text: String,
    /// Compared as it is, and not without regard to case.
    is_exact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    StartsWith,
    EndsWith,
    Contains,
}

const OPERATORS: [(&str, Operator, bool); 8] = [
    ("equal:", Operator::Equal, false),
    ("not_equal:", Operator::NotEqual, false),
    ("starts_with:", Operator::StartsWith, false),
    ("ends_with:", Operator::EndsWith, false),
    ("contains:", Operator::Contains, false),
    ("starts_with_case_sensitive:", Operator::StartsWith, true),
    ("ends_with_case_sensitive:", Operator::EndsWith, true),
    ("contains_case_sensitive:", Operator::Contains, true),
];

impl TextFilter {
    /// Reads a filter; a text without an operator must be equal.
    pub fn parse(text: &str) -> TextFilter {
        let found = OPERATORS.iter().find_map(|(word, operator, is_exact)| {
            let text = text.strip_prefix(word)?;
            Some(TextFilter { operator: *operator, text: text.to_owned(), is_exact: *is_exact })
        });
        found.unwrap_or_else(|| TextFilter { operator: Operator::Equal, text: text.to_owned(), is_exact: false })
    }

    /// Whether a text is like that.
    pub fn takes(&self, text: &str) -> bool {
        let (wanted, text) = match self.is_exact {
            true => (self.text.clone(), text.to_owned()),
            false => (NameKey::of(&self.text).as_str().to_owned(), NameKey::of(text).as_str().to_owned()),
        };
        match self.operator {
            Operator::Equal => text == wanted,
            Operator::NotEqual => text != wanted,
            Operator::StartsWith => text.starts_with(&wanted),
            Operator::EndsWith => text.ends_with(&wanted),
            Operator::Contains => text.contains(&wanted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_says_how_a_text_is_compared() {
        for (filter, taken) in [
            ("shop.example", true),
            ("Shop.Example", true),
            ("shop", false),
            ("equal:shop.example", true),
            ("not_equal:shop.example", false),
            ("not_equal:x", true),
            ("starts_with:SHOP", true),
            ("starts_with_case_sensitive:SHOP", false),
            ("ends_with:.example", true),
            ("ends_with_case_sensitive:.Example", false),
            ("contains:op.ex", true),
            ("contains_case_sensitive:op.ex", true),
            ("contains:", true),
            ("near:shop.example", false),
        ] {
            assert_eq!(TextFilter::parse(filter).takes("shop.example"), taken, "{filter}");
        }
    }
}
