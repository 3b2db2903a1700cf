//! Lists in pages (spec 2): `?cursor=&limit=` in, `{items, next_cursor}` out.

use super::Problem;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Items of a page whose request names no limit, and at most.
const LIMIT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// What a request says of the page it wants. With `#[serde(flatten)]` numbers would not be read: put the fields
/// beside filters instead.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct PageQuery {
    /// From the page before; none is the first page.
    pub cursor: Option<String>,
    /// Items at most, 1 to 100.
    pub limit: Option<u32>,
}

impl PageQuery {
    /// Items at most.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
    }

    /// Where the page before ended: the sort key of its last item.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let read = |cursor: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok();
        let unreadable = || Problem::bad_request("invalid_cursor", "cursor: not one of ours");
        self.cursor.as_deref().map(|cursor| read(cursor).ok_or_else(unreadable)).transpose()
    }
}

/// One page.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Page<T> {
    /// In order.
    pub items: Vec<T>,
    /// For the next page; none after the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Of items that were asked for with one more than the limit, which says whether there is a next page. `key` is
    /// what they are sorted by.
    pub fn of<K: Serialize>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more).and_then(|last| serde_json::to_vec(&key(last)).ok());
        Self { items, next_cursor: last.map(|key| URL_SAFE_NO_PAD.encode(key)) }
    }
}

/// What a request searches for: PostgreSQL knows no text with a NUL in it.
pub(super) fn searched(text: &str) -> String {
    text.replace('\0', "").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_to_the_last() {
        let numbers: Vec<u32> = (1..=5).collect();
        let mut query = PageQuery { cursor: None, limit: Some(2) };
        let mut seen = Vec::new();
        loop {
            let after: u32 = query.after().expect("ours").unwrap_or(0);
            let found =
                numbers.iter().copied().filter(|n| *n > after).take(query.limit() as usize + 1).collect();
            let page = Page::of(found, query.limit(), |n| *n);
            seen.extend(page.items);
            let Some(next) = page.next_cursor else { break };
            query.cursor = Some(next);
        }
        assert_eq!(seen, numbers);
    }

    #[test]
    fn a_cursor_that_is_not_ours_is_refused() {
        let query = PageQuery { cursor: Some("%%%".to_owned()), limit: Some(1_000) };
        assert!(query.after::<u32>().is_err());
        assert_eq!(query.limit(), 100);
    }
}
