//! stub
#[derive(Debug, Clone, PartialEq)]
pub struct Phrases(Vec<String>);
impl Phrases {
    pub(crate) fn try_new(t: Vec<String>) -> Result<Self, crate::Error> {
        for (i, x) in t.iter().enumerate() {
            if !x.bytes().any(|b| b.is_ascii_alphanumeric()) {
                return Err(
                    crate::Error::value(format!("`{x}` has no word")).within(format_args!("[{i}]"))
                );
            }
        }
        Ok(Self(t))
    }
    pub(crate) fn texts(&self) -> &[String] {
        &self.0
    }
    pub(crate) fn any_in(&self, p: &str) -> bool {
        self.0.iter().any(|x| p.contains(x.as_str()))
    }
    pub(crate) fn all_in(&self, p: &str) -> bool {
        self.0.iter().all(|x| p.contains(x.as_str()))
    }
}
pub fn prompt_group(p: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(p.as_bytes()).into()
}
