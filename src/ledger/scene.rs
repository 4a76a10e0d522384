//! On which branch, and by which agent, a response was worked for.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What the line of a response says of where it came from. Of several lines that repeat it, the
/// earliest counts: work begins there, though the branch may change before the answer is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    /// The git branch as the client writes it; empty if the line says none.
    pub branch: String,
    /// A subagent's type; `main` for the session itself, `subagent` where the line names no type.
    pub agent: String,
}

/// What stands for a scene: a hash of its names, so that it does not depend on what was read first,
/// in the five bytes that SQLite keeps in six. There are a few hundred scenes at most.
pub(crate) type SceneId = i64;

/// The agent of a response that a session's own line shows.
const MAIN: &str = "main";
/// That of a subagent whose type is not told.
const UNNAMED: &str = "subagent";

/// The agent's name by what a line says.
pub(super) fn agent_name(told: Option<&str>, is_subagent: bool) -> &str {
    match told {
        Some(name) if !name.is_empty() => name,
        _ if is_subagent => UNNAMED,
        _ => MAIN,
    }
}

/// The id of a scene.
pub(super) fn scene_id(branch: &str, agent: &str) -> SceneId {
    let hash = xxh3_64_with_seed(agent.as_bytes(), xxh3_64(branch.as_bytes()));
    (hash >> 24).cast_signed()
}
