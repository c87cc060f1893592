//! A DNS that a test writes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use server::sso_verification::{LookUp, LookUpFailed, TxtRecords};

/// TXT records by domain. A domain that nobody published has none.
#[derive(Default)]
pub struct ScriptedDns(Mutex<BTreeMap<String, Result<Vec<String>, String>>>);

impl ScriptedDns {
    /// Adds a record.
    pub fn publish(&self, domain: &str, record: &str) {
        let mut domains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match domains.entry(domain.to_owned()).or_insert_with(|| Ok(vec![])) {
            Ok(records) => records.push(record.to_owned()),
            silent => *silent = Ok(vec![record.to_owned()]),
        }
    }

    /// Removes the records of a domain.
    pub fn withdraw(&self, domain: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(domain);
    }

    /// From now on nobody answers for the domain.
    pub fn silence(&self, domain: &str) {
        let mut domains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        domains.insert(domain.to_owned(), Err("nobody answers".to_owned()));
    }
}

impl TxtRecords for ScriptedDns {
    fn look_up<'a>(&'a self, domain: &'a str) -> LookUp<'a> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(domain).cloned();
        Box::pin(async { answer.unwrap_or_else(|| Ok(vec![])).map_err(LookUpFailed) })
    }
}
