//! The templates of paths, taken apart: `/accounts/{account_id}/members` is two words with a parameter between them.

/// One segment of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment<'t> {
    /// A word that stands for itself.
    Literal(&'t str),
    /// A parameter, by its name.
    Parameter(&'t str),
    /// Words and parameters mixed, such as `{scan_id}.png`.
    Mixed(&'t str),
}

/// A piece of a mixed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Literal(&'t str),
    Parameter(&'t str),
}

/// The segments of a well-formed template.
pub(crate) fn segments(template: &str) -> impl Iterator<Item = Segment<'_>> {
    template.split('/').skip(1).filter(|text| !text.is_empty()).map(|text| {
        match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !name.contains(['{', '}']) => Segment::Parameter(name),
            Some(_) => Segment::Mixed(text),
            None if text.contains('{') => Segment::Mixed(text),
            None => Segment::Literal(text),
        }
    })
}

/// The pieces of a mixed segment, in order.
pub(crate) fn pieces(mixed: &str) -> impl Iterator<Item = Piece<'_>> + Clone {
    let mut rest = mixed;
    std::iter::from_fn(move || {
        let (piece, after) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, after)) => (Piece::Parameter(name), after),
            None => {
                // A brace that nothing closes is text too, so that every turn takes something.
                let at = rest.char_indices().skip(1).find(|(_, letter)| *letter == '{');
                let (literal, after) = rest.split_at(at.map_or(rest.len(), |(at, _)| at));
                (Piece::Literal(literal), after)
            }
        };
        let more = !rest.is_empty();
        rest = after;
        more.then_some(piece)
    })
}

/// The values that a mixed segment's parameters have in a text, in order; `None` where the text does not fit. Of
/// several ways to fit, each value but the last is as short as can be.
pub(crate) fn values<'v>(mixed: &str, text: &'v str) -> Option<Vec<&'v str>> {
    let mut values = Vec::new();
    let mut rest = text;
    let mut pieces = pieces(mixed).peekable();
    while let Some(piece) = pieces.next() {
        match (piece, pieces.peek()) {
            (Piece::Literal(literal), _) => rest = rest.strip_prefix(literal)?,
            (Piece::Parameter(_), None) => values.push(std::mem::take(&mut rest)),
            (Piece::Parameter(_), Some(Piece::Parameter(_))) => return None,
            (Piece::Parameter(_), Some(Piece::Literal(literal))) => {
                let (literal, is_last) = (*literal, pieces.clone().count() == 1);
                // A value has at least one character, so the literal is looked for after it.
                let from = rest.chars().next()?.len_utf8();
                let at = match is_last {
                    true => {
                        rest.len().checked_sub(literal.len()).filter(|at| *at >= from && rest.ends_with(literal))?
                    }
                    false => from + rest[from..].find(literal)?,
                };
                let (value, after) = rest.split_at(at);
                values.push(value);
                rest = after;
            }
        }
    }
    (rest.is_empty() && values.iter().all(|value| !value.is_empty())).then_some(values)
}

/// What is wrong with a template, if something is.
pub(crate) fn fault(template: &str) -> Option<&'static str> {
    let Some(path) = template.strip_prefix('/') else {
        return Some("must begin with `/` and put parameters in braces");
    };
    if path.contains(|letter: char| letter.is_whitespace() || letter.is_control() || "?#%".contains(letter)) {
        return Some("must not contain `?`, `#`, `%` or white space: it is written decoded, and without a query");
    }
    if path.is_empty() {
        return None;
    }
    for segment in path.split('/') {
        if matches!(segment, "" | "." | "..") {
            return Some("must have a word or a parameter between two `/`, and none after the last");
        }
        let mut after_parameter = false;
        for piece in pieces(segment) {
            match piece {
                Piece::Literal(text) if text.contains(['{', '}']) => return Some(BRACES),
                Piece::Parameter(name) if name.is_empty() || name.contains('{') => return Some(BRACES),
                Piece::Parameter(_) if after_parameter => return Some("must have something between two parameters"),
                Piece::Literal(_) | Piece::Parameter(_) => after_parameter = matches!(piece, Piece::Parameter(_)),
            }
        }
    }
    None
}

const BRACES: &str = "must have each parameter's name in a pair of braces";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_taken_apart() {
        let template = "/accounts/{account_id}/shots/{scan_id}.png/members:batch";
        let expected = [
            Segment::Literal("accounts"),
            Segment::Parameter("account_id"),
            Segment::Literal("shots"),
            Segment::Mixed("{scan_id}.png"),
            Segment::Literal("members:batch"),
        ];
        assert!(segments(template).eq(expected));
        assert!(segments("/").next().is_none());
        assert!(pieces("a{b}.{c}").eq([
            Piece::Literal("a"),
            Piece::Parameter("b"),
            Piece::Literal("."),
            Piece::Parameter("c")
        ]));
    }

    #[test]
    fn an_unclosed_brace_is_text() {
        assert!(pieces("{a").eq([Piece::Literal("{a")]));
        assert!(pieces("é{a{b}").eq([Piece::Literal("é"), Piece::Parameter("a{b")]));
        assert!(pieces("{{").eq([Piece::Literal("{"), Piece::Literal("{")]));
    }

    #[test]
    fn a_mixed_segment_gives_its_values_or_does_not_fit() {
        assert_eq!(values("{event_t}.{event_n}", "17.4"), Some(vec!["17", "4"]));
        assert_eq!(values("{event_t}.{event_n}", "17.4.5"), Some(vec!["17", "4.5"]));
        assert_eq!(values("{scan_id}.png", "a.png.png"), Some(vec!["a.png"]));
        assert_eq!(values("v{a}-{b}.x", "v1-2.x"), Some(vec!["1", "2"]));
        for misfit in [".png", "png", "a.png.jpg", ""] {
            assert_eq!(values("{scan_id}.png", misfit), None, "{misfit}");
        }
        assert_eq!(values("{a}.{b}", "1."), None);
        assert_eq!(values("{a}.{b}", ".1"), None);
        assert_eq!(values("{a}.{b}", "ä.ö"), Some(vec!["ä", "ö"]));
    }

    #[test]
    fn what_is_no_template_is_told() {
        for good in ["/", "/accounts/{account_id}", "/a/{b}.{c}", "/a/x:y"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            "",
            "a",
            "//",
            "/a/",
            "/a//b",
            "/a/{b",
            "/a/b}",
            "/a/{}",
            "/a/{b{c}}",
            "/a/{b}{c}",
            "/a b",
            "/a?b",
            "/a/..",
            "/%41",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
