//! The wire switch: where generations of clients model the same answer differently, this one place decides which they
//! get (D27, D38; W1, W2).
//!
//! | client, by `X-Stainless-Lang` and `-Package-Version` | `scope` | add-members result |
//! | --- | --- | --- |
//! | js 7 and later, python 5 and later | object | array |
//! | js before 6, python before 5, go before 7 | array | object |
//! | js 6, Terraform, later go, and all that do not say | array | array |

use axum::http::HeaderMap;

use crate::settings::WireShapes;

/// How one client gets the answers that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shapes {
    /// `scope` as an array of one.
    pub scope_is_array: bool,
    /// The members that were added as an array; else the first one as an object.
    pub added_members_are_array: bool,
}

const ARRAYS: Shapes = Shapes { scope_is_array: true, added_members_are_array: true };

impl Shapes {
    /// Decides for a client.
    pub fn of(setting: WireShapes, headers: &HeaderMap) -> Shapes {
        match setting {
            WireShapes::Array => ARRAYS,
            WireShapes::Object => Shapes { scope_is_array: false, added_members_are_array: false },
            WireShapes::Auto => Shapes::of_client(headers),
        }
    }

    fn of_client(headers: &HeaderMap) -> Shapes {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let version = text("x-stainless-package-version").trim_start_matches('v');
        let Some(major) = version.split('.').next().and_then(|major| major.parse::<u32>().ok()) else { return ARRAYS };
        let language = text("x-stainless-lang");
        let newer = Shapes { scope_is_array: false, added_members_are_array: true };
        let older = Shapes { scope_is_array: true, added_members_are_array: false };
        match language.to_ascii_lowercase().as_str() {
            "js" if major >= 7 => newer,
            "python" if major >= 5 => newer,
            "js" if major < 6 => older,
            "python" => older,
            "go" if major < 7 => older,
            _ => ARRAYS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(lang: &str, version: &str) -> (bool, bool) {
        let mut headers = HeaderMap::new();
        headers.insert("x-stainless-lang", lang.parse().unwrap());
        headers.insert("x-stainless-package-version", version.parse().unwrap());
        let shapes = Shapes::of(WireShapes::Auto, &headers);
        (shapes.scope_is_array, shapes.added_members_are_array)
    }

    #[test]
    fn each_generation_gets_its_own_shape() {
        assert_eq!(shapes("js", "7.3.0"), (false, true));
        assert_eq!(shapes("js", "6.5.0"), (true, true));
        assert_eq!(shapes("js", "5.2.0"), (true, false));
        assert_eq!(shapes("python", "5.9.0"), (false, true));
        assert_eq!(shapes("python", "4.3.1"), (true, false));
        assert_eq!(shapes("go", "6.6.0"), (true, false));
        assert_eq!(shapes("go", "v6.10.0"), (true, false));
        assert_eq!(shapes("go", "7.7.0"), (true, true));
        assert_eq!(shapes("Terraform", "5.22.0"), (true, true));
        assert_eq!(shapes("js", "next"), (true, true));
        assert_eq!(Shapes::of(WireShapes::Auto, &HeaderMap::new()), ARRAYS);
    }

    #[test]
    fn a_setting_pins_the_shape_for_all() {
        let mut headers = HeaderMap::new();
        headers.insert("x-stainless-lang", "python".parse().unwrap());
        headers.insert("x-stainless-package-version", "5.9.0".parse().unwrap());
        assert!(Shapes::of(WireShapes::Array, &headers).scope_is_array);
        assert!(!Shapes::of(WireShapes::Object, &HeaderMap::new()).scope_is_array);
    }
}
