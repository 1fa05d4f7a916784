//! What was wrong with a campaign, as a problem that points at the field.

use domain::control::ControlError;
use engine::CampaignTrouble;
use engine::import::ImportError;

use crate::problem::{Kind, Problem, kind_of, report};

impl From<CampaignTrouble> for Problem {
    fn from(trouble: CampaignTrouble) -> Self {
        if matches!(trouble, CampaignTrouble::KeyReused) {
            return Self::new(Kind::IdempotencyMismatch);
        }
        if let CampaignTrouble::Funds { short, .. } = trouble {
            return Self::new(Kind::of_short(short)).with(trouble.explain());
        }
        if let CampaignTrouble::Control(error @ ControlError::Changed(_)) = trouble {
            return error.into();
        }
        if let Some(pointer) = pointer(&trouble) {
            return Self::field(pointer, trouble.explain());
        }
        let kind = kind_of(trouble.whose(), Kind::InvalidField);
        report(kind, &trouble);
        Self::new(kind).with(trouble.explain())
    }
}

/// An upload that a draft names and that is not there: the draft's fault.
pub(super) fn no_file() -> Problem {
    Problem::from(CampaignTrouble::File(ImportError::NoSuchFile))
}

/// The field whose fault it is, if it is one's.
fn pointer(trouble: &CampaignTrouble) -> Option<String> {
    use CampaignTrouble as T;
    Some(match trouble {
        T::Name { .. } => "/name".to_owned(),
        T::Signature(_) => "/signature".to_owned(),
        T::NoText | T::Template(_) | T::UnknownVariables { .. } => "/text".to_owned(),
        T::NoSuchTemplate => "/template".to_owned(),
        T::NoSuchRoute => "/route".to_owned(),
        T::ScheduleInPast => "/scheduled_at".to_owned(),
        T::TestNumber { place, .. } => format!("/test_numbers/{}", place.saturating_sub(1)),
        T::TooManyTestNumbers => "/test_numbers".to_owned(),
        T::NoTags => "/audience/tags".to_owned(),
        T::NobodyThere => "/audience".to_owned(),
        T::Canary => "/canary".to_owned(),
        T::Limits => "/limits".to_owned(),
        T::ResendStates => "/states".to_owned(),
        T::Speed => "/speed".to_owned(),
        T::Validity => "/valid_for_seconds".to_owned(),
        T::File(ImportError::NoSuchFile) => "/audience/import".to_owned(),
        T::File(ImportError::Mapping { .. } | ImportError::NoPhoneColumn { .. }) => {
            "/audience/mapping".to_owned()
        }
        _ => return None,
    })
}
