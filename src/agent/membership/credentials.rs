//! Which token goes with which request.

use secrecy::SecretString;

/// The credentials to try, own ones first.
#[derive(Debug)]
pub(super) struct Credentials {
    ring: Vec<Credential>,
    at: usize,
}

#[derive(Debug)]
enum Credential {
    Own(SecretString),
    Join(SecretString),
    Nothing,
}

impl Credentials {
    pub(super) fn new(
        own: impl IntoIterator<Item = SecretString>,
        join: Option<SecretString>,
    ) -> Self {
        let mut ring: Vec<_> = own.into_iter().map(Credential::Own).collect();
        ring.push(join.map_or(Credential::Nothing, Credential::Join));
        Self { ring, at: 0 }
    }

    pub(super) fn to_register(&self) -> Option<&SecretString> {
        match &self.ring[self.at] {
            Credential::Own(token) | Credential::Join(token) => Some(token),
            Credential::Nothing => None,
        }
    }

    /// A join token is for joining only, so beats never carry it.
    pub(super) fn to_beat(&self) -> Option<&SecretString> {
        match &self.ring[self.at] {
            Credential::Own(token) => Some(token),
            Credential::Join(_) | Credential::Nothing => None,
        }
    }

    /// Moves on after a refusal; true when all were refused.
    pub(super) fn refused(&mut self) -> bool {
        self.at = (self.at + 1) % self.ring.len();
        self.at == 0
    }

    /// A token is issued only when no other lives, so the old ones are dead.
    pub(super) fn received(&mut self, token: SecretString) {
        self.ring.retain(|credential| !matches!(credential, Credential::Own(_)));
        self.ring.insert(0, Credential::Own(token));
        self.at = 0;
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn credentials_are_tried_in_turn_and_a_join_token_never_beats() {
        let own = ["given", "stored"].map(SecretString::from);
        let mut credentials = Credentials::new(own, Some(SecretString::from("join")));
        let seen = |c: &Credentials| c.to_register().map(|t| t.expose_secret().to_owned());
        assert_eq!(seen(&credentials).as_deref(), Some("given"));
        assert!(!credentials.refused());
        assert_eq!(seen(&credentials).as_deref(), Some("stored"));
        assert!(!credentials.refused());
        assert_eq!(seen(&credentials).as_deref(), Some("join"));
        assert!(credentials.to_beat().is_none());
        assert!(credentials.refused(), "all were refused");

        credentials.received(SecretString::from("fresh"));
        assert_eq!(credentials.to_beat().unwrap().expose_secret(), "fresh");
        assert_eq!(credentials.ring.len(), 2);
    }
}
