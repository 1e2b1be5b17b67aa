//! Who can make a segment, in their order, and which of them a policy allows. A policy is a hard limit: it is held at the claim
//! and again where a request leaves.

mw_kernel::words! {
    /// An engine, in the order in which they are tried.
    Engine {
        /// FFmpeg on the worker itself.
        LocalFfmpeg = "local_ffmpeg",
        /// ComfyUI beside the worker.
        LocalComfyui = "local_comfyui",
        /// A generation service on the network.
        ApiLuma = "api_luma",
    }
}

impl Engine {
    /// Whether nothing leaves the premises.
    pub fn is_local(self) -> bool {
        match self {
            Engine::LocalFfmpeg | Engine::LocalComfyui => true,
            Engine::ApiLuma => false,
        }
    }

    /// Whether it makes new pictures of what it is shown; the others only move and cut what they are given.
    pub fn is_generative(self) -> bool {
        match self {
            Engine::LocalFfmpeg => false,
            Engine::LocalComfyui | Engine::ApiLuma => true,
        }
    }

    /// Its name where limits and breakers are kept, in the letters that names of providers have there.
    pub const fn provider(self) -> &'static str {
        match self {
            Engine::LocalFfmpeg => "local-ffmpeg",
            Engine::LocalComfyui => "local-comfyui",
            Engine::ApiLuma => "api-luma",
        }
    }
}

mw_kernel::words! {
    /// Which engines a job may use.
    #[derive(Default)]
    Policy {
        /// Nothing leaves the premises, whatever else is said.
        LocalOnly = "local_only",
        /// The first healthy engine, a local one if there is one.
        #[default]
        LocalPreferred = "local_preferred",
        /// The services on the network, even if local engines are healthy.
        ApiOnly = "api_only",
    }
}

impl Policy {
    /// Whether the engine may be used.
    pub fn allows(self, engine: Engine) -> bool {
        match self {
            Policy::LocalOnly => engine.is_local(),
            Policy::LocalPreferred => true,
            Policy::ApiOnly => !engine.is_local(),
        }
    }

    /// The policy of a job while an operator's override is on. `local_only` is never loosened.
    pub fn under(self, over: Option<Policy>) -> Policy {
        match self {
            Policy::LocalOnly => Policy::LocalOnly,
            Policy::LocalPreferred | Policy::ApiOnly => over.unwrap_or(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_allows_what_its_name_says() {
        let allowed = |policy: Policy| Engine::ALL.iter().filter(|engine| policy.allows(**engine)).count();
        assert_eq!((allowed(Policy::LocalOnly), allowed(Policy::LocalPreferred), allowed(Policy::ApiOnly)), (2, 3, 1));
        assert!(!Policy::LocalOnly.allows(Engine::ApiLuma));
        assert!(Policy::ApiOnly.allows(Engine::ApiLuma));
    }

    #[test]
    fn an_override_never_loosens_local_only() {
        for over in Policy::ALL.iter().copied().map(Some).chain([None]) {
            assert_eq!(Policy::LocalOnly.under(over), Policy::LocalOnly);
            assert_eq!(Policy::LocalPreferred.under(over), over.unwrap_or(Policy::LocalPreferred));
            assert_eq!(Policy::ApiOnly.under(over), over.unwrap_or(Policy::ApiOnly));
        }
    }

    #[test]
    fn an_engine_is_known_to_the_database_by_a_providers_name() {
        for engine in Engine::ALL {
            assert_eq!(engine.provider().replace('-', "_"), engine.as_str());
        }
    }
}
