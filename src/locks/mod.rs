//! Lock files of Claude Code: the catalogue, what each one is now, and clearing the dead ones.
