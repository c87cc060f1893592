//! What the words of a question mean: its kinds, types and actions. What cannot be understood is told by its place in the
//! body, with what would be right.

use std::fmt;
use std::sync::Arc;

use catalog::{CallResource, Catalog, ResourceType, ResourceTypeIndex};
use engine::question::action::{self, Named};
use engine::question::resource;
use engine::question::subject::SubjectKind;

use crate::access::body::{ActionField, Context, Entity, Given, Question, Text};
use crate::access::door::Refusal;
use crate::access::memo::Memo;

/// Where in the body a question stands.
#[derive(Clone, Copy)]
pub enum Place {
    /// It is the body.
    Top,
    /// It is one of several.
    Item(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Top => Ok(()),
            Place::Item(index) => write!(f, "/evaluations/{index}"),
        }
    }
}

/// A field of a question; written as a JSON pointer.
#[derive(Clone, Copy)]
pub struct Field {
    place: Place,
    name: &'static str,
    below: Option<&'static str>,
}

impl Field {
    /// A field of the question at that place.
    pub fn of(place: Place, name: &'static str) -> Field {
        Field { place, name, below: None }
    }

    /// A field of that field.
    pub fn below(self, name: &'static str) -> Field {
        Field { below: Some(name), ..self }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}/{}", self.place, self.name)?;
        if let Some(below) = self.below {
            write!(f, "/{below}")?;
        }
        f.write_str("`")
    }
}

/// What a question is about.
pub enum About<'q> {
    /// A resource, by its type and its id or key.
    Resource(&'q ResourceType, &'q str),
    /// What the path of a call names.
    Call(Arc<CallResource>),
}

/// A question whose words are understood.
pub struct Asked<'q> {
    /// Who.
    pub subject: (SubjectKind, &'q str),
    /// What is done.
    pub action: Arc<Named>,
    /// To what.
    pub resource: About<'q>,
    /// Under what circumstances.
    pub context: Option<&'q Context<'q>>,
}

/// The words that were looked up for one request.
pub struct Words<'q> {
    catalog: &'q Catalog,
    actions: Memo<&'q str, Option<Arc<Named>>>,
}

impl<'q> Words<'q> {
    /// None so far.
    pub fn new(catalog: &'q Catalog) -> Words<'q> {
        Words { catalog, actions: Memo::default() }
    }

    /// Makes out one of several questions.
    ///
    /// # Errors
    /// As for [`Words::understand`].
    pub fn item(
        &mut self,
        given: &'q Given<Question<'q>>,
        defaults: &'q Question<'q>,
        index: usize,
    ) -> Result<Asked<'q>, Refusal> {
        let place = Place::Item(index);
        match given {
            Given::Value(question) if question.at == Given::Absent => self.understand(question, defaults, place),
            Given::Value(_) => {
                Err(bad(Field::of(place, "at"), "all questions of a request have one moment: give `/at`"))
            }
            Given::Absent => Err(Refusal::bad(format!("`{place}`: must be an object, not null"))),
            Given::Wrong(kind) => Err(Refusal::bad(format!("`{place}`: must be an object, not {kind}"))),
        }
    }

    /// Makes out a whole question. What it leaves out is as in `defaults`.
    ///
    /// # Errors
    /// What is missing, of another kind, or not known.
    pub fn understand(
        &mut self,
        question: &'q Question<'q>,
        defaults: &'q Question<'q>,
        place: Place,
    ) -> Result<Asked<'q>, Refusal> {
        // Where a default is at fault, it is named, and not the question that it stands in for.
        fn pick<'q, T>(
            own: &'q Given<T>,
            default: &'q Given<T>,
            place: Place,
            name: &'static str,
        ) -> (&'q Given<T>, Field) {
            match (own, default) {
                (Given::Absent, Given::Value(_) | Given::Wrong(_)) => (default, Field::of(Place::Top, name)),
                (Given::Absent | Given::Value(_) | Given::Wrong(_), _) => (own, Field::of(place, name)),
            }
        }
        let (subject, field) = pick(&question.subject, &defaults.subject, place, "subject");
        let subject = self.subject(subject, field)?;
        let (action, field) = pick(&question.action, &defaults.action, place, "action");
        let action = self.action(action, field)?;
        let (resource, field) = pick(&question.resource, &defaults.resource, place, "resource");
        let resource = self.about(resource, field, &action)?;
        let (context, field) = pick(&question.context, &defaults.context, place, "context");
        let context = expect_object(context, field)?;
        Ok(Asked { subject, action, resource, context })
    }

    /// Who: a kind and an id.
    ///
    /// # Errors
    /// As for [`Words::understand`].
    pub fn subject(&self, given: &'q Given<Entity<'q>>, field: Field) -> Result<(SubjectKind, &'q str), Refusal> {
        let kind = subject_kind(given, field)?;
        Ok((kind, text(&required(given, field)?.id, field.below("id"))?))
    }

    /// What is done.
    ///
    /// # Errors
    /// As for [`Words::understand`].
    pub fn action(&mut self, given: &'q Given<ActionField<'q>>, field: Field) -> Result<Arc<Named>, Refusal> {
        let action = required(given, field)?;
        expect_object(&action.properties, field.below("properties"))?;
        let field = field.below("name");
        let name = text(&action.name, field)?;
        let catalog = self.catalog;
        let place = self.actions.place(name, || Named::of(catalog, name).map(Arc::new));
        let action = self.actions.at(place).clone();
        let right = action::WORDS;
        action.ok_or_else(|| bad(field, format_args!("`{name}` is not known; give {right}")))
    }

    /// To what: as the question says, or as the path of its call does.
    ///
    /// # Errors
    /// As for [`Words::understand`].
    pub fn about(&self, given: &'q Given<Entity<'q>>, field: Field, action: &Named) -> Result<About<'q>, Refusal> {
        match (given, call_named_by(action)) {
            (Given::Absent, Some(call)) => Ok(About::Call(call)),
            (given, _) => self.resource(given, field),
        }
    }

    /// To what: a type and an id.
    ///
    /// # Errors
    /// As for [`Words::understand`].
    pub fn resource(&self, given: &'q Given<Entity<'q>>, field: Field) -> Result<About<'q>, Refusal> {
        let kind = self.resource_type(given, field)?;
        Ok(About::Resource(kind, text(&required(given, field)?.id, field.below("id"))?))
    }

    /// To what: the type alone.
    ///
    /// # Errors
    /// As for [`Words::understand`].
    pub fn resource_type(&self, given: &'q Given<Entity<'q>>, field: Field) -> Result<&'q ResourceType, Refusal> {
        let entity = required(given, field)?;
        expect_object(&entity.properties, field.below("properties"))?;
        let field = field.below("type");
        let word = text(&entity.kind, field)?;
        resource::type_named(self.catalog, word).ok_or_else(|| {
            let names = self.catalog.resource_types().iter().map(|kind| format!("`{}`", kind.name));
            let names = names.collect::<Vec<_>>().join(", ");
            bad(field, format_args!("`{word}` is not known; the types are {names}"))
        })
    }
}

/// What a call is about, if its path names one resource, or an account.
fn call_named_by(action: &Named) -> Option<Arc<CallResource>> {
    let call = action.call.as_ref()?;
    let is_account = call.kind == ResourceTypeIndex::ACCOUNT && call.account.is_some();
    let is_resource = call.kind != ResourceTypeIndex::USER && call.id.is_some();
    (is_account || is_resource).then(|| Arc::new(call.clone()))
}

/// Who: the kind alone.
///
/// # Errors
/// As for [`Words::understand`].
pub fn subject_kind(given: &Given<Entity<'_>>, field: Field) -> Result<SubjectKind, Refusal> {
    let entity = required(given, field)?;
    expect_object(&entity.properties, field.below("properties"))?;
    let field = field.below("type");
    let word = text(&entity.kind, field)?;
    SubjectKind::named(word).ok_or_else(|| {
        let names = SubjectKind::ALL.map(|kind| format!("`{}`", kind.as_str())).join(", ");
        bad(field, format_args!("`{word}` is not known; the types are {names}"))
    })
}

/// A fault, with its place.
pub fn bad(field: Field, what: impl fmt::Display) -> Refusal {
    Refusal::bad(format!("{field}: {what}"))
}

fn required<T>(given: &Given<T>, field: Field) -> Result<&T, Refusal> {
    match given {
        Given::Value(value) => Ok(value),
        Given::Absent => Err(bad(field, "must be present")),
        Given::Wrong(kind) => Err(bad(field, format_args!("must be an object, not {kind}"))),
    }
}

/// The object, if it is there.
///
/// # Errors
/// Something else is there.
pub fn expect_object<T>(given: &Given<T>, field: Field) -> Result<Option<&T>, Refusal> {
    match given {
        Given::Value(value) => Ok(Some(value)),
        Given::Absent => Ok(None),
        Given::Wrong(kind) => Err(bad(field, format_args!("must be an object, not {kind}"))),
    }
}

fn text<'q>(given: &'q Text<'q>, field: Field) -> Result<&'q str, Refusal> {
    match given {
        Given::Value(text) => Ok(text),
        Given::Absent => Err(bad(field, "must be present")),
        Given::Wrong(kind) => Err(bad(field, format_args!("must be a string, not {kind}"))),
    }
}
