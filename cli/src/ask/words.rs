//! Subjects and resources as they are typed.

use std::str::FromStr;

use engine::question::resource::{type_named, write_key};
use engine::question::subject::SubjectKind;

/// Who is asked about: a kind, and an id or address.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The kind.
    pub kind: SubjectKind,
    /// The id; of a user also its address.
    pub id: String,
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Subject, String> {
        let parts = text.split_once(':').and_then(|(kind, id)| Some((SubjectKind::named(kind)?, id)));
        match parts {
            Some((kind, id)) if !id.is_empty() => Ok(Subject { kind, id: id.to_owned() }),
            // An address alone can only be that of a user.
            None if text.contains('@') && !text.contains(':') => {
                Ok(Subject { kind: SubjectKind::User, id: text.to_owned() })
            }
            Some(_) | None => Err("must be user:E-MAIL, user:ID, member:ID, token:ID or user_group:ID".to_owned()),
        }
    }
}

/// What is asked about: a resource by its type and id, or by its key. Which types there are, the catalogue says.
#[derive(Clone, Debug)]
pub struct Resource(String);

impl FromStr for Resource {
    type Err = String;

    fn from_str(text: &str) -> Result<Resource, String> {
        let is_shaped = match text.split_once(':') {
            Some((kind, id)) => !kind.is_empty() && !id.is_empty(),
            None => text.contains('.'),
        };
        match is_shaped {
            true => Ok(Resource(text.to_owned())),
            false => {
                Err("must be TYPE:ID, such as zone:ID, or a resource key, such as com.cloudflare.api.account.zone.ID"
                    .to_owned())
            }
        }
    }
}

impl Resource {
    /// Its key.
    ///
    /// # Errors
    /// A type that the catalogue does not know.
    pub fn key(&self, catalog: &catalog::Catalog) -> anyhow::Result<String> {
        let Some((kind, id)) = self.0.split_once(':') else { return Ok(self.0.clone()) };
        let Some(kind) = type_named(catalog, kind) else {
            anyhow::bail!("resource type `{kind}` is not known; give its short name, such as `zone`, or its key");
        };
        let mut key = String::new();
        write_key(kind, id, &mut key);
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_kind_and_an_id_or_an_address() {
        let read = |text: &str| text.parse::<Subject>().map(|subject| (subject.kind.as_str(), subject.id)).ok();
        let id = "0123456789abcdef0123456789abcdef".to_owned();
        assert_eq!(read(&format!("token:{id}")), Some(("token", id.clone())));
        assert_eq!(read("user:bea@example.com"), Some(("user", "bea@example.com".to_owned())));
        assert_eq!(read("bea@example.com"), Some(("user", "bea@example.com".to_owned())));
        for bad in ["", "bea", "member:", "robot:7", &id, "group:bea@example.com"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_resource_is_a_type_and_an_id_or_a_key() {
        let catalog = catalog::Catalog::builtin();
        let key = |text: &str| text.parse::<Resource>().ok().and_then(|resource| resource.key(&catalog).ok());
        let zone = Some("com.cloudflare.api.account.zone.7".to_owned());
        assert_eq!(key("zone:7"), zone);
        assert_eq!(key("com.cloudflare.api.account.zone.7"), zone);
        assert_eq!(key("com.cloudflare.api.account.zone:7"), zone);
        for bad in ["", "zone", "zone:", ":7", "planet:7"] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }
}
