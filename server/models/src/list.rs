//! The list of a provider's models.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, drive};
use crate::error::ModelError;
use crate::redact::{has_key, is_hidden};
use crate::secret::Secret;

/// Most models that are listed.
const MAX_MODELS: usize = 10_000;

/// A model that a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    pub id: String,
    /// Most tokens of question and reply, where the provider says so.
    pub context: Option<u64>,
}

impl Client {
    /// The models that the provider has for this key, by name.
    ///
    /// # Errors
    /// Those of [`Client::ask`]. Nothing is tried again.
    pub async fn models(&self, cancel: &CancellationToken) -> Result<Vec<ModelInfo>, ModelError> {
        let path = self.settings.protocol.models_path();
        let list = self.within(self.read_json(self.get(path), path), cancel).await?;
        read(&list, self.settings.limits.name_bytes, self.settings.key.as_ref())
            .ok_or_else(|| self.malformed("this is no list of models"))
    }

    /// The same from a plain thread, as [`Client::ask_blocking`].
    ///
    /// # Errors
    /// Those of [`Client::models`], and [`ModelError::NoRuntime`].
    pub fn models_blocking(&self, stopped: &dyn Fn() -> bool) -> Result<Vec<ModelInfo>, ModelError> {
        drive(stopped, async |cancel| self.models(cancel).await)
    }
}

/// Reads `{"data": [{"id": …}]}`, or the bare list. Names that nobody could print, or that have the key, are left out.
fn read(list: &Value, name_bytes: usize, key: Option<&Secret>) -> Option<Vec<ModelInfo>> {
    let entries = list["data"].as_array().or_else(|| list.as_array())?;
    let mut models: Vec<ModelInfo> = entries
        .iter()
        .take(MAX_MODELS)
        .filter_map(|entry| {
            let id = entry["id"].as_str()?;
            let fits = !id.is_empty() && id.len() <= name_bytes && !id.chars().any(is_hidden) && !has_key(id, key);
            // OpenRouter, Mistral, vLLM, Groq, Anthropic, llama.cpp.
            let names = ["context_length", "max_context_length", "max_model_len", "context_window", "max_input_tokens"];
            let context =
                names.iter().find_map(|name| entry[*name].as_u64()).or_else(|| entry["meta"]["n_ctx"].as_u64());
            fits.then(|| ModelInfo { id: id.to_owned(), context })
        })
        .collect();
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models.dedup_by(|a, b| a.id == b.id);
    Some(models)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_every_shape() {
        let info = |id: &str, context| ModelInfo { id: id.to_owned(), context };
        let list = json!({"object": "list", "data": [
            {"id": "b", "context_length": 8}, {"id": "a", "max_model_len": 9, "x": 1}, {"id": "b"}, {"id": 7}, {"id": ""},
            {"id": "bad\u{202e}"}, {"id": "x".repeat(300)}, {"id": "c", "meta": {"n_ctx": 2048}},
        ]});
        let expected = [info("a", Some(9)), info("b", Some(8)), info("c", Some(2048))];
        assert_eq!(read(&list, 256, None).unwrap(), expected);
        assert_eq!(read(&json!([{"id": "a"}]), 256, None).unwrap(), [info("a", None)]);
        assert_eq!(read(&json!({"data": []}), 256, None).unwrap(), []);
        assert_eq!(read(&json!({"error": "no"}), 256, None), None);
        let key = Secret::new("sk-proj-abcdefghijklmnop1234").unwrap();
        let list = json!([{"id": "a"}, {"id": "sk-proj-abcdefghijklmnop1234"}, {"id": "of-abcdefghijkl"}]);
        assert_eq!(read(&list, 256, Some(&key)).unwrap(), [info("a", None)]);
    }
}
