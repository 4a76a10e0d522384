//! What was counted so far, kept in one SQLite file.
